"""What actions are worth on rows whose outcomes are known, by the use case's own estimator."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kpi_gate.decision.value import estimators
from kpi_gate.decision.value.estimators import Estimate, Pair
from kpi_gate.evaluation.views import once_over
from kpi_gate.usecase.contract import UseCase

Floats = NDArray[np.float64]
Parameters = Mapping[str, float]
OTHER_REWARDS = "rewards: both sides must be paid alike for what the log did"


def counted(use_case: UseCase, action: Floats) -> Floats:
    """Return the action by which a row is counted, shape `(n,)`.

    Of logged choices a side's action is a chance: there each row counts as what the log did.
    """
    return action if use_case.choices is None else np.ones_like(action, dtype=np.float64)


def row_values(
    use_case: UseCase, rows: pd.DataFrame, action: Floats, parameters: Parameters
) -> Floats:
    """Return the value of each row, shape `(n,)`; of logged choices, of what the log chose.

    It is not weighed yet, and NaN where the outcome is not known.
    """
    outcome, over = rows["outcome"].to_numpy(dtype=np.float64), once_over(use_case, rows)
    return use_case.value.value(counted(use_case, action), outcome, over, parameters)


def estimate(
    use_case: UseCase,
    rows: pd.DataFrame,
    actions: Pair,
    values: Pair,
    parameters: Parameters,
    *,
    exposed: bool = True,
) -> Estimate:
    """Return both sides' value of every row, as the gate compares them.

    Args:
        use_case: Whose estimator.
        rows: Rows with their outcomes and the roles that the estimator needs.
        actions: (champion, candidate); of logged choices, their chance of what the log chose.
        values: (champion, candidate), as `row_values` gives them.
        parameters: Value parameters that the values were computed with.
        exposed: Whether the most that each row could lose is asked for; of no other number does
            the answer depend on it.
    """
    kind = use_case.settings.estimator.kind
    if use_case.choices is not None:
        weigh = estimators.ips if kind == "ips" else estimators.snips
        found = weigh(values[0], _numbers(rows, "propensity"), actions)
        alike = np.array_equal(*values, equal_nan=True)
        return found if alike else replace(found, faults=(*found.faults, OTHER_REWARDS))
    worst = best = np.zeros(len(rows))
    if exposed or kind == "bounded":
        ends = [_difference(use_case, rows, actions, happened, parameters) for happened in (0, 1)]
        worst, best = np.minimum(*ends), np.maximum(*ends)
    stake = np.maximum(-worst, 0.0)
    if kind == "ratio":
        bases = _bases(use_case, rows, actions, parameters)
        return replace(estimators.ratio(values, bases), exposure=stake)
    if kind == "selective":
        seen, propensity = _observed(rows), _numbers(rows, "propensity")
        return estimators.selective(values, seen, propensity, stake)
    if kind == "bounded":
        found = estimators.bounded(values, ~_observed(rows), (worst, best))
        return replace(found, exposure=stake)
    return replace(estimators.paired(values), exposure=stake)


def per_decision(
    use_case: UseCase, rows: pd.DataFrame, action: Floats, amounts: Floats, parameters: Parameters
) -> float:
    """Return the mean of amounts per decision of one side, weighed as its value is.

    Args:
        use_case: Whose estimator.
        rows: Rows with the roles that the estimator needs.
        action: The side's actions.
        amounts: What each row counts, such as a part of its value; shape `(n,)`.
        parameters: Value parameters.
    """
    kind = use_case.settings.estimator.kind
    if kind in ("ips", "snips"):
        weight = action / _numbers(rows, "propensity")
        total = weight.sum() if kind == "snips" else float(len(rows))
        return float((weight * amounts).sum() / total)
    if kind == "ratio":
        return float(amounts.sum() / _bases(use_case, rows, (action, action), parameters)[0].sum())
    if kind == "selective":
        seen = _observed(rows)
        return float(np.where(seen, amounts / _numbers(rows, "propensity"), 0.0).mean())
    if kind == "bounded":
        return float(np.where(_observed(rows), amounts, 0.0).mean())
    return float(np.mean(amounts))


def worth(use_case: UseCase, rows: pd.DataFrame, action: Floats, parameters: Parameters) -> float:
    """Return the value per decision of one side's actions."""
    values = row_values(use_case, rows, action, parameters)
    return per_decision(use_case, rows, action, values, parameters)


def _difference(
    use_case: UseCase, rows: pd.DataFrame, actions: Pair, outcome: float, parameters: Parameters
) -> Floats:
    """Return candidate minus champion, had every outcome been this one; of a ratio, per base."""
    happened, columns = np.full(len(rows), outcome), _had_it_been(use_case, rows, outcome)
    champion, candidate = (
        use_case.value.value(action, happened, columns, parameters) for action in actions
    )
    if use_case.settings.estimator.kind == "ratio" and len(rows):
        bases = _bases(use_case, rows, actions, parameters)
        with np.errstate(divide="ignore", invalid="ignore"):  # the gate refuses an empty base
            champion, candidate = champion / bases[0].mean(), candidate / bases[1].mean()
    difference: Floats = candidate - champion
    return difference


def _had_it_been(use_case: UseCase, rows: pd.DataFrame, outcome: float) -> pd.DataFrame:
    """Return what the value reads, had every outcome been this one.

    An amount that came with another outcome, or not at all, is taken at its mean where the outcome
    was this one.
    """
    columns, late = once_over(use_case, rows), use_case.times.late_amounts
    other = rows["outcome"].to_numpy(dtype=np.float64) != outcome
    for name in late if other.any() else ():
        amount = columns[name].to_numpy(dtype=np.float64)
        usual = amount[~other].mean() if (~other).any() else np.nan_to_num(amount).mean()
        columns = columns.assign(**{name: np.where(other, usual, amount)})
    return columns


def _bases(use_case: UseCase, rows: pd.DataFrame, actions: Pair, parameters: Parameters) -> Pair:
    counted = use_case.value.base
    if counted is None:
        raise ValueError(f"{use_case.value.name} has no base: it is no ratio")
    columns = {name: rows[name].to_numpy(dtype=np.float64) for name in use_case.value.columns}
    outcome = rows["outcome"].to_numpy(dtype=np.float64)
    champion, candidate = (
        np.asarray(counted(action, outcome, columns, parameters), dtype=np.float64)
        for action in actions
    )
    return champion, candidate


def _observed(rows: pd.DataFrame) -> NDArray[np.bool_]:
    seen: NDArray[np.bool_] = rows["observed"].to_numpy(dtype=bool)
    return seen


def _numbers(rows: pd.DataFrame, column: str) -> Floats:
    numbers: Floats = rows[column].to_numpy(dtype=np.float64)
    return numbers
