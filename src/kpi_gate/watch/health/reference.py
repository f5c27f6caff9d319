"""What is usual between good days: bounds that know the weekly cycle, rare counts and few days."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
FALSE_ALARMS_A_DAY = 0.002  # of all columns and checks together
LEAST_DAYS = 7  # good days before anything is called usual
ALIKE_DAYS = 3  # good days of the same weekday, before it is compared with its like only
WEEK_DAYS = 21  # good days before weekdays are told apart
DIFFERS = 0.01  # chance below which weekdays differ in a share
SUSPECT = 1e-3  # chance above which nothing further is computed


@dataclass(frozen=True)
class GoodDays:
    """The weekdays of the good days, oldest first, and of the day that is compared with them.

    Attributes:
        weekday: Of each good day, shape `(days,)`, 0 on Monday; all 0 where periods are not days.
        today: Of the day in question.
    """

    weekday: Ints
    today: int

    def of(self, kept: NDArray[np.bool_]) -> "GoodDays":
        """Return those good days alone that are kept."""
        return GoodDays(self.weekday[kept], self.today)

    def groups(self) -> Ints:
        """Number the groups of days that are alike; all 0 where there are too few to tell."""
        same = int((self.weekday == self.today).sum())
        if self.weekday.size < WEEK_DAYS or same < ALIKE_DAYS:
            return np.zeros(self.weekday.size, dtype=np.int64)
        return self.weekday

    def group(self) -> int:
        """Return the number of today's group."""
        return self.today if self.groups().any() else 0


class Rates(NamedTuple):
    """Shares of a day's rows beside what is usual; each of shape `(levels,)`.

    Attributes:
        found: Share on the day.
        usual: Share on the good days that are alike.
        low: Least share that is no surprise.
        high: Greatest share that is no surprise.
        chance: Chance of a share so far off, two-sided.
    """

    found: Floats
    usual: Floats
    low: Floats
    high: Floats
    chance: Floats


class Rate(NamedTuple):
    """The same of one level alone."""

    found: float
    usual: float
    low: float
    high: float
    chance: float


def compare_rate(
    days: GoodDays, counts: Ints, sizes: Ints, found: int, size: int, alarm: float
) -> Rate:
    """Compare one share, whose counts on the good days have shape `(days,)`."""
    rates = compare_rates(days, counts[:, None], sizes, np.array([found]), size, alarm)
    return Rate(*(float(part[0]) for part in rates))


def compare_rates(
    days: GoodDays, counts: Ints, sizes: Ints, found: Ints, size: int, alarm: float
) -> Rates:
    """Compare the shares of a day's rows with those of good days.

    A share must be a surprise twice over: by Student's t on the spread between good days, and as a
    count (beta-binomial), because a handful of rare rows has no normal spread. It is compared with
    days of the same weekday where weekdays differ in it, else with all of them, which know more.

    Args:
        days: The good days.
        counts: Rows of each level on each good day, shape `(days, levels)`.
        sizes: Rows of each good day, shape `(days,)`; days without rows are left out.
        found: Rows of each level on the day, shape `(levels,)`.
        size: Rows of the day.
        alarm: Two-sided chance below which a share is a surprise.

    Raises:
        ValueError: If no row is left on either side.
    """
    kept = sizes > 0
    if size < 1 or not kept.any():
        raise ValueError(f"size == {size}, good days with rows == {int(kept.sum())}, must be >= 1")
    counts, rows = counts[kept], sizes[kept].astype(np.float64)
    past = _learn(days.of(kept), counts, rows)
    noise = past.usual * (1 - past.usual)
    spread = np.sqrt(past.between + noise * (1 / size + 1 / past.rows))
    share = found / size
    chance = 2 * stats.t.sf(np.abs(share - past.usual) / spread, past.freedom)
    rare = _as_counts(past, counts, rows, found, size, np.flatnonzero(chance < SUSPECT))
    chance = np.minimum(np.maximum(chance, rare), 1)
    reach = stats.t.isf(alarm / 2, past.freedom) * spread
    low, high = past.usual - reach, past.usual + reach
    return Rates(share, past.usual, low, high, chance)


class _Past(NamedTuple):
    """What good days say of each level: its share, the rows behind it, and its variance by day."""

    usual: Floats
    rows: Floats
    between: Floats
    freedom: Floats


