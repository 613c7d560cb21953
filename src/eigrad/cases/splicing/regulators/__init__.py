"""Which protein regulates: evidence for each candidate, from expression, cross-linking and knock-out."""

from eigrad.cases.splicing.regulators.clip import PLACES, Sites, near, read_sites
from eigrad.cases.splicing.regulators.expression import Expression, read_expression
from eigrad.cases.splicing.regulators.fisher import against
from eigrad.cases.splicing.regulators.knockout import Response, response, shared

__all__ = [
    "PLACES",
    "Expression",
    "Response",
    "Sites",
    "against",
    "near",
    "read_expression",
    "read_sites",
    "response",
    "shared",
]
