"""What the machine asks of an estimator: the chances of outcome 0 and 1, in this order."""

from typing import Any

from sklearn.base import is_regressor

# a parameter of scikit-learn's that keeps a classifier from giving probabilities, and its cure
_CURES = (
    ("voting", "hard", 'voting="soft"'),
    ("loss", "hinge", 'loss="log_loss"'),
)


class NotAClassifierError(ValueError):
    """An estimator gives no probabilities of the two outcomes; the message says what to do."""


def require_probabilities(estimator: Any) -> None:
    """Refuse a fitted estimator that cannot say how likely each of the two outcomes is.

    Raises:
        NotAClassifierError: If it has no `predict_proba`, or other classes than 0 and 1.
    """
    last = _last(estimator)
    name = type(last).__name__
    if not hasattr(estimator, "predict_proba"):
        if _is_regressor(last):
            raise NotAClassifierError(
                f"{name} is a regressor: give a classifier, whose predict_proba says how likely "
                "outcome 1 is"
            )
        raise NotAClassifierError(f"{name} has no predict_proba: {_cure(last, name)}")
    classes = getattr(estimator, "classes_", None)
    if classes is not None and list(classes) != [0, 1]:
        raise NotAClassifierError(
            f"{name} has classes_ {[str(found) for found in classes]}, must be [0, 1]: give the "
            "outcome to it as it is, and its columns in this order"
        )


def _last(estimator: Any) -> Any:
    """Return the last step of a pipeline, which answers for it."""
    steps = getattr(estimator, "steps", None)
    return _last(steps[-1][1]) if steps else estimator


def _is_regressor(estimator: Any) -> bool:
    try:
        return bool(is_regressor(estimator))
    except (AttributeError, TypeError):  # it is none of scikit-learn's
        return False


def _cure(estimator: Any, name: str) -> str:
    parameters = estimator.get_params(deep=False) if hasattr(estimator, "get_params") else {}
    for parameter, wrong, cure in _CURES:
        if parameters.get(parameter) == wrong:
            return f"set {cure}, or wrap it: CalibratedClassifierCV({name}(...))"
    return f"wrap it: CalibratedClassifierCV({name}(...)) of sklearn.calibration"
