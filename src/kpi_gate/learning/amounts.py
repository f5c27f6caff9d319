"""What an amount that arrives with the outcome will be: a second model, beside the classifier."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyRegressor

from kpi_gate.decision.value.model import Floats
from kpi_gate.learning.expected import AmountError, Expected
from kpi_gate.text import failure

FEWEST_ROWS = 20  # with an amount under one outcome; fewer are taken at their mean


class WithAmounts(BaseEstimator):  # type: ignore[misc]
    """A fitted classifier with, for each amount, two fitted regressors: one for each outcome.

    An amount is learnt apart for rows whose outcome was 1 and those whose outcome was 0: the
    expected value weighs both by the probability, which must not be counted twice.
    """

    def __init__(self, classifier: Any, amounts: dict[str, list[Any]]) -> None:
        """Hold the parts.

        Args:
            classifier: Gives the probability of outcome 1.
            amounts: By name, the regressors of outcome 0 and of outcome 1.
        """
        self.classifier = classifier
        self.amounts = amounts

    @property
    def classes_(self) -> NDArray[Any]:
        """The classifier's classes."""
        return np.asarray(self.classifier.classes_)

    def predict_proba(self, rows: pd.DataFrame) -> Floats:
        """Return the classifier's probabilities."""
        return np.asarray(self.classifier.predict_proba(rows))

    def expect(self, rows: pd.DataFrame) -> dict[str, Expected]:
        """Return what each amount is expected to be.

        Raises:
            AmountError: If a regressor fails.
        """
        found = {}
        for name, (without, with_it) in self.amounts.items():
            try:
                pair = [np.asarray(m.predict(rows), dtype=float) for m in (with_it, without)]
            except Exception as error:  # the user's estimator may fail in any way
                raise AmountError(f"the model of {name!r} fails: {failure(error)}") from error
            if any(amount.shape != (len(rows),) for amount in pair):
                raise AmountError(f"the model of {name!r} gave another shape than ({len(rows)},)")
            found[name] = Expected(*pair)
        return found


def with_amounts(
    classifier: Any,
    rows: pd.DataFrame,
    *,
    names: Sequence[str],
    features: Sequence[str],
    make: Callable[[], Any],
) -> WithAmounts:
    """Return a classifier with regressors that have learnt its amounts from the same rows.

    Args:
        classifier: Fitted.
        rows: Rows whose outcome is known.
        names: The amounts.
        features: Input columns.
        make: Returns an unfitted regressor.

    Raises:
        AmountError: If a regressor fails on the rows.
    """
    learnt = {}
    for name in names:
        amount = rows[name].to_numpy(dtype=float)
        known = np.isfinite(amount)
        outcome = rows["outcome"].to_numpy(dtype=float)
        learnt[name] = [
            _fitted(name, make, rows.loc[part, list(features)], amount[part])
            for part in (known & (outcome == 0), known & (outcome == 1))
        ]
    return WithAmounts(classifier, learnt)


def _fitted(name: str, make: Callable[[], Any], inputs: pd.DataFrame, amount: Floats) -> Any:
    """Fit one regressor; an amount that is always the same, or rare, is its mean."""
    if amount.size < FEWEST_ROWS or np.ptp(amount) == 0:
        mean = float(amount.mean()) if amount.size else 0.0
        return DummyRegressor(strategy="constant", constant=mean).fit([[0.0]], [mean])
    try:
        return make().fit(inputs, amount)
    except Exception as error:  # the user's estimator may fail in any way
        words = f"the model of {name!r} on {amount.size} rows: {failure(error)}"
        raise AmountError(words) from error
