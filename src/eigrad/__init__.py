"""Which features make a trained network treat one class of samples differently, and which are significant."""

from importlib.metadata import version

from eigrad import baselines, paths, tl
from eigrad.attribute import Attributions, Diagnosis, Explainer, diagnose, simple_gradients
from eigrad.sets import Sets, draw_sets
from eigrad.significance import NullDraw, SignificanceWarning, null_calibration, patches, recommended, significance

__version__ = version("eigrad")

__all__ = [
    "Attributions",
    "Diagnosis",
    "Explainer",
    "NullDraw",
    "Sets",
    "SignificanceWarning",
    "__version__",
    "baselines",
    "diagnose",
    "draw_sets",
    "null_calibration",
    "patches",
    "paths",
    "recommended",
    "significance",
    "simple_gradients",
    "tl",
]
