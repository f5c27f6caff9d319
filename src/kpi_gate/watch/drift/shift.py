"""Shift of one column: how large, how unlikely, and on how many days in a row."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom, chi2, kstwobign, norm

from kpi_gate.watch.drift.profile import NULL, Bins, Counts, Floats

FAMILY_ALARMS = 0.05  # a period, over all columns and tests; persistence makes it far rarer
LOOKED_BACK = 3  # periods, of which
PERSISTENT = 2  # so many must be significant
SAME_WEEKDAYS = 3  # other days of the same weekday that are enough to compare with
LEAST_PSI = 0.005  # a shift of about 0.07 standard deviations; less concerns nobody
FEWEST_EXPECTED = 5.0  # rows in a bin that a chi-square test can stand
GROUPS = 10  # of bins, for the population stability index
LEAST_CHANCE = 1e-300


class Period(NamedTuple):
    """Rows of one day, or of as many days as give enough rows.

    Attributes:
        counts: Their counts by column and bin.
        weekday: Day of the week; -1 where the period is longer.
    """

    counts: Mapping[str, Counts]
    weekday: int


class Shift(NamedTuple):
    """How far one column has moved.

    Attributes:
        psi: Population stability index of the last periods, without what chance alone gives.
        distance: Jensen-Shannon distance of the same, 0 to 1.
        chance: Smallest p of the last period, over the column's tests, corrected for their number.
        recent: Significant periods of the last three.
        in_a_row: Significant periods in a row up to the last one.
        reference: Shares of the reference by bin, shape `(bins,)`.
        current: Shares of the last periods by bin, shape `(bins,)`.
    """

    psi: float
    distance: float
    chance: float
    recent: int
    in_a_row: int
    reference: Floats
    current: Floats

    @property
    def drifted(self) -> bool:
        """Whether it is large enough, too unlikely for chance, and lasts."""
        return self.recent >= PERSISTENT and self.psi >= LEAST_PSI


def shift_of(
    name: str, bins: Mapping[str, Bins], reference: Sequence[Period], current: Sequence[Period]
) -> Shift:
    """Compare the latest periods of a column with the reference.

    A day is compared with the same weekdays where there are enough. What days of the reference
    differ by among themselves widens the test, and a day must differ by more than any of them.

    Args:
        name: The column.
        bins: Bins of all columns that are looked at together.
        reference: Good periods.
        current: Periods to look at, in time order.
    """
    own = bins[name]
    old, new = (np.array([day.counts[name] for day in side]) for side in (reference, current))
    days = np.array([period.weekday for period in reference])
    rests = np.array([_rest(old, days, day.weekday) for day in current])
    spread = np.array([_rest(old, days, days[i], without=i) for i in range(len(old))])
    chances = np.ones(len(new))
    tests = (_values, _nulls) if own.kind == "number" else (_levels, _nulls, _rare)
    for test in tests:
        among = _squares(test, old, spread) if len(old) > 1 else np.zeros(1)
        found = _squares(test, new, rests)
        widened = norm.sf(np.sqrt(found / max(among.mean(), 1.0))) * 2
        chances = np.minimum(chances, np.where(found > among.max(), widened, 1.0) * len(tests))
    significant = chances < FAMILY_ALARMS / len(bins)
    last = slice(-LOOKED_BACK, None)
    expected = (rests[last] / rests[last].sum(axis=1, keepdims=True)).T @ new[last].sum(axis=1)
    psi, distance = _effect(own, expected, new[last].sum(axis=0), int(old.sum()))
    return Shift(
        psi=psi,
        distance=distance,
        chance=float(min(chances[-1], 1.0)),
        recent=int(significant[last].sum()),
        in_a_row=int(np.argmin(np.append(significant[::-1], False))),
        reference=expected / expected.sum(),
        current=new[last].sum(axis=0) / new[last].sum(),
    )


def _rest(counts: Counts, weekdays: Counts, weekday: int, without: int | None = None) -> Counts:
    """Add up the periods to compare with: the same weekdays where they are enough, else all."""
    others = np.arange(len(counts)) != without
    same = others & (weekdays == weekday)
    chosen = same if same.sum() >= SAME_WEEKDAYS and weekday >= 0 else others
    return np.asarray(counts[chosen].sum(axis=0))


def _squares(test: Callable[[Counts, Counts], Floats], days: Counts, rests: Counts) -> Floats:
    """Return z-squared of each day by a test: its mean is 1 where only chance moves the column."""
    return np.asarray(norm.isf(np.maximum(test(days, rests), LEAST_CHANCE) / 2) ** 2)


# each test takes counts of shape (days, bins), and of what each day is compared with


def _values(days: Counts, rests: Counts) -> Floats:
    """Return the chance of such gaps between distributions of a number: Kolmogorov-Smirnov."""
    ours, theirs = days[:, NULL + 1 :], rests[:, NULL + 1 :]
    n, m = (np.maximum(side.sum(axis=1), 1) for side in (ours, theirs))
    gaps = np.cumsum(ours, axis=1) / n[:, None] - np.cumsum(theirs, axis=1) / m[:, None]
    chance = kstwobign.sf(np.abs(gaps).max(axis=1) * np.sqrt(n * m / (n + m)))
    return np.where(ours.any(axis=1) & theirs.any(axis=1), chance, 1.0)


def _levels(days: Counts, rests: Counts) -> Floats:
    """Return the chance of such different shares of the frequent levels: chi-square."""
    frequent = _frequent(days, rests)
    ours, theirs = days * frequent, rests * frequent
    n, m = (np.maximum(side.sum(axis=1, keepdims=True), 1) for side in (ours, theirs))
    gaps = np.sqrt(m / n) * ours - np.sqrt(n / m) * theirs
    squares = (gaps**2 / np.maximum(ours + theirs, 1)).sum(axis=1)
    free = frequent.sum(axis=1) - 1
    return np.where((free > 0) & ours.any(axis=1), chi2.sf(squares, np.maximum(free, 1)), 1.0)


def _frequent(days: Counts, rests: Counts) -> NDArray[np.bool_]:
    """Mark the levels that a chi-square test can stand on days of this size; nulls are none."""
    share = days.sum(axis=1) / np.maximum(rests.sum(axis=1), 1)
    marks = rests * share[:, None] >= FEWEST_EXPECTED
    marks[:, NULL] = False
    return np.asarray(marks)


def _nulls(days: Counts, rests: Counts) -> Floats:
    """Return the chance of so many, or so few, nulls."""
    nulls = np.zeros(days.shape, dtype=bool)
    nulls[:, NULL] = True
    return _split(nulls, days, rests)


def _rare(days: Counts, rests: Counts) -> Floats:
    """Return the chance of so many, or so few, rows with rare or new levels."""
    rare = ~_frequent(days, rests)
    rare[:, NULL] = False
    return _split(rare, days, rests)


def _split(marked: NDArray[np.bool_], days: Counts, rests: Counts) -> Floats:
    """Return the chance that rows of one sort fall so unevenly: binomial, exact for few."""
    n, m = days.sum(axis=1), rests.sum(axis=1)
    ours, theirs = (days * marked).sum(axis=1), (rests * marked).sum(axis=1)
    share = n / np.maximum(n + m, 1)
    lower, upper = binom.cdf(ours, ours + theirs, share), binom.sf(ours - 1, ours + theirs, share)
    return np.asarray(np.minimum(1.0, 2 * np.minimum(lower, upper)))


def _effect(bins: Bins, expected: Floats, seen: Counts, reference: int) -> tuple[float, float]:
    """Return the stability index in about ten groups, less what chance gives, and the distance."""
    group = groups_of(bins, expected)
    theirs, ours = np.bincount(group, expected), np.bincount(group, seen)
    used = theirs + ours > 0
    theirs, ours = theirs[used], ours[used]
    p, q = ((part + 0.5) / (part.sum() + 0.5 * part.size) for part in (theirs, ours))
    chance = (p.size - 1) * (1 / ours.sum() + 1 / reference)
    middle = (p + q) / 2
    divergence = (p * np.log2(p / middle) + q * np.log2(q / middle)).sum() / 2
    psi = float(((q - p) * np.log(q / p)).sum() - chance)
    return max(psi, 0.0), float(np.sqrt(max(divergence, 0.0)))


def groups_of(bins: Bins, reference: Floats) -> Counts:
    """Return the group of each bin: tenths of the reference of a number, else the bin itself."""
    group = np.arange(bins.size)
    if bins.kind == "number" and reference[1:].sum() > 0:  # nulls stay apart
        below = np.cumsum(reference[1:]) - reference[1:] / 2
        group[1:] = 1 + np.minimum(GROUPS * below / reference[1:].sum(), GROUPS - 1).astype(int)
    return group
