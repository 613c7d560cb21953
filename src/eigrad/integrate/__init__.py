"""One integrator for every path: a = sum over nodes of (gradient at the node) * (step of the node)."""

from eigrad.integrate.field import Field
from eigrad.integrate.rules import CROWDED, RULES, Rule
from eigrad.integrate.walk import Integral, integrate

__all__ = ["CROWDED", "RULES", "Field", "Integral", "Rule", "integrate"]
