"""Bounds that hold at every look: is a mean lower than it was, asked again each day?

Asymptotic confidence sequences (Waudby-Smith et al. 2021): a normal mixture whose width holds for
all numbers of days at once. A change is looked for as Shekhar and Ramdas (2023) do: the days since
each possible moment of change against the days before it.
"""

from math import inf, log, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

from kpi_gate.decision.frozen import Frozen
from kpi_gate.decision.stats.intervals import MIN_DAYS, day_factor, interval

Floats = NDArray[np.float64]
RECENT_DAYS = 28  # a loss that began earlier is not sudden
PAST_DAYS = 56  # what came before it; a longer past would have another season
TUNED_FOR_DAYS = 7.0  # number of days at which the bounds are tightest


class SuddenLoss(Frozen):
    """The days since when the mean is lower than before, sure at every look.

    Attributes:
        day: Number of the first of the days that are lower.
        before: Mean per decision of the days before it.
        lower_before: Bound that the mean before is above.
        after: Mean per decision since then.
        upper_after: Bound that the mean since then is below.
        days_before: Days before it.
        days_after: Days since then.
    """

    day: int
    before: float
    lower_before: float
    after: float
    upper_after: float
    days_before: int
    days_after: int


def half_width(
    days: float,
    spread: float,
    alpha: float,
    tuned_for: float = TUNED_FOR_DAYS,
    *,
    one_sided: bool = False,
) -> float:
    """Return how far the mean of so many days may lie from the truth, at every look at once.

    Args:
        days: Days that the mean is of; half a day's decisions are half a day, and of none the
            width is infinite.
        spread: Standard deviation of one day's mean.
        alpha: Chance that the mean ever lies farther, in (0, 1).
        tuned_for: Number of days at which the width is least.
        one_sided: Whether `alpha` is the chance that it lies farther on one side; the other is not
            looked at.
    """
    if days <= 0:
        return inf
    alpha = 2 * alpha if one_sided else alpha
    deep = -2 * log(alpha)
    rho = (deep + log(deep + 1)) / tuned_for
    mixed = days * rho + 1
    depth = log(1 + sqrt(mixed) / alpha) if one_sided else log(sqrt(mixed) / alpha)
    return spread * sqrt(2 * mixed / (days**2 * rho) * depth)


def sudden_loss(
    daily_money: ArrayLike, daily_decisions: ArrayLike, day: ArrayLike, *, alpha: float
) -> SuddenLoss | None:
    """Return the clearest moment since when money per decision is lower; None if there is none.

    Args:
        daily_money: Sum of each day in time order, finite.
        daily_decisions: Decisions of each day, > 0.
        day: Number of each day; those seven apart are the same weekday.
        alpha: Chance of a false alarm at one moment; a look a day with 1 / 365 is meant to alarm
            falsely about once a year at most.
    """
    kept = slice(-(RECENT_DAYS + PAST_DAYS), None)
    sums = np.asarray(daily_money, dtype=np.float64)[kept]
    sizes = np.asarray(daily_decisions, dtype=np.float64)[kept]
    number = np.asarray(day, dtype=np.int64)[kept]
    found: SuddenLoss | None = None
    clearest = 0.0
    for start in range(max(MIN_DAYS, sums.size - RECENT_DAYS), sums.size):
        past = slice(max(start - PAST_DAYS, 0), start)
        candidate = _compare(sums, sizes, number, past, alpha)
        gap = candidate.lower_before - candidate.upper_after
        if gap > clearest:
            found, clearest = candidate, gap
    return found


def _compare(
    sums: Floats, sizes: Floats, number: NDArray[np.int64], past: slice, alpha: float
) -> SuddenLoss:
    """Compare the days from a moment on with those before it."""
    start = past.stop
    before = interval(sums[past], sizes[past], 0.95)
    days, later = start - past.start, sums.size - start
    factor = day_factor(sums[past], sizes[past], number[past])
    # the spread is that of the past, and as uncertain as the past is short
    spread = before.standard_error * sqrt(days) * factor * _heavier(days, alpha)
    weight = float(sizes[start:].sum())
    after = float(sums[start:].sum()) / weight
    # a day of few decisions says less than one of many
    counted = min(float(later), weight / float(sizes[past].mean()))
    return SuddenLoss(
        day=int(number[start]),
        before=before.estimate,
        lower_before=before.estimate - half_width(days, spread, alpha),
        after=after,
        upper_after=after + half_width(counted, spread, alpha),
        days_before=days,
        days_after=later,
    )


def _heavier(days: int, alpha: float) -> float:
    """Return by how much Student's quantile exceeds the normal one at `alpha`."""
    normal = 1e9
    return float(stdtrit(days - 1, 1 - alpha) / stdtrit(normal, 1 - alpha))
