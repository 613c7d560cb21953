"""Exon triplets and their inclusion, from what MAJIQ, rMATS, VAST-TOOLS or anyone else wrote."""

from eigrad.cases.splicing.events.annotation import constitutive_exons
from eigrad.cases.splicing.events.cassettes import read_cassettes
from eigrad.cases.splicing.events.majiq import read_majiq
from eigrad.cases.splicing.events.plain import read_csv, write_events
from eigrad.cases.splicing.events.read import read_events
from eigrad.cases.splicing.events.rmats import read_rmats
from eigrad.cases.splicing.events.sets import (
    alternative_elsewhere,
    constitutive,
    differential,
    n_comparisons,
    non_changing,
    targets,
    times_compared,
    unchanged,
)
from eigrad.cases.splicing.events.table import CHANGES, COORDINATES, EXONS, SPREAD, Events, event_id, merge
from eigrad.cases.splicing.events.vasttools import read_vasttools

__all__ = [
    "CHANGES",
    "COORDINATES",
    "EXONS",
    "SPREAD",
    "Events",
    "alternative_elsewhere",
    "constitutive",
    "constitutive_exons",
    "differential",
    "event_id",
    "merge",
    "n_comparisons",
    "non_changing",
    "read_cassettes",
    "read_csv",
    "read_events",
    "read_majiq",
    "read_rmats",
    "read_vasttools",
    "targets",
    "times_compared",
    "unchanged",
    "write_events",
]
