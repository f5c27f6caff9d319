"""Drift as an explanation: which columns moved, whether it lasts, and what it does to the score."""

import numpy as np
import pandas as pd

from kpi_gate.usecase.contract import UseCase
from kpi_gate.watch.drift.impact import Joint, Moved, Score, joint_shift, moves_of, scores_of
from kpi_gate.watch.drift.profile import Bins, bins_for, profile
from kpi_gate.watch.drift.result import Bar, ColumnDrift, DriftReport
from kpi_gate.watch.drift.shift import (
    LOOKED_BACK,
    SAME_WEEKDAYS,
    Period,
    Shift,
    groups_of,
    shift_of,
)

PERIOD_DAYS = (1, 7, 28)
PERIOD_ROWS = 100  # rows that a period needs; days with fewer are taken together
USUAL_LOOKS = 3  # at how far good days differ among themselves
DAY = pd.Timedelta(days=1)


def explain(
    reference: pd.DataFrame, current: pd.DataFrame, use_case: UseCase, score: Score
) -> DriftReport:
    """Explain what moved between good rows and new ones; it says nothing about money.

    A column drifts where the shift is large enough, too unlikely for chance over all columns, and
    significant in two of the last three days: so that at a check a day nothing is said in most
    months without drift.

    Args:
        reference: Good rows with `event_time` and the features; best four weeks or more.
        current: Newer rows, best a week or more: only days in a row can last.
        use_case: Whose rows; its features are looked at.
        score: Rows to the champion's scores, shape `(n,)` or `(n, choices)`.

    Raises:
        ValueError: If a feature is missing in one of the two.
    """
    if reference.empty or current.empty:
        until = None if current.empty else _end(current).to_pydatetime()
        return DriftReport(
            until=until, period_days=1, reference_rows=len(reference), current_rows=len(current)
        )
    bins = bins_for(reference, use_case.features)
    days = _period_days(reference)
    old_ages, new_ages = _ages(reference, days), _ages(current, days)
    old, new = _periods(reference, old_ages, bins, days), _periods(current, new_ages, bins, days)
    shifts = {name: shift_of(name, bins, old, new) for name in bins}
    latest = current[new_ages < LOOKED_BACK]
    seed = int(use_case.settings.model["seed"])
    joint, usual = _joint(reference, latest, old_ages, bins, days, seed)
    before, now = (scores_of(side, score, seed) for side in (reference, latest))
    moves = moves_of(bins, reference, latest, score, before, seed)
    columns = [_column(name, bins[name], shifts[name], moves[name]) for name in bins]
    return DriftReport(
        until=_end(current).to_pydatetime(),
        period_days=days,
        reference_rows=len(reference),
        current_rows=len(latest),
        columns=tuple(sorted(columns, key=lambda column: -column.contribution)),
        joint_auc=joint.auc,
        joint_z=joint.z,
        usual_auc=max((other.auc for other in usual), default=0.5),
        joint_drifted=joint.unlikely(usual),
        score_before=float(before.mean()),
        score_now=float(now.mean()),
        score_deviation=float(before.std()),
    )


def _days(rows: pd.DataFrame) -> pd.Series:
    return pd.to_datetime(rows["event_time"], utc=True).dt.floor("D")


def _end(rows: pd.DataFrame) -> pd.Timestamp:
    return _days(rows).max() + DAY


def _period_days(reference: pd.DataFrame) -> int:
    """Return how many days give enough rows."""
    days = _days(reference)
    a_day = len(days) / ((days.max() - days.min()) / DAY + 1)
    return next((few for few in PERIOD_DAYS if a_day * few >= PERIOD_ROWS), PERIOD_DAYS[-1])


def _ages(rows: pd.DataFrame, days: int) -> pd.Series:
    """Return how many periods ago each row was; 0 is the latest."""
    return ((_end(rows) - DAY - _days(rows)) / DAY).astype(int) // days


def _periods(rows: pd.DataFrame, ages: pd.Series, bins: dict[str, Bins], days: int) -> list[Period]:
    """Count the rows of each period, in time order."""
    last = _end(rows) - DAY
    return [
        Period(profile(part, bins), (last - age * DAY).weekday() if days == 1 else -1)
        for age, part in sorted(rows.groupby(ages), key=lambda pair: -pair[0])
    ]


def _joint(
    reference: pd.DataFrame,
    latest: pd.DataFrame,
    ages: pd.Series,
    bins: dict[str, Bins],
    days: int,
    seed: int,
) -> tuple[Joint, list[Joint]]:
    """Return the joint shift, and what good rows differ by; like weekdays where days count.

    The latter is only asked where there is a shift to explain.
    """
    found, usual = joint_shift(_like(reference, latest, days), latest, bins, seed), []
    for first in range(0, LOOKED_BACK * USUAL_LOOKS, LOOKED_BACK) if found.unlikely() else ():
        own = ages.between(first, first + LOOKED_BACK - 1)
        if own.any() and not own.all():
            others = _like(reference[~own], reference[own], days)
            usual.append(joint_shift(others, reference[own], bins, seed))
    return found, usual


def _like(rows: pd.DataFrame, others: pd.DataFrame, days: int) -> pd.DataFrame:
    """Return the rows of the same weekdays as the others where there are enough of them."""
    own = _days(rows)
    wanted = set(_days(others).dt.day_of_week)
    like = own.dt.day_of_week.isin(wanted)
    enough = own[like].nunique() >= SAME_WEEKDAYS * len(wanted)
    return rows[like] if days == 1 and enough else rows


def _column(name: str, bins: Bins, shift: Shift, moved: Moved) -> ColumnDrift:
    return ColumnDrift(
        name=name,
        kind=bins.kind,
        psi=shift.psi,
        distance=shift.distance,
        chance=shift.chance,
        recent=shift.recent,
        in_a_row=shift.in_a_row,
        importance=moved.importance,
        score_shift=moved.shift,
        contribution=shift.distance * moved.importance,
        drifted=shift.drifted,
        bars=_bars(bins, shift),
    )


def _bars(bins: Bins, shift: Shift) -> tuple[Bar, ...]:
    """Return the shares by tenth of a number, or by the commonest levels, and of the nulls."""
    group = groups_of(bins, shift.reference)
    old, new = np.bincount(group, shift.reference), np.bincount(group, shift.current)
    return tuple(
        Bar(name=bins.words(group == code), reference=float(old[code]), current=float(new[code]))
        for code in np.unique(group)
        if old[code] + new[code] > 0
    )
