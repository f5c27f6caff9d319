"""Paired gain of a candidate over a champion, in money per decision, with its uncertainty."""

from dataclasses import dataclass
from functools import partial
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtr

from kpi_gate.decision.stats.bootstrap import bootstrap_sums, ratio_differences
from kpi_gate.decision.stats.day_history import DayHistory, spread_of_mean
from kpi_gate.decision.stats.intervals import (
    MIN_DAYS,
    Interval,
    cluster_sums,
    day_factor,
    effective_count,
    interval,
    memory,
    remembering,
    two_way_error,
    widened,
)
from kpi_gate.decision.stats.week import weekday_levels

Floats = NDArray[np.float64]
POWER = 0.80
NO_DAY: tuple[int | None, float, float | None] = (None, 0.0, None)
LOSS_SHARE = 0.9  # losses beyond it are small change: they do not count as seen losses


@dataclass(frozen=True)
class Gain:
    """What the gate window says of the difference between candidate and champion.

    Money is per decision, in the objective's currency. `standard_error`, `lower`, `upper` and
    `p_above_threshold` are the least favourable of three clusterings: by unit, by day, and by both;
    and of what the days before the window show, where they are many.

    Attributes:
        estimate: Mean of value(candidate) - value(champion).
        standard_error: The largest of the unit-clustered, day-clustered and two-way errors.
        lower: Hall's skewness-corrected one-sided lower bound at `confidence`.
        upper: Hall's one-sided upper bound at `confidence`.
        threshold: Gain that a release must exceed.
        p_above_threshold: Share of cluster-bootstrap replicates above `threshold`.
        confidence: One-sided confidence of the bounds.
        rows: Decisions compared.
        units: Independent units (customers, members, cards).
        days: Days with a decision; 0 where none are given.
        effective_units: `(sum |S|)^2 / sum S^2` of the units' sums S of the difference.
        effective_winners: The same of the units that gain: how many carry the gain.
        changed: Share of the decisions whose value differs.
        losing_units: Units that lose with the candidate.
        loss_events: Fewest of them that carry nine tenths of the loss.
        top_unit_share: Share of `sum |S|` that the largest unit carries.
        tail_skew: Skewness of the mean; negative when losses are rare and large.
        unit_standard_error: Standard error clustered by unit.
        expected_error: Standard error as it is best guessed, on which shrinkage rests: that of both
            clusterings together, or that of the days before. The least favourable is larger than
            the truth on average, and would book too little.
        skewed_error: Standard error that the lower bound by unit implies: larger where losses are
            rare and large.
        day_standard_error: Standard error clustered by day, wider where days hang together; None
            where there is a single day.
        top_day: Number of the day that strays most from the mean; None where there is a single day.
        top_day_share: Share of the variance over days that it carries.
        without_top_day: The mean without it.
    """

    estimate: float
    standard_error: float
    lower: float
    upper: float
    threshold: float
    p_above_threshold: float
    confidence: float
    rows: int
    units: int
    days: int
    effective_units: float
    effective_winners: float
    changed: float
    losing_units: int
    loss_events: int
    top_unit_share: float
    tail_skew: float
    unit_standard_error: float
    expected_error: float
    skewed_error: float
    day_standard_error: float | None
    top_day: int | None = None
    top_day_share: float = 0.0
    without_top_day: float | None = None

    @property
    def is_hopeless(self) -> bool:
        """Whether even the upper bound is below what a release needs."""
        return self.upper < self.threshold

    def rows_needed(self) -> int | None:
        """Return the decisions needed to open the gate with 80 % power.

        None means that no number of rows helps: the estimate does not exceed the threshold.
        """
        distance = self.estimate - self.threshold
        if not distance > 0 or not np.isfinite(self.standard_error):
            return None
        z = NormalDist().inv_cdf(self.confidence) + NormalDist().inv_cdf(POWER)
        needed = self.rows * (z * self.standard_error / distance) ** 2
        return max(int(np.ceil(needed)), 1)


