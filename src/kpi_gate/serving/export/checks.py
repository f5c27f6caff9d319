"""The step that refuses what an estimator of scikit-learn refuses: gaps, endless numbers."""

from typing import Any

from sklearn.utils import get_tags

from kpi_gate.serving.export.draft import NOTHING, named
from kpi_gate.serving.program.table import Spec

IN_SINGLE = ("GradientBoosting", "RandomForest", "ExtraTree", "DecisionTree")  # read as float32
TAKES_ALL = ("HistGradientBoosting", "LGBM", "XGB")


def checked(estimator: Any) -> Spec:
    """Return the step that stands before a fitted estimator or transformer."""
    kind = named(estimator)
    if kind.startswith(TAKES_ALL):
        return NOTHING
    return {
        "kind": "whole",
        "words": kind,
        "gaps": bool(get_tags(estimator).input_tags.allow_nan),
        "single": kind.startswith(IN_SINGLE),
    }
