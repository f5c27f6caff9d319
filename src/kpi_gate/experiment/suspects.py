"""Rows of a log that should not be there, and the days that they are of."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from kpi_gate.experiment.plan import ARMS, Plan

if TYPE_CHECKING:
    from kpi_gate.experiment.exposures import LoggedRows

Bools = NDArray[np.bool_]
_ODD = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0xD6E8FEB86659FD93)  # mix the bits of a row
DOUBLED = 0.95  # share of a day's rows with a twin from which on it was written twice
MANY = 30  # rows of a day, below which twins prove nothing


@dataclass(frozen=True)
class Suspects:
    """Rows of one kind that should not be there.

    Attributes:
        days: Day of each, sorted.
        example: One of them in words; empty where a number says all.
    """

    days: NDArray[np.int32]
    example: str = ""

    def until(self, cut: int) -> int:
        """Return how many there are before a day."""
        return int(np.searchsorted(self.days, np.int32(cut)))


def suspected(day: NDArray[np.int32], wrong: Bools, example: str = "") -> Suspects:
    """Return the rows that are wrong, by their day."""
    return Suspects(np.sort(day[wrong]), example)


def find_suspects(rows: "LoggedRows", plan: Plan) -> dict[str, Suspects]:
    """Return what is wrong with single rows, by what was looked for."""
    early = rows.since < 0
    found = {
        "early": suspected(rows.day, early),
        "later": suspected(rows.day, ~rows.use & ~early),
        "versions": _other_version(rows, plan),
        "infinite": suspected(rows.day, rows.use & np.isinf(rows.numbers(plan.metric.numerator))),
    }
    found |= _twice(rows, plan)
    outcome = rows.outcome_since
    if outcome is not None:
        since, told = outcome
        found["outcomes"] = suspected(rows.day, rows.use & told & (since < rows.since))
    if plan.metric.denominator == "action":
        action = rows.numbers("action")
        found["action"] = suspected(rows.day, rows.use & ~((action >= 0) & (action < np.inf)))
    return found


def _other_version(rows: "LoggedRows", plan: Plan) -> Suspects:
    """Return the rows that another version decided than their arm's."""
    control, treatment = (rows.says("policy_version", plan.versions[arm]) for arm in ARMS)
    if plan.kind == "holdback":  # the versions in use follow each other
        treatment = ~rows.says("policy_version", plan.control)
    wrong = rows.use & ~np.where(rows.side == 1, treatment, control)
    if not wrong.any():
        return suspected(rows.day, wrong)
    at = int(np.argmax(wrong))
    return suspected(
        rows.day, wrong, f"{rows.table['policy_version'][at]} in {ARMS[rows.side[at]]}"
    )


def _twice(rows: "LoggedRows", plan: Plan) -> dict[str, Suspects]:
    """Return the rows that are there before with the same unit, moment, action and value.

    Such rows may be two decisions of one moment. Of a day that was written twice each is even.
    """
    order = rows.order
    same = np.diff(rows.since[order]) == 0
    of_one_moment = np.append(same, False) | np.insert(same, 0, False)
    if not same.any():
        return {}
    index = np.flatnonzero(of_one_moment) if isinstance(order, slice) else order[of_one_moment]
    index.sort()
    key = rows.since[index].view(np.uint64) * np.uint64(_ODD[0])
    key ^= rows.unit[index].astype(np.uint64) * np.uint64(_ODD[1])
    for name in dict.fromkeys(("action", plan.metric.numerator)):
        key = (key << np.uint64(31)) | (key >> np.uint64(33))
        key ^= rows.numbers(name)[index].view(np.uint64) * np.uint64(_ODD[2])
    _, first, code, count = np.unique(
        key, return_index=True, return_inverse=True, return_counts=True
    )
    again, even = np.ones(key.size, bool), count[code] % 2 == 0
    again[first] = False
    rows_of_day = np.bincount(np.maximum(rows.day, 0))
    twins = np.bincount(np.maximum(rows.day[index], 0), weights=even, minlength=rows_of_day.size)
    doubled = (twins > DOUBLED * rows_of_day) & (rows_of_day >= MANY)
    day, again = rows.day[index], again & rows.use[index]
    return {
        "twice": suspected(day, again),
        "doubled": suspected(day, again & doubled[np.maximum(day, 0)]),
    }
