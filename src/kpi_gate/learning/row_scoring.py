"""Score what can be scored of a table, and say which rows cannot, and why."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kpi_gate.learning.scoring import ScoringError, probabilities

Floats = NDArray[np.float64]
Places = NDArray[np.intp]
Score = Callable[[pd.DataFrame], Floats]
MOST_CALLS = 500
MOST_NAMED = 3  # values of a column


@dataclass(frozen=True)
class PartlyScored:
    """A table of which some rows may not have been scored.

    Attributes:
        scores: Probabilities; where a row failed, what was given in its stead.
        failed: Marks the rows without a score of their own, shape `(n,)`.
        words: Which rows failed, and why; empty where none did.
    """

    scores: Floats
    failed: NDArray[np.bool_]
    words: str = ""


def score_partly(
    score: Score, rows: pd.DataFrame, features: Sequence[str], instead: Floats
) -> PartlyScored:
    """Score the rows that can be scored; the others keep what is given instead.

    A table that fails as a whole is halved until its rows are told apart, the largest parts first,
    by at most `MOST_CALLS` calls. What is in doubt then counts as failed.

    Args:
        score: Rows to probabilities, shape `(n,)` or `(n, k)`; it raises ScoringError.
        rows: The table.
        features: The model's input columns.
        instead: What a row that fails gets; same shape as the scores.
    """
    scores, failed = instead.copy(), np.ones(len(rows), dtype=bool)
    waiting = deque([np.arange(len(rows))] if len(rows) else [])
    for call in range(MOST_CALLS):
        if not waiting:
            break
        part = waiting.popleft()
        try:
            found = score(rows.iloc[part] if call else rows)
        except ScoringError:
            if not call:
                part = _alike_together(rows, features)
            if len(part) > 1:
                waiting.extend(np.array_split(part, 2))
            continue
        finite = np.isfinite(found).reshape(len(part), -1).all(axis=1)
        scores[part[finite]], failed[part[finite]] = found[finite], False
    words = _words(score, rows, features, failed) if failed.any() else ""
    return PartlyScored(scores, failed, words)


def require_scores(estimator: Any, rows: pd.DataFrame, features: Sequence[str], what: str) -> None:
    """Refuse a model that cannot score every row, and name those that it cannot.

    Raises:
        ScoringError: If there are such rows; it begins with `what`.
    """
    nothing = np.full(len(rows), np.nan)
    found = score_partly(lambda p: probabilities(estimator, p, features), rows, features, nothing)
    if found.words:
        raise ScoringError(f"{what} cannot score {found.words}")


def _alike_together(rows: pd.DataFrame, features: Sequence[str]) -> Places:
    """Return the rows' places, those with the same words and the same gaps side by side."""
    keys: list[NDArray[Any]] = []
    for column in (rows[name] for name in features if name in rows):
        keys.append(column.isna().to_numpy())
        if not pd.api.types.is_numeric_dtype(column):
            keys.append(pd.factorize(column.astype(str))[0])
    return np.lexsort(keys) if keys else np.arange(len(rows))


def _words(
    score: Score, rows: pd.DataFrame, features: Sequence[str], failed: NDArray[np.bool_]
) -> str:
    first = rows.iloc[[int(np.argmax(failed))]]
    named = [f"{name} {first[name].iloc[0]}" for name in ("unit", "event_time") if name in first]
    try:
        score(first)
        why = "predict_proba gave no finite number"
    except ScoringError as error:
        why = str(error)
    apart = _what_sets_apart(rows, features, failed)
    where = f" ({', '.join(named)})" if named else ""
    return (
        f"{failed.sum():,} of {len(rows):,} rows, the first of them row {int(np.argmax(failed))}"
        f"{where}: {why}{f'; {apart} in all of them and in no other' if apart else ''}"
    )


def _what_sets_apart(rows: pd.DataFrame, features: Sequence[str], failed: NDArray[np.bool_]) -> str:
    """Name the columns whose values tell the rows that failed from the others."""
    told = []
    for column in (rows[name] for name in features if name in rows):
        missing = column.isna().to_numpy()
        if missing[failed].all() and not missing[~failed].any():
            told.append(f"{column.name} is missing")
        different = column[failed].nunique()
        by_chance = pd.api.types.is_float_dtype(column) and 2 * different > failed.sum()
        if missing[failed].any() or by_chance or different > MOST_NAMED:
            continue
        bad = set(column[failed].astype(str))
        if bad.isdisjoint(column[~failed].astype(str)):
            told.append(f"{column.name} is {' or '.join(map(repr, sorted(bad)))}")
    return ", ".join(told)
