"""How likely a gain exceeds its threshold, by one clustering of its rows."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtr

from kpi_gate.decision.stats.bootstrap import bootstrap_sums, ratio_differences
from kpi_gate.decision.stats.intervals import MIN_DAYS, Interval, cluster_sums

Floats = NDArray[np.float64]


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


@dataclass(frozen=True)
class Chance:
    """P(gain > threshold), asked of one clustering after the other.

    Attributes:
        threshold: Gain per decision that a release must exceed.
        resamples: Bootstrap replicates.
        generator: Where chance comes from; each question goes on in it.
    """

    threshold: float
    resamples: int
    generator: np.random.Generator

    def of(self, sums: Floats, sizes: Floats, view: Interval, ratio: Ratio | None = None) -> float:
        """Return it by bootstrap, or by Student's t of too few clusters for one.

        Args:
            sums: Sum of the difference of each cluster, shape `(k,)`.
            sizes: Decisions of each cluster, shape `(k,)`.
            view: The interval over these clusters.
            ratio: Sums by cluster of what a ratio KPI is made of.
        """
        if sums.size < 2:
            return 0.0
        if sums.size < MIN_DAYS and view.standard_error > 0:
            return self.by_student(view, sums.size - 1)
        if ratio is not None:
            found = ratio_differences(ratio.numerators, ratio.bases, self.resamples, self.generator)
            return float((found > self.threshold).mean())
        totals = bootstrap_sums(sums - self.threshold * sizes, self.resamples, self.generator)
        return float((totals > 0).mean())

    def by_student(self, view: Interval, freedom: int) -> float:
        """Return it by Student's t."""
        if view.standard_error == 0:
            return float(view.estimate > self.threshold)
        return float(stdtr(freedom, (view.estimate - self.threshold) / view.standard_error))
