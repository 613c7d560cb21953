"""Which features make a trained network treat one class of samples differently, and which are significant."""

from importlib.metadata import version

from eigrad import baselines, paths
from eigrad.attribute import Attributions, Diagnosis, Explainer, diagnose, simple_gradients
from eigrad.significance import SignificanceWarning, null_calibration, patches, significance

__version__ = version("eigrad")

__all__ = [
    "Attributions",
    "Diagnosis",
    "Explainer",
    "SignificanceWarning",
    "__version__",
    "baselines",
    "diagnose",
    "null_calibration",
    "patches",
    "paths",
    "significance",
    "simple_gradients",
]