def _learn(days: GoodDays, counts: Ints, sizes: Floats) -> _Past:
    """Learn each level from the days of today's weekday where weekdays differ, else from all."""
    groups, together = days.groups(), np.zeros(sizes.size, dtype=np.int64)
    whole, whole_squares = _learn_from(together, 0, counts, sizes)
    if not groups.any():
        return whole
    alike, squares = _learn_from(groups, days.group(), counts, sizes)
    weekdays = np.unique(groups).size - 1
    with np.errstate(divide="ignore", invalid="ignore"):  # nothing varies: weekdays do not differ
        ratio = (whole_squares - squares) / weekdays / (squares / alike.freedom)
    differ = stats.f.sf(np.nan_to_num(ratio, posinf=np.inf), weekdays, alike.freedom) < DIFFERS
    pairs = zip(alike, whole, strict=True)
    return _Past(*(np.where(differ, one, other) for one, other in pairs))


def _learn_from(groups: Ints, group: int, counts: Ints, sizes: Floats) -> tuple[_Past, Floats]:
    """Learn from one group of days; return the squares within all groups, too."""
    present = np.unique(groups)
    member = groups[None, :] == present[:, None]
    totals, rows = member @ counts, member @ sizes
    place = int(np.searchsorted(present, group))
    of_day = (totals / rows[:, None])[np.searchsorted(present, groups)]
    freedom = max(sizes.size - present.size, 1)
    squares = sizes / sizes.sum() @ (counts / sizes[:, None] - of_day) ** 2 * sizes.size
    usual = (totals[place] + 0.5) / (rows[place] + 1)
    chance = usual * (1 - usual) * sizes.size / sizes.sum()
    between = np.maximum(squares / freedom - chance, 0) * (1 + 1 / member[place].sum())
    levels = np.ones(usual.size)
    return _Past(usual, rows[place] * levels, between, freedom * levels), squares


def _as_counts(
    past: _Past, counts: Ints, rows: Floats, found: Ints, size: int, suspect: Ints
) -> Floats:
    """Return the two-sided chance of the suspects' counts, shape `(levels,)`; 0 for the others."""
    chance = np.zeros(past.usual.size)
    overall = (counts.sum(axis=0) + 0.5) / (rows.sum() + 1)
    for level in suspect:
        usual, between = past.usual[level], past.between[level]
        above = bool(found[level] / size > usual)
        rate = float((max if above else min)(usual, overall[level]))
        seen = max(1 / (1 / past.rows[level] + between / (rate * (1 - rate))), 1.0)
        chance[level] = 2 * _chance_of_count(int(found[level]), size, rate, seen, upper=above)
    return chance


def _chance_of_count(count: int, size: int, rate: float, seen: float, *, upper: bool) -> float:
    """Return the beta-binomial tail from `count` on; `rate` is known as from `seen` rows."""
    first, last = (count, size) if upper else (0, count)
    k = np.arange(first, last + 1, dtype=float)
    a, b = rate * seen, (1 - rate) * seen
    ways = special.gammaln(size + 1) - special.gammaln(k + 1) - special.gammaln(size - k + 1)
    log_mass = ways + special.betaln(k + a, size - k + b) - special.betaln(a, b)
    return float(min(np.exp(special.logsumexp(log_mass)), 1.0))


class Level(NamedTuple):
    """A number of a day beside what is usual.

    Attributes:
        found: The day's.
        usual: Mean of the good days that are alike.
        low: Least number that is no surprise.
        high: Greatest number that is no surprise.
    """

    found: float
    usual: float
    low: float
    high: float

    @property
    def is_surprise(self) -> bool:
        """Whether the day's number is outside its bounds."""
        return not self.low <= self.found <= self.high

    @property
    def bound(self) -> float:
        """The bound on the side where the number lies."""
        return self.high if self.found > self.high else self.low

    def widened(self, least: float) -> "Level":
        """Return it with bounds that are so far from the usual at least."""
        low, high = min(self.low, self.usual - least), max(self.high, self.usual + least)
        return self._replace(low=low, high=high)


def compare_level(days: GoodDays, values: Floats, found: float, alarm: float) -> Level:
    """Compare a number of a day with those of good days, by Student's t on their spread."""
    groups = days.groups()
    present, place = np.unique(groups, return_inverse=True)
    means = np.bincount(place, values) / np.bincount(place)
    freedom = max(values.size - present.size, 1)
    spread = float(np.sqrt(((values - means[place]) ** 2).sum() / freedom))
    alike = int((groups == days.group()).sum())
    usual = float(means[np.searchsorted(present, days.group())])
    reach = float(stats.t.isf(alarm / 2, freedom)) * spread * np.sqrt(1 + 1 / alike)
    return Level(found, usual, usual - reach, usual + reach)
