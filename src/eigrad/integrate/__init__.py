"""One integrator for every path: a = sum over nodes of (gradient at the node) * (step of the node)."""

from eigrad.integrate.field import Field
from eigrad.integrate.rules import GRADED, RULES, Rule
from eigrad.integrate.walk import Integral, integrate

__all__ = ["GRADED", "RULES", "Field", "Integral", "Rule", "integrate"]
