"""What days did before the gate window: how they hang together, and how bad one can be.

A window of two weeks shows neither. A storm that comes on one day in twenty is absent from every
second window, and an autocorrelation of one half looks like chance in most of them.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from kpi_gate.decision.stats.intervals import (
    Interval,
    bounded,
    capped,
    cluster_sums,
    effective_count,
    memory,
)
from kpi_gate.decision.stats.turns import levels_of
from kpi_gate.decision.stats.week import weekday_levels

Floats = NDArray[np.float64]
LONG = 60  # days: fewer know little more than the window does
STRETCH = 28  # days of one level


@dataclass(frozen=True)
class DayHistory:
    """Differences of both policies by day, before the gate window; all of shape `(d,)`.

    The models may have learnt from these days, and the world may have turned in them, so their
    level is not believed: only how days stray around that of their own stretch, of four weeks at
    most.

    Attributes:
        days: Number of each UTC day, in time order.
        sums: Sum of the day's differences, money.
        rows: Decisions of the day, positive.
    """

    days: NDArray[np.int64]
    sums: Floats
    rows: Floats

    @classmethod
    def of(cls, difference: Floats, day: NDArray[np.int64]) -> "DayHistory":
        """Sum the rows' differences, shape `(n,)`, by the number of their day."""
        sums, rows = cluster_sums(difference, day)
        return cls(np.unique(day), sums, rows)

    def fault(self) -> str:
        """Say what cannot be read; empty where all can be."""
        if not self.days.shape == self.sums.shape == self.rows.shape == (self.days.size,):
            return f"{self.days.shape} days, {self.sums.shape} sums, {self.rows.shape} rows"
        if not (np.isfinite(self.sums).all() and (self.rows > 0).all()):
            return "a day's sum is not finite, or its rows are not positive"
        return "" if (np.diff(self.days) > 0).all() else "its days are not in order"

    @property
    def is_long(self) -> bool:
        """Whether there are days enough to learn from."""
        return self.days.size >= LONG

    @cached_property
    def stretches(self) -> NDArray[np.intp]:
        """Number of each day's stretch: four weeks at most, and never across a turn."""
        turned = levels_of(self.sums / self.rows, self.rows, self.days)
        four_weeks = (self.days[-1] - self.days) // STRETCH
        return np.unique(turned * (four_weeks.max() + 1) - four_weeks, return_inverse=True)[1]

    @cached_property
    def strays(self) -> Floats:
        """How far each day's mean lies from that of its own stretch, money per decision."""
        level = np.bincount(self.stretches, self.sums) / np.bincount(self.stretches, self.rows)
        strays: Floats = self.sums / self.rows - level[self.stretches]
        return strays

    @cached_property
    def memory(self) -> float:
        """Autocorrelation from one day to the next."""
        return memory(self.strays, self.days, around=STRETCH)

    @cached_property
    def week(self) -> Floats:
        """How far each weekday lies from a typical week, shape `(7,)`; zeros where none does."""
        return weekday_levels(self.strays, self.rows, self.days)[0]

    @property
    def worst(self) -> float:
        """How far the worst day lay below the mean, money per decision."""
        return max(0.0, -float(self.strays.min())) if self.days.size else 0.0

    def interval(
        self, mean: float, days: NDArray[np.int64], rows: Floats, confidence: float
    ) -> Interval:
        """Return the interval of a window's mean, were its days drawn from these.

        Args:
            mean: The window's, money per decision.
            days: Number of each of the window's days.
            rows: Decisions of each.
            confidence: One-sided confidence of the bounds.
        """
        strays = self.strays - self.week[self.days % 7]
        variance = float(np.average(np.square(strays), weights=self.rows))
        variance *= strays.size / (strays.size - self.stretches.max() - 1)  # their means are taken
        count = effective_count(rows)
        error = float(np.sqrt(variance * spread_of_mean(self.memory, days, rows) / count))
        if error == 0:
            return Interval(mean, 0.0, mean, mean, 0.0)
        skew = float(np.average((strays / np.sqrt(variance)) ** 3, weights=self.rows))
        z = float(stdtrit(self.days.size - 1, confidence))
        return bounded(mean, error, capped(skew / np.sqrt(count)), z)

    def chance(self, view: Interval, threshold: float) -> float:
        """Return P(gain > threshold) of what `interval` returned."""
        if view.standard_error == 0:
            return float(view.estimate > threshold)
        return float(stdtr(self.days.size - 1, (view.estimate - threshold) / view.standard_error))


def spread_of_mean(memory: float, days: NDArray[np.int64], rows: Floats) -> float:
    """Return by how much the variance of the mean of some days grows, as each remembers the last.

    Exact for an autoregression of the first order in calendar time: what a day remembers of one
    that lies a week before is little, also where no day between them has a decision.

    Args:
        memory: Autocorrelation from one day to the next.
        days: Number of each UTC day.
        rows: Decisions of each day.
    """
    if memory == 0:
        return 1.0
    together = memory ** np.abs(days[:, None] - days).astype(float)
    return max(float((rows * (together * rows).sum(axis=1)).sum() / np.square(rows).sum()), 1.0)
