"""Score rows: probabilities, actions, and how long it takes."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kpi_gate.decision.value import ValueModel
from kpi_gate.learning.policy import Policy

Floats = NDArray[np.float64]


class ScoringError(RuntimeError):
    """A model could not score the rows."""


def probabilities(estimator: Any, rows: pd.DataFrame, features: Sequence[str]) -> Floats:
    """Return the probability of outcome 1, shape `(n,)`.

    Raises:
        ScoringError: If the estimator fails, or answers with another shape or no probability.
    """
    try:
        answer = np.asarray(estimator.predict_proba(rows[list(features)]), dtype=float)
    except Exception as error:
        raise ScoringError(f"{type(error).__name__}: {' '.join(str(error).split())}") from error
    if answer.shape != (len(rows), 2):
        raise ScoringError(f"predict_proba gave shape {answer.shape}, must be {(len(rows), 2)}")
    outside = int(((answer[:, 1] < 0) | (answer[:, 1] > 1)).sum())
    if outside:
        raise ScoringError(
            f"predict_proba gave {outside} of {len(rows)} numbers outside [0, 1], "
            f"such as {answer[np.argmax(np.abs(answer[:, 1])), 1]:g}"
        )
    return answer[:, 1]


def act(policy: Policy, value: ValueModel, probability: Floats, rows: pd.DataFrame) -> Floats:
    """Return the policy's actions on the rows, shape `(n,)`."""
    columns = {name: rows[name].to_numpy(dtype=float) for name in value.columns}
    return policy.actions(probability, columns, value)


def row_keys(rows: pd.DataFrame) -> NDArray[np.uint64]:
    """Hash the unit and the event time of each row: the identity of a decision."""
    # one resolution and one zone: the same moment must hash alike, whoever wrote it
    moment = rows["event_time"].dt.tz_convert("UTC").dt.as_unit("us")
    table = pd.DataFrame({"unit": rows["unit"].astype(str), "event_time": moment})
    keys: NDArray[np.uint64] = pd.util.hash_pandas_object(table, index=False).to_numpy(np.uint64)
    return keys


def latencies_ms(scorers: Sequence[Callable[[], Any]], repeats: int = 9) -> list[float]:
    """Time scorers in turn; return the median milliseconds of each.

    Taking turns lets a busy moment of the machine hit all of them alike.
    """
    times = np.empty((repeats, len(scorers)))
    for turn in range(repeats):
        for column, scorer in enumerate(scorers):
            start = time.perf_counter()
            scorer()
            times[turn, column] = (time.perf_counter() - start) * 1e3
    return [float(value) for value in np.median(times, axis=0)]


def blank_some(
    rows: pd.DataFrame, features: Sequence[str], share: float, seed: int
) -> pd.DataFrame:
    """Return the rows with a seeded share of every feature's cells missing."""
    generator = np.random.default_rng(seed)
    blanked = rows.copy()
    for name in features:
        blanked[name] = blanked[name].mask(generator.random(len(rows)) < share)
    return blanked
