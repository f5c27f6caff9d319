"""What others promote by, from their published rules: each answers with the gain it reports.

A rule sees what such a gate sees: the metric of both sides on the gate window, here money per
decision. It answers with the promotion's true and reported gain, or None.
"""

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.simulation.worlds import Look
from kpi_gate.decision.stats.bootstrap import bootstrap_sums

Floats = NDArray[np.float64]
MIN_RELATIVE_CHANGE = 0.05  # as in the example of MLflow's validate_evaluation_results
CONFIDENCE = 0.95
RESAMPLES = 1_000
VARIANTS = 8
# row-level z beyond which 1,000 replicates cannot turn the answer, with the skewness of our worlds
SURELY_BELOW, SURELY_ABOVE = 1.3, 2.0


class Promotion(NamedTuple):
    """A candidate that was promoted; EUR per decision.

    Attributes:
        truth: Its true gain.
        raw: The gain as it was measured.
        booked: The gain that the rule reports.
    """

    truth: float
    raw: float
    booked: float


class Rule(Protocol):
    """A promotion rule over one year; it may remember earlier looks."""

    def judge(self, look: Look) -> Promotion | None:
        """Promote the candidate, or not."""


class HigherMetric:
    """Promote where the candidate's metric on the gate window is higher than the champion's."""

    def judge(self, look: Look) -> Promotion | None:
        """Compare the metrics."""
        return _plain(look) if look.candidate > look.champion else None


class RelativeThreshold:
    """Promote where the metric is higher by a fixed share.

    MLflow: `MetricThreshold(min_relative_change=0.05, greater_is_better=True)`, which fails where
    `(candidate - baseline) / abs(baseline)` is below; TFX: `GenericChangeThreshold(relative=...)`.
    """

    def judge(self, look: Look) -> Promotion | None:
        """Compare the relative change with the threshold."""
        change = look.gain / abs(look.champion)
        return _plain(look) if change >= MIN_RELATIVE_CHANGE else None


class StoredMetric:
    """Promote where the metric is higher than the one stored with the champion.

    It was measured when the champion was promoted, on that window.
    """

    def __init__(self, first: Look) -> None:
        self._stored = first.champion

    def judge(self, look: Look) -> Promotion | None:
        """Compare the candidate's metric of today with the champion's of then."""
        reported = look.candidate - self._stored
        if not reported > 0:
            return None
        # in our worlds the champion of the day earns LEVEL, so its history moves along
        self._stored = look.candidate - look.truth
        return Promotion(look.truth, reported, reported)


class ReusedHoldout:
    """Promote the best of eight variants on one holdout that serves all year.

    The variants have the candidate's true gain and differ in luck, so that every rule sees the
    same candidates. Each metric on the holdout carries its own error, and the champion keeps the
    one with which it won; the error of a difference is that of the world's windows.
    """

    def __init__(self, errors: Floats, generator: np.random.Generator) -> None:
        self._errors = errors / np.sqrt(2)
        self._generator = generator
        self._champion = self._draw(1)[0]

    def judge(self, look: Look) -> Promotion | None:
        """Draw the luck of the variants, and take the best."""
        best = float(self._draw(VARIANTS).max())
        reported = look.truth + best - self._champion
        if not reported > 0:
            return None
        self._champion = best
        return Promotion(look.truth, reported, reported)

    def _draw(self, count: int) -> Floats:
        return self._generator.choice(self._errors, count)


class RowBootstrap:
    """Promote where a bootstrap of the rows says that the gain is positive with 95 %.

    It ignores that rows of one unit go together.
    """

    def __init__(self, generator: np.random.Generator) -> None:
        self._generator = generator

    def judge(self, look: Look) -> Promotion | None:
        """Draw the rows again, where the answer is not plain already."""
        difference = look.rows.difference
        z = look.gain / (difference.std() / np.sqrt(difference.size))
        if z < SURELY_BELOW:
            return None
        if z < SURELY_ABOVE:
            totals = bootstrap_sums(difference, RESAMPLES, self._generator)
            if not (totals > 0).mean() > CONFIDENCE:
                return None
        return _plain(look)


def _plain(look: Look) -> Promotion:
    return Promotion(look.truth, look.gain, look.gain)