class Ratio(NamedTuple):
    """What a ratio KPI is made of, row by row; all of shape `(n,)`.

    Attributes:
        numerators: (candidate, champion), such as quality plays.
        bases: (candidate, champion), what the ratio is taken of, such as recommendations shown.
    """

    numerators: tuple[Floats, Floats]
    bases: tuple[Floats, Floats]

    def by(self, cluster: ArrayLike) -> "Ratio":
        """Return the sums of each cluster."""
        ours, theirs, our_base, their_base = (
            cluster_sums(values, cluster)[0] for pair in self for values in pair
        )
        return Ratio((ours, theirs), (our_base, their_base))


def _chance(
    sums: Floats,
    sizes: Floats,
    view: Interval,
    threshold: float,
    resamples: int,
    generator: np.random.Generator,
    ratio: Ratio | None = None,
) -> float:
    """Return P(gain > threshold): by bootstrap, or by Student's t of too few clusters for one."""
    if sums.size < 2:
        return 0.0
    if sums.size < MIN_DAYS and view.standard_error > 0:
        return _student(view, sums.size - 1, threshold)
    if ratio is not None:
        found = ratio_differences(ratio.numerators, ratio.bases, resamples, generator)
        return float((found > threshold).mean())
    totals = bootstrap_sums(sums - threshold * sizes, resamples, generator)
    return float((totals > 0).mean())


def _student(view: Interval, freedom: int, threshold: float) -> float:
    if view.standard_error == 0:
        return float(view.estimate > threshold)
    return float(stdtr(freedom, (view.estimate - threshold) / view.standard_error))


def paired_gain(  # noqa: PLR0913  (all by name)
    difference: ArrayLike,
    unit: ArrayLike,
    day: ArrayLike | None = None,
    *,
    threshold: float,
    confidence: float = 0.95,
    resamples: int = 10_000,
    seed: int = 7,
    ratio: Ratio | None = None,
    history: DayHistory | None = None,
) -> Gain:
    """Estimate the gain per decision and how sure it is.

    Args:
        difference: value(candidate) - value(champion) of each row, shape `(n,)`, finite. Of a
            ratio KPI its influence, so that the same intervals hold by the delta method.
        unit: Cluster of each row (customer, member, card), shape `(n,)`.
        day: Day of each row in time order, shape `(n,)`; the largest standard error counts.
        threshold: Gain per decision that a release must exceed.
        confidence: One-sided confidence of the bounds.
        resamples: Bootstrap replicates.
        seed: Seed of the bootstrap.
        ratio: What a ratio KPI is made of; the bootstrap then forms both ratios anew.
        history: What days did before the window. Where it is long it says how days hang together
            and what a bad one costs; else the window does, and what may be chance counts too.

    Returns:
        The gain; formulas in Hall (1992) and, for the clusters, Cameron and Miller (2015).

    Raises:
        ValueError: If there are no rows, or a difference is not finite.
    """
    values = np.asarray(difference, dtype=np.float64)
    if values.size == 0:
        raise ValueError("difference has 0 rows, at least 1 is needed")
    if not np.isfinite(values).all():
        raise ValueError(f"{int((~np.isfinite(values)).sum())} differences are not finite")
    draw = partial(
        _chance,
        threshold=threshold,
        resamples=resamples,
        generator=np.random.default_rng(seed),
    )
    by_unit = cluster_sums(values, unit)
    views = [interval(*by_unit, confidence)]
    chances = [draw(*by_unit, views[0], ratio=ratio and ratio.by(unit))]
    numbers = np.unique(np.asarray(() if day is None else day))
    known = history if history is not None and history.is_long else None
    expected, worst = views[0].standard_error, NO_DAY
    if day is not None and numbers.size > 1:  # a shock of one day hits all its units
        sums, rows = cluster_sums(values, day)
        week, fitted = _week(sums / rows, rows, numbers, known)
        by_day = sums - rows * week[numbers % 7], rows
        plain = interval(*by_day, confidence, few=True, fitted=fitted)
        together = _hanging_together(plain, by_day, numbers, known, confidence)
        views.append(together)
        if week.any():
            chances.append(_student(plain, numbers.size - fitted, threshold))
        else:
            chances.append(draw(*by_day, plain, ratio=ratio and ratio.by(day)))
        expected = max(expected, together.standard_error)
        if numbers.size >= MIN_DAYS:  # fewer do not tell the two apart
            both = partial(two_way_error, values, unit, day)
            wider = max(views, key=lambda view: view.standard_error)
            views.append(widened(wider, both(views[0].standard_error, together.standard_error)))
            likely = plain.standard_error
            likely *= 1.0 if known else day_factor(*by_day, numbers)
            expected = both(views[0].standard_error, likely)
        widest = max(view.standard_error for view in views)
        if widest > max(views[0].standard_error, plain.standard_error):  # no bootstrap knows it
            chances.append(_student(views[-1], numbers.size - fitted, threshold))
        if known is not None:
            views.append(known.interval(plain.estimate, numbers, by_day[1], confidence))
            chances.append(known.chance(views[-1], threshold))
            expected = max(expected, views[-1].standard_error)
        worst = _top_day(by_day, numbers, plain.estimate)
    sums = by_unit[0]
    size, wins, losses = np.abs(sums), sums[sums > 0], -sums[sums < 0]
    return Gain(
        estimate=views[0].estimate,
        standard_error=max(view.standard_error for view in views),
        lower=min(view.lower for view in views),
        upper=max(view.upper for view in views),
        threshold=threshold,
        p_above_threshold=min(chances),
        confidence=confidence,
        rows=values.size,
        units=sums.size,
        days=numbers.size,
        effective_units=effective_count(size),
        effective_winners=effective_count(wins),
        changed=float((values != 0).mean()),
        losing_units=losses.size,
        loss_events=_weighty(losses),
        top_unit_share=float(size.max() / size.sum()) if size.sum() > 0 else 0.0,
        tail_skew=views[0].tail_skew,
        unit_standard_error=views[0].standard_error,
        expected_error=expected,
        skewed_error=(views[0].estimate - views[0].lower) / NormalDist().inv_cdf(confidence),
        day_standard_error=views[1].standard_error if len(views) > 1 else None,
        top_day=worst[0],
        top_day_share=worst[1],
        without_top_day=worst[2],
    )


