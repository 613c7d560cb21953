"""Which features does a network use more for one class than in general?"""

from eigrad.significance.calibration import (
    familywise_error,
    null_calibration,
    null_p_values,
    planted_power,
    recommended_calibration,
)
from eigrad.significance.draws import NullDraw
from eigrad.significance.guards import SignificanceWarning
from eigrad.significance.metafeatures import by_prefix, correlated, members, patches
from eigrad.significance.recommended import ORDERS, ranking, recommended
from eigrad.significance.table import significance

__all__ = [
    "ORDERS",
    "NullDraw",
    "SignificanceWarning",
    "by_prefix",
    "correlated",
    "familywise_error",
    "members",
    "null_calibration",
    "null_p_values",
    "patches",
    "planted_power",
    "ranking",
    "recommended",
    "recommended_calibration",
    "significance",
]
