"""Worlds whose causes are known, to see whether an analysis finds them."""

from eigrad.cases.synthetic.units import UNITS, Unit
from eigrad.cases.synthetic.worlds import WORLDS, Simulated, World

__all__ = ["UNITS", "WORLDS", "Simulated", "Unit", "World"]