def _top_day(
    by_day: tuple[Floats, Floats], days: NDArray[np.int64], mean: float
) -> tuple[int, float, float]:
    """Return the day that strays most, its share of the variance, and the mean without it."""
    sums, rows = by_day
    strays = np.square(sums - mean * rows)
    top = int(strays.argmax())
    without = (sums.sum() - sums[top]) / (rows.sum() - rows[top])
    return int(days[top]), float(strays[top] / (strays.sum() or 1.0)), float(without)


def _week(
    means: Floats, rows: Floats, days: NDArray[np.int64], history: DayHistory | None
) -> tuple[Floats, int]:
    """Return what returns with the weekday, as the days before the window show it, or its own.

    Returns:
        Levels of the weekdays, and how many means were taken from the window's days.
    """
    if history is not None:
        return history.week, 1
    levels, known = weekday_levels(means, rows, days)
    return levels, known.size if levels.any() else 1


def _hanging_together(
    plain: Interval,
    by_day: tuple[Floats, Floats],
    days: NDArray[np.int64],
    history: DayHistory | None,
    confidence: float,
) -> Interval:
    """Return the interval over days that may hang together."""
    sums, rows = by_day
    if history is None:
        strays = sums - plain.estimate * rows
        return remembering(plain, memory(strays, days, doubt=True), days.size, confidence)
    factor = np.sqrt(spread_of_mean(history.memory, days, rows))
    return widened(plain, plain.standard_error * float(factor))


def _weighty(losses: Floats) -> int:
    """Return the fewest losses that carry `LOSS_SHARE` of them all."""
    if not losses.sum() > 0:
        return 0
    carried = np.cumsum(np.sort(losses)[::-1]) / losses.sum()
    return int(np.searchsorted(carried, LOSS_SHARE - 1e-12) + 1)
