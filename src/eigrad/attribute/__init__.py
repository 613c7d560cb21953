"""Explain samples against baselines: the one call most users make, and the value it returns."""

from eigrad.attribute.course import Settled
from eigrad.attribute.diagnosis import Diagnosis
from eigrad.attribute.explainer import Explainer, diagnose, simple_gradients
from eigrad.attribute.result import TENSORS, Attributions
from eigrad.attribute.session import Session

__all__ = ["TENSORS", "Attributions", "Diagnosis", "Explainer", "Session", "Settled", "diagnose", "simple_gradients"]
