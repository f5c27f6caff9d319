"""What a comparison comes to on each day: money and decisions, as the objective counts them."""

from collections.abc import Set as AbstractSet
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kpi_gate.decision.value.estimators import Estimate
from kpi_gate.learning.label_maturity import missing_by_day
from kpi_gate.learning.windows import never_known

Floats = NDArray[np.float64]
EPOCH = pd.Timestamp(0, tz="UTC")


def days_of(rows: pd.DataFrame) -> pd.Series:
    """Return the UTC midnight of each row's event."""
    return rows["event_time"].dt.tz_convert("UTC").dt.floor("D")


def midnight(day: date) -> datetime:
    """Return the first moment of a day in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def good_days(end: datetime, count: int, quarantined: AbstractSet[date]) -> list[datetime]:
    """Return the last `count` days before `end` that are not in quarantine, oldest first.

    Args:
        end: A midnight in UTC.
        count: Days wanted.
        quarantined: Days that count for nothing.
    """
    found: list[datetime] = []
    day = end
    for _ in range(count + len(quarantined)):
        day -= timedelta(days=1)
        if day.date() not in quarantined and len(found) < count:
            found.append(day)
    return found[::-1]


def judged(due: pd.DataFrame) -> NDArray[np.bool_]:
    """Mark the rows whose outcome is known, or never will be, on days that lack no more of them.

    Outcomes that come first are of a kind, so a day that lacks many is left out whole.

    Args:
        due: Rows whose outcomes are all due.
    """
    lacking = missing_by_day(due) if len(due) else {}
    whole = ~days_of(due).dt.strftime("%Y-%m-%d").isin(list(lacking))
    settled = due["outcome"].notna() | never_known(due)
    marked: NDArray[np.bool_] = (whole & settled).to_numpy(dtype=bool)
    return marked


def sum_by_day(
    rows: pd.DataFrame, money: Floats, weight: Floats, decisions: Floats | None = None
) -> pd.DataFrame:
    """Add up each day.

    Args:
        rows: The rows.
        money: Money of each row, shape `(n,)`.
        weight: What money is divided by, shape `(n,)`.
        decisions: Decisions that each row counts, shape `(n,)`; by default its weight.

    Returns:
        One row a day in time order: `day` (midnight in UTC), `number` (days since 1970; those seven
        apart are the same weekday), `money`, `weight` and `decisions`.
    """
    counted = weight if decisions is None else decisions
    columns = {"day": days_of(rows), "money": money, "weight": weight, "decisions": counted}
    # NaN must stay: the money of a day with a broken row is not known
    sums = pd.DataFrame(columns).groupby("day", sort=True).sum(skipna=False).reset_index()
    sums.insert(1, "number", (sums["day"] - EPOCH).dt.days.astype(np.int64))
    return sums


def own_value(found: Estimate, *, is_ratio: bool) -> tuple[Floats, Floats, Floats]:
    """Return each row's value of the champion, its weight and the decisions that it counts.

    Value by weight is money per decision: of a ratio KPI a decision is one unit of the base.
    """
    ones = np.ones_like(found.champion)
    weight = ones if found.bases is None else np.asarray(found.bases[0], dtype=np.float64)
    return found.champion, weight, weight if is_ratio else ones


def differences_in_money(found: Estimate, *, is_ratio: bool) -> tuple[Floats, Floats]:
    """Return each row's difference and what it counts, such that sum by sum is money a decision.

    Of a ratio KPI, such as plays per recommendation shown, a decision is one unit of the
    champion's base; of logged choices it is a row, whatever its weight.

    Args:
        found: Both sides' value of every row.
        is_ratio: Whether the KPI is a ratio.
    """
    difference = found.difference
    if found.bases is None or not is_ratio:
        return difference, np.ones_like(difference)
    base = np.asarray(found.bases[0], dtype=np.float64)
    return difference * base.mean(), base
