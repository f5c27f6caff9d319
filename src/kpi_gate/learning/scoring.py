"""Score rows: probabilities, actions, and how long it takes."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kpi_gate.decision.value.model import ValueModel
from kpi_gate.learning.expected import NO_AMOUNTS, NOTHING, Amounts, value_columns
from kpi_gate.learning.policy import Policy
from kpi_gate.text import failure

if TYPE_CHECKING:
    from kpi_gate.learning.logged_choices import Choices

Floats = NDArray[np.float64]
KEY_ROLES = ("unit", "item", "event_time")  # what makes a row the decision that it is
DECISION_ID = "decision_id"  # makes it so by itself, where the rows have it


class ScoringError(RuntimeError):
    """A model could not score the rows."""


def probabilities(estimator: Any, rows: pd.DataFrame, features: Sequence[str]) -> Floats:
    """Return the probability of outcome 1, shape `(n,)`.

    Raises:
        ScoringError: If the estimator fails, or answers with another shape or no probability.
    """
    return predict_proba(estimator, lambda: rows[list(features)], len(rows))[:, 1]


def predict_proba(estimator: Any, inputs: Callable[[], Any], rows: int) -> Floats:
    """Return the probabilities of both classes, shape `(rows, 2)`.

    One worker scores: a forest's add up their trees in the order in which they happen to end, so
    the last bits would differ from call to call.

    Args:
        estimator: A fitted classifier.
        inputs: Gives what it reads; what goes wrong there is its failure too.
        rows: How many rows that are.

    Raises:
        ScoringError: If the estimator fails, or answers with another shape or no probability.
    """
    try:
        with _one_worker():
            answer = np.asarray(estimator.predict_proba(inputs()), dtype=float)
    except Exception as error:
        raise ScoringError(failure(error)) from error
    if answer.shape != (rows, 2):
        raise ScoringError(f"predict_proba gave shape {answer.shape}, must be {(rows, 2)}")
    outside = int(((answer[:, 1] < 0) | (answer[:, 1] > 1)).sum())
    if outside:
        raise ScoringError(
            f"predict_proba gave {outside} of {rows} numbers outside [0, 1], "
            f"such as {answer[np.argmax(np.abs(answer[:, 1])), 1]:g}"
        )
    return answer


def _one_worker() -> AbstractContextManager[Any]:
    try:
        from joblib import parallel_config
    except ImportError:  # scikit-learn brings it; without it there are no workers
        return nullcontext()
    return parallel_config(backend="sequential")  # type: ignore[no-any-return]


def act(
    policy: Policy,
    value: ValueModel,
    scores: Floats,
    rows: pd.DataFrame,
    choices: "Choices | None" = None,
    expected: Mapping[str, str] = NOTHING,
    amounts: Amounts = NO_AMOUNTS,
) -> Floats:
    """Return the policy's actions on the rows, shape `(n,)`.

    Of logged choices it is the probability with which the policy takes what the log took.

    Args:
        policy: Rule.
        value: What an action is worth.
        scores: Probability of outcome 1, shape `(n,)`; of choices `(n, levels)`.
        rows: The rows as they were at the decision, with the columns that the policy reads.
        choices: What could have been chosen, where choices were logged.
        expected: Of an amount that comes later, the column that says what it will be.
        amounts: What a second model expects of such amounts.
    """
    if policy.settings.kind == "probability":  # it weighs nothing
        return policy.actions(scores, {}, value)
    if choices is None:
        groups = groups_of(rows, policy.settings.within)
        columns, otherwise = value_columns(rows, value, expected, amounts)
        return policy.actions(scores, columns, value, groups, otherwise)
    chances = choice_chances(policy, value, scores, rows, choices, expected, amounts)
    return choices.of_the_log(chances, rows)


def choice_chances(
    policy: Policy,
    value: ValueModel,
    scores: Floats,
    rows: pd.DataFrame,
    choices: "Choices",
    expected: Mapping[str, str] = NOTHING,
    amounts: Amounts = NO_AMOUNTS,
) -> Floats:
    """Return the probability with which the policy takes each level, shape `(n, levels)`.

    Args:
        policy: Rule.
        value: What an action is worth.
        scores: Probability of outcome 1 under each level, shape `(n, levels)`.
        rows: The rows as they were at the decision.
        choices: What can be chosen.
        expected: As of `act`.
        amounts: As of `act`.
    """
    taken, money = np.ones(len(rows)), []
    for place, level in enumerate(choices.levels):
        columns, _ = value_columns(choices.as_if(rows, level), value, expected, amounts)
        money.append(value.expected(taken, scores[:, place], columns, policy.parameters))
    return policy.chances(np.column_stack(money))


def groups_of(rows: pd.DataFrame, within: Sequence[str]) -> NDArray[np.int64] | None:
    """Number the groups within which a budget holds; None for the whole batch."""
    if not within:
        return None
    keys = [
        rows["event_time"].dt.floor("D") if name == "day" and name not in rows else rows[name]
        for name in within
    ]
    numbered = pd.DataFrame(dict(enumerate(keys)), rows.index).groupby(
        list(range(len(keys))), sort=False, observed=True, dropna=False
    )
    return np.asarray(numbered.ngroup(), dtype=np.int64)


def row_keys(rows: pd.DataFrame) -> NDArray[np.uint64]:
    """Hash the identity of each row's decision, written as text: 1, 1.0 and "1" are one.

    It is `decision_id`, where the rows have it; else unit, item (where there is one) and event
    time.
    """
    if DECISION_ID in rows:
        return _hashed(pd.DataFrame({DECISION_ID: _text(rows[DECISION_ID])}))
    # one resolution and one zone: the same moment must hash alike, whoever wrote it
    moment = rows["event_time"].dt.tz_convert("UTC").dt.as_unit("us")
    named = {name: _text(rows[name]) for name in KEY_ROLES[:-1] if name in rows}
    return _hashed(pd.DataFrame({**named, "event_time": moment}))


def _hashed(table: pd.DataFrame) -> NDArray[np.uint64]:
    keys: NDArray[np.uint64] = pd.util.hash_pandas_object(table, index=False).to_numpy(np.uint64)
    return keys


def _text(column: pd.Series) -> pd.Series:
    """Return the values as text; each distinct one is written once."""
    codes, values = pd.factorize(column, use_na_sentinel=False)
    return pd.Series(
        np.array([_word(value) for value in values], dtype=object)[codes], column.index
    )


def _word(value: Any) -> str:
    whole = isinstance(value, float) and value.is_integer()
    return str(int(value)) if whole else str(value)


def latencies_ms(scorers: Sequence[Callable[[], Any]], repeats: int = 9) -> list[float]:
    """Return each one's least milliseconds, in turns: what else the machine does only adds."""
    times = np.empty((repeats, len(scorers)))
    for turn in range(repeats):
        for column, scorer in enumerate(scorers):
            start = time.perf_counter()
            scorer()
            times[turn, column] = (time.perf_counter() - start) * 1e3
    return [float(value) for value in times.min(axis=0)]


def blank_some(
    rows: pd.DataFrame, features: Sequence[str], share: float, seed: int
) -> pd.DataFrame:
    """Return the rows with a seeded share of every feature's cells missing."""
    generator = np.random.default_rng(seed)
    blanked = rows.copy()
    for name in features:
        blanked[name] = blanked[name].mask(generator.random(len(rows)) < share)
    return blanked
