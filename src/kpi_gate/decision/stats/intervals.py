"""Intervals of a mean over clusters: by units, by days that hang together, and by both."""

from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

Floats = NDArray[np.float64]
MIN_DAYS = 10  # fewer days do not show how they hang together
WEEKS = 3  # fewer do not tell the memory of days from what returns with the weekday
FIVE_PERCENT = NormalDist().inv_cdf(0.95)
# standard errors of an autocorrelation that are put down to chance: with none, days that are apart
# lose more than a tenth of their power (benchmarks/null_worlds.py)
GRANTED = 0.3
# of few clusters: more doubles the width and covers no better (METHODS 1.9)
MOST_SKEW = 0.3
SPARSE = 8  # codes a row, at most, that are counted without sorting them


@dataclass(frozen=True)
class Interval:
    """Hall interval of a mean over clusters, money per decision.

    Attributes:
        estimate: Mean of the differences over the rows.
        standard_error: Clustered standard error; infinite with fewer than two clusters.
        lower: One-sided lower bound.
        upper: One-sided upper bound.
        tail_skew: Skewness of the mean.
    """

    estimate: float
    standard_error: float
    lower: float
    upper: float
    tail_skew: float


def cluster_sums(difference: Floats, cluster: ArrayLike) -> tuple[Floats, Floats]:
    """Return the sum of the differences and the number of rows of each cluster."""
    index = codes(cluster)
    sizes = np.bincount(index)
    seen = sizes > 0
    sums = np.bincount(index, weights=difference)[seen].astype(np.float64)
    return sums, sizes[seen].astype(np.float64)


def codes(cluster: ArrayLike) -> NDArray[np.int64]:
    """Return whole numbers from 0 in the clusters' order; not each of them need be in use."""
    given = np.asarray(cluster).ravel()
    if given.size and given.dtype.kind in "iu":
        low, high = int(given.min()), int(given.max())
        if high - low <= SPARSE * given.size:  # to sort them would cost more than all that follows
            return (given - low).astype(np.int64)
    return np.asarray(np.unique(given, return_inverse=True)[1].ravel(), dtype=np.int64)


def effective_count(weights: Floats) -> float:
    """Return how many parts of equal weight would count as these do (Kish 1965); 0 of none."""
    # not `@`: threads of the linear algebra wait for each other longer than they work
    total, squares = float(weights.sum()), float(np.square(weights).sum())
    return total * total / squares if squares > 0 else 0.0


def hall_bound(mean: float, error: float, tail_skew: float, z: float) -> float:
    """Return Hall's (1992) skewness-corrected bound of a mean.

    Args:
        mean: The estimate.
        error: Its standard error.
        tail_skew: Skewness of the mean, `skew / sqrt(clusters)`.
        z: Normal quantile; positive for a lower bound, negative for an upper bound.
    """
    if abs(tail_skew) < 1e-9:
        return mean - z * error
    correction = np.cbrt(1 + tail_skew * (z - tail_skew / 6)) - 1
    return float(mean - error * (3 / tail_skew) * correction)


def interval(
    sums: Floats, sizes: Floats, confidence: float, *, few: bool = False, fitted: int = 1
) -> Interval:
    """Return the interval of the mean per row from the clusters.

    The number of rows of a cluster is as random as its sum, so the mean is a ratio of both and
    its error comes from `sum - mean * size`.

    Args:
        sums: Sum of the differences of each cluster, shape `(G,)`.
        sizes: Rows of each cluster, shape `(G,)`.
        confidence: One-sided confidence of the bounds.
        few: Whether the clusters are few, as days are: Student's quantile instead of the normal,
            and a skewness of the mean that is believed up to 0.3.
        fitted: Means that were taken from the clusters, each of which costs one of them.
    """
    count, rows = sums.size, float(sizes.sum())
    mean = float(sums.sum() / rows)
    if count < fitted + 1:
        return Interval(mean, np.inf, -np.inf, np.inf, 0.0)
    left = sums - mean * sizes
    variance = float(left @ left) / (count - fitted)
    # a spread that is only rounding noise is none
    if variance <= (1e-12 * float(np.abs(sums).max())) ** 2:
        return Interval(mean, 0.0, mean, mean, 0.0)
    error = float(np.sqrt(variance * count)) / rows
    # divided before it is cubed: the cube of a tiny spread would be none
    skew = float(((left / np.sqrt(variance)) ** 3).mean()) / np.sqrt(count)
    if not few:
        return bounded(mean, error, skew, NormalDist().inv_cdf(confidence))
    return bounded(mean, error, capped(skew), float(stdtrit(count - fitted, confidence)))


def bounded(mean: float, error: float, tail_skew: float, z: float) -> Interval:
    """Return Hall's interval of a mean; takes what `hall_bound` takes."""
    return Interval(
        estimate=mean,
        standard_error=error,
        lower=hall_bound(mean, error, tail_skew, z),
        upper=hall_bound(mean, error, tail_skew, -z),
        tail_skew=tail_skew,
    )


