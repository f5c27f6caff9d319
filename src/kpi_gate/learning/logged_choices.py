"""Choices that were logged: what could have been chosen instead, and how a model scores it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kpi_gate.learning.scoring import probabilities

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Choices:
    """What each row's decision could have been; the log says what it was, and how likely.

    Attributes:
        column: Row column that holds what was chosen.
        levels: All that can be chosen, in a fixed order.
        retell: (rows, level) to the rows as they would be, had `level` been chosen. It sets the
            column and whatever goes with it, such as a price; by default the column alone.
    """

    column: str
    levels: tuple[str, ...]
    retell: Callable[[pd.DataFrame, str], pd.DataFrame] | None = None

    def as_if(self, rows: pd.DataFrame, level: str) -> pd.DataFrame:
        """Return the rows as they would be, had `level` been chosen."""
        if self.retell is not None:
            return self.retell(rows, level)
        return rows.assign(**{self.column: level})

    def logged(self, rows: pd.DataFrame) -> NDArray[np.int64]:
        """Return the position of what was chosen among the levels, shape `(n,)`; -1 if unknown."""
        found = pd.Index(self.levels).get_indexer(rows[self.column].astype(str))
        return np.asarray(found, dtype=np.int64)

    def of_the_log(self, table: Floats, rows: pd.DataFrame) -> Floats:
        """Pick from a table of shape `(n, levels)` what stands under the logged choice."""
        logged = self.logged(rows)
        picked: Floats = table[np.arange(len(rows)), logged]
        return np.where(logged >= 0, picked, np.nan)


def choice_scores(
    estimator: Any, rows: pd.DataFrame, features: Sequence[str], choices: Choices
) -> Floats:
    """Return the probability of outcome 1 under every choice, shape `(n, levels)`.

    Raises:
        ScoringError: If the estimator fails, or answers with another shape or no probability.
    """
    scores = [
        probabilities(estimator, choices.as_if(rows, level), features) for level in choices.levels
    ]
    return np.column_stack(scores)
