"""A simulated transcriptome whose regulation is known: the files a lab would have, and the truth beside them."""

from eigrad.cases.splicing.simulate.programme import TISSUES, Effect, Factor, Programme, programme
from eigrad.cases.splicing.simulate.world import Settings, simulate

__all__ = ["TISSUES", "Effect", "Factor", "Programme", "Settings", "programme", "simulate"]