def capped(tail_skew: float) -> float:
    """Return as much of a skewness of the mean as few clusters can show."""
    return float(np.clip(tail_skew, -MOST_SKEW, MOST_SKEW))


def widened(view: Interval, error: float) -> Interval:
    """Return the interval as it is with a larger standard error."""
    if not 0 < view.standard_error < error < np.inf:
        return view
    factor = error / view.standard_error
    return replace(
        view,
        standard_error=error,
        lower=view.estimate - factor * (view.estimate - view.lower),
        upper=view.estimate + factor * (view.upper - view.estimate),
    )


def memory(
    left: Floats, days: NDArray[np.int64], *, around: int | None = None, doubt: bool = False
) -> float:
    """Return the autocorrelation from one day to the next, 0 to 0.95; with doubt at most 0.8.

    Its small-sample bias is taken out (Kendall 1954). A pattern of the week returns in every week
    and is none; only days that follow each other in the calendar are compared.

    Args:
        left: What each day's sum differs from what its rows make expect, in time order.
        days: Number of each day; those seven apart are the same weekday.
        around: Days around whose own mean each strays; by default all of them.
        doubt: Whether what may be chance counts too, but for a little. Else nothing counts that is
            not more than chance.
    """
    count = left.size
    if count >= WEEKS * 7:
        weekday = days % 7
        left = left - (np.bincount(weekday, left) / np.maximum(np.bincount(weekday), 1))[weekday]
    power = float(np.square(left).mean()) if count else 0.0
    follows = np.flatnonzero(np.diff(days) == 1)
    pairs = follows.size
    if pairs < MIN_DAYS - 1 or power == 0:
        return 0.0
    # of all pairs that the days could have made, so that it is no larger than 1
    found = float((left[follows + 1] * left[follows]).mean()) / power * (count - 1) / count
    if not doubt and found <= FIVE_PERCENT / np.sqrt(pairs + 1):
        return 0.0
    known = (found + 1 / (around or count)) / (1 - 3 / (around or count))
    known -= GRANTED / np.sqrt(count) if doubt else 0.0
    return float(np.clip(known, 0.0, 0.8 if doubt else 0.95))


def day_factor(
    sums: Floats, sizes: Floats, days: NDArray[np.int64], *, doubt: bool = False
) -> float:
    """Return by how much the error of the mean grows because days hang together; 1 if they do not.

    `sqrt((1 + r) / (1 - r))` of their `memory` r (Bartlett 1946).

    Args:
        sums: Sum of the differences of each day, in time order.
        sizes: Rows of each day.
        days: Number of each day.
        doubt: As `memory` takes it.
    """
    known = memory(sums - sums.sum() / sizes.sum() * sizes, days, doubt=doubt)
    return float(np.sqrt((1 + known) / (1 - known)))


def over_days(
    sums: Floats, sizes: Floats, days: NDArray[np.int64], confidence: float
) -> tuple[Interval, Interval]:
    """Return the interval of the mean over days as if they were apart, and as they hang together.

    Takes what `day_factor` takes.
    """
    plain = interval(sums, sizes, confidence, few=True)
    return plain, widened(plain, plain.standard_error * day_factor(sums, sizes, days))


def remembering(plain: Interval, memory: float, days: int, confidence: float) -> Interval:
    """Return the interval over days of which each remembers the one before.

    Args:
        plain: The interval as if they were apart.
        memory: Their autocorrelation, as the window alone shows it.
        days: How many there are.
        confidence: One-sided confidence of the bounds.
    """
    if not 0 < plain.standard_error < np.inf or memory == 0:
        return plain
    error = plain.standard_error * np.sqrt((1 + memory) / (1 - memory))
    # so many days apart would know their spread as well (Bayley and Hammersley 1946)
    apart = days * (1 - memory**2) / (1 + memory**2)
    z = float(stdtrit(max(apart - 1, 1.0), confidence))
    return bounded(plain.estimate, float(error), plain.tail_skew, z)


def error_by_both(difference: Floats, unit: ArrayLike, day: ArrayLike) -> float:
    """Return the standard error clustered by what is of one unit and of one day."""
    units, days = codes(unit), codes(day)
    both = cluster_sums(difference, units * (int(days.max()) + 1) + days)
    return interval(*both, 0.95).standard_error


def two_way_error(by_unit: float, by_day: float, by_both: float) -> float:
    """Return the standard error where units and days both hang together.

    Variance by unit plus variance by day less that by both (Cameron, Gelbach and Miller 2011).

    Args:
        by_unit: Standard error by unit.
        by_day: Standard error by day.
        by_both: Standard error by both at once.
    """
    return float(np.sqrt(max(by_unit**2 + by_day**2 - by_both**2, 0.0)))
