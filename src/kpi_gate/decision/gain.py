"""Paired gain of a candidate over a champion, in money per decision, with its uncertainty."""

from dataclasses import dataclass
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtr, stdtrit

from kpi_gate.decision.bootstrap import bootstrap_sums, ratio_differences

Floats = NDArray[np.float64]
POWER = 0.80
MIN_DAYS = 10  # fewer clusters are too few for a bootstrap
LOSS_SHARE = 0.9  # losses beyond it are small change: they do not count as seen losses


@dataclass(frozen=True)
class Gain:
    """What the gate window says of the difference between candidate and champion.

    Money is per decision, in the objective's currency. `standard_error`, `lower`, `upper` and
    `p_above_threshold` are the less favourable of two clusterings: by unit and by day.

    Attributes:
        estimate: Mean of value(candidate) - value(champion).
        standard_error: The larger of the unit-clustered and day-clustered standard errors.
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
        loss_size: What one more loss costs: their size-weighted mean, `sum S^2 / sum |S|`.
        top_unit_share: Share of `sum |S|` that the largest unit carries.
        tail_skew: Skewness of the mean; negative when losses are rare and large.
        unit_standard_error: Standard error clustered by unit.
        day_standard_error: Standard error clustered by day; None where there is a single day.
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
    loss_size: float
    top_unit_share: float
    tail_skew: float
    unit_standard_error: float
    day_standard_error: float | None

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
        return Ratio(
            *(tuple(cluster_sums(c, cluster)[0] for c in pair) for pair in self)  # type: ignore[arg-type]
        )


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
    _, index = np.unique(np.asarray(cluster), return_inverse=True)
    sums = np.bincount(index.ravel(), weights=difference).astype(np.float64)
    return sums, np.bincount(index.ravel()).astype(np.float64)


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


def interval(sums: Floats, sizes: Floats, confidence: float, *, few: bool = False) -> Interval:
    """Return the interval of the mean per row from the clusters.

    The number of rows of a cluster is as random as its sum, so the mean is a ratio of both and
    its error comes from `sum - mean * size`.

    Args:
        sums: Sum of the differences of each cluster, shape `(G,)`.
        sizes: Rows of each cluster, shape `(G,)`.
        confidence: One-sided confidence of the bounds.
        few: Whether the clusters are few, as days are: Student's quantile instead of the normal.
    """
    count, rows = sums.size, float(sizes.sum())
    mean = float(sums.sum() / rows)
    if count < 2:
        return Interval(mean, np.inf, -np.inf, np.inf, 0.0)
    left = sums - mean * sizes
    variance = float(left @ left) / (count - 1)
    # a spread that is only rounding noise is none
    if variance <= (1e-12 * float(np.abs(sums).max())) ** 2:
        return Interval(mean, 0.0, mean, mean, 0.0)
    error = float(np.sqrt(variance * count)) / rows
    skew = float((left**3).mean()) / variance**1.5 / np.sqrt(count)
    z = float(stdtrit(count - 1, confidence)) if few else NormalDist().inv_cdf(confidence)
    return Interval(
        estimate=mean,
        standard_error=error,
        lower=hall_bound(mean, error, skew, z),
        upper=hall_bound(mean, error, skew, -z),
        tail_skew=float(skew),
    )


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
        distance = (view.estimate - threshold) / view.standard_error
        return float(stdtr(sums.size - 1, distance))
    if ratio is not None:
        found = ratio_differences(ratio.numerators, ratio.bases, resamples, generator)
        return float((found > threshold).mean())
    totals = bootstrap_sums(sums - threshold * sizes, resamples, generator)
    return float((totals > 0).mean())


def paired_gain(
    difference: ArrayLike,
    unit: ArrayLike,
    day: ArrayLike | None = None,
    *,
    threshold: float,
    confidence: float = 0.95,
    resamples: int = 10_000,
    seed: int = 7,
    ratio: Ratio | None = None,
) -> Gain:
    """Estimate the gain per decision and how sure it is.

    Args:
        difference: value(candidate) - value(champion) of each row, shape `(n,)`, finite. Of a
            ratio KPI its influence, so that the same intervals hold by the delta method.
        unit: Cluster of each row (customer, member, card), shape `(n,)`.
        day: Day of each row, shape `(n,)`; the larger of both standard errors counts.
        threshold: Gain per decision that a release must exceed.
        confidence: One-sided confidence of the bounds.
        resamples: Bootstrap replicates.
        seed: Seed of the bootstrap.
        ratio: What a ratio KPI is made of; the bootstrap then forms both ratios anew.

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
    generator = np.random.default_rng(seed)
    clusters = [np.asarray(unit)]
    days = 0 if day is None else np.unique(np.asarray(day)).size
    if days > 1:  # a shock of one day hits all its units
        clusters.append(np.asarray(day))
    views, chances = [], []
    for few, cluster in enumerate(clusters):
        sums, sizes = cluster_sums(values, cluster)
        view = interval(sums, sizes, confidence, few=bool(few))
        made_of = ratio.by(cluster) if ratio is not None else None
        views.append(view)
        chances.append(_chance(sums, sizes, view, threshold, resamples, generator, made_of))
    sums = cluster_sums(values, unit)[0]
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
        days=days,
        effective_units=_effective(size),
        effective_winners=_effective(wins),
        changed=float((values != 0).mean()),
        losing_units=losses.size,
        loss_events=_weighty(losses),
        loss_size=float(losses @ losses / losses.sum()) if losses.sum() > 0 else 0.0,
        top_unit_share=float(size.max() / size.sum()) if size.sum() > 0 else 0.0,
        tail_skew=views[0].tail_skew,
        unit_standard_error=views[0].standard_error,
        day_standard_error=views[1].standard_error if len(views) > 1 else None,
    )


def _effective(size: Floats) -> float:
    """Return how many units of equal size would weigh as these do (Kish 1965)."""
    squares = float(size @ size)
    return float(size.sum() ** 2 / squares) if squares > 0 else 0.0


def _weighty(losses: Floats) -> int:
    """Return the fewest losses that carry `LOSS_SHARE` of them all."""
    if not losses.sum() > 0:
        return 0
    carried = np.cumsum(np.sort(losses)[::-1]) / losses.sum()
    return int(np.searchsorted(carried, LOSS_SHARE - 1e-12) + 1)
