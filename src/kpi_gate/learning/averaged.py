"""Fitted classifiers whose probabilities are averaged: each errs in its own way."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from kpi_gate.decision.value.model import Floats
from kpi_gate.learning.expected import Expected


class Averaged(BaseEstimator):  # type: ignore[misc]
    """The mean of the probabilities of several fitted classifiers, and of the amounts they expect.

    What was fitted stays as it is: `fit` would have nothing to do, and is not there.
    """

    def __init__(self, classifiers: list[Any]) -> None:
        """Hold the parts.

        Args:
            classifiers: Fitted; all know the same amounts, if any.
        """
        self.classifiers = classifiers

    @property
    def classes_(self) -> NDArray[Any]:
        """The outcomes 0 and 1."""
        return np.array([0, 1])

    @property
    def amounts(self) -> tuple[str, ...]:
        """Names of the amounts that it knows."""
        return tuple(getattr(self.classifiers[0], "amounts", ()))

    def predict_proba(self, rows: pd.DataFrame) -> Floats:
        """Return the mean of the probabilities."""
        found = [np.asarray(one.predict_proba(rows), dtype=float) for one in self.classifiers]
        return np.asarray(np.mean(found, axis=0))

    def expect(self, rows: pd.DataFrame) -> dict[str, Expected]:
        """Return the mean of what each amount is expected to be; empty where none is known.

        Raises:
            AmountError: If a regressor fails.
        """
        found = [one.expect(rows) for one in self.classifiers] if self.amounts else [{}]
        return {name: Expected(*np.mean([one[name] for one in found], axis=0)) for name in found[0]}
