"""Paired gain of a candidate over a champion, in money per decision, with its uncertainty."""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kpi_gate.decision.stats.day_history import DayHistory
from kpi_gate.decision.stats.gain_by_day import view_by_day
from kpi_gate.decision.stats.gain_chance import Chance, Ratio
from kpi_gate.decision.stats.intervals import cluster_sums, effective_count, interval

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
    chance = Chance(threshold, resamples, np.random.default_rng(seed))
    by_unit = cluster_sums(values, unit)
    views = [interval(*by_unit, confidence)]
    chances = [chance.of(*by_unit, views[0], ratio and ratio.by(unit))]
    numbers = np.unique(np.asarray(() if day is None else day))
    expected, top_day = views[0].standard_error, NO_DAY
    if day is not None and numbers.size > 1:  # a shock of one day hits all its units
        seen = view_by_day(
            values,
            unit,
            day,
            views[0],
            chance,
            confidence=confidence,
            history=history if history is not None and history.is_long else None,
            ratio=ratio,
        )
        views += seen.views
        chances += seen.chances
        expected, top_day = seen.expected, seen.top_day
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
        top_day=top_day[0],
        top_day_share=top_day[1],
        without_top_day=top_day[2],
    )


def _weighty(losses: Floats) -> int:
    """Return the fewest losses that carry `LOSS_SHARE` of them all."""
    if not losses.sum() > 0:
        return 0
    carried = np.cumsum(np.sort(losses)[::-1]) / losses.sum()
    return int(np.searchsorted(carried, LOSS_SHARE - 1e-12) + 1)
