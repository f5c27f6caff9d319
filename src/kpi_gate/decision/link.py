"""The link: what experiments on past releases say of the next offline gain."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from math import hypot
from statistics import median

from kpi_gate.decision.link_history import LinkHistory, Pair, Release
from kpi_gate.decision.objective import LARGEST, Objective
from kpi_gate.decision.stats.errors_in_variables import (
    LinePrior,
    Pairs,
    Population,
    Posterior,
    fit_line,
    learn_population,
    residuals,
)
from kpi_gate.text import number

INTERCEPT, SCATTER = 0.25, 0.25  # their priors, in usual offline gains


@dataclass(frozen=True)
class Link:
    """What offline gains are worth, learnt from a history; all amounts are money per decision.

    Attributes:
        history: What it was learnt from.
        scale: Size of a usual offline gain, from which the priors of intercept and scatter follow.
        population: What candidates gain against a champion, in `scale`.
        baseline_population: What they gain against the baseline.
        prior: What was believed of the line, in `scale`.
        pairs: The releases, in `scale`.
    """

    history: LinkHistory
    scale: float
    population: Population
    baseline_population: Population
    prior: LinePrior
    pairs: Pairs

    @classmethod
    def fit(
        cls,
        history: LinkHistory,
        objective: Objective,
        as_of: datetime | None = None,
        *,
        error: float | None = None,
    ) -> "Link":
        """Learn the link.

        Args:
            history: Candidates and releases.
            objective: Its prior and its half-life; `delta` is a gain that matters.
            as_of: Later releases are unknown, and age is counted until then; None: all are known.
            error: Standard error of the gain at hand, which says how large gains are where there
                were no candidates.

        Raises:
            ValueError: If a row of the history cannot be: field, value and bound.
        """
        history = history.known_at(as_of)
        if faults := history.faults():
            raise ValueError("; ".join(faults))
        scale, own = _scales(history, objective.delta, error or 0.0)
        population, baseline = (
            _population(gains, size, scale)
            for gains, size in zip(
                (history.candidates, history.baseline_candidates), own, strict=True
            )
        )
        weights = _remembered(history.releases, objective.link_half_life_days, as_of)
        rows = []
        for release, weight in zip(history.releases, weights, strict=True):
            among = baseline if release.against_baseline else population
            online_error = release.online_error / scale
            if not release.randomised:  # all that it says may be due to something else
                online_error = hypot(online_error, 1.0)
            believed = among.shrink(release.offline / scale, release.offline_error / scale)
            rows.append((*believed, release.online / scale, max(online_error, 1e-9), weight))
        believed_slope = objective.link_prior
        prior = LinePrior(
            believed_slope.slope, believed_slope.standard_deviation, INTERCEPT, SCATTER
        )
        return cls(history, scale, population, baseline, prior, Pairs.of(rows))

    @cached_property
    def line(self) -> Posterior:
        """What all releases say."""
        return fit_line(self.pairs, self.prior)

    @cached_property
    def prior_line(self) -> Posterior:
        """What was believed before any release."""
        return fit_line(Pairs.of(()), self.prior)

    @cached_property
    def _lines(self) -> tuple[Posterior, ...]:
        """What all releases say, and what the randomised ones alone do."""
        chance = [release.randomised for release in self.history.releases]
        if all(chance):
            return (self.line,)
        return self.line, fit_line(Pairs(*(column[chance] for column in self.pairs)), self.prior)

    def p_lift_above(
        self, target: float, offline: float, error: float, *, against_baseline: bool = False
    ) -> float:
        """Return P(KPI lift > target) of a candidate.

        What was not randomised may lower it, and never raises it.
        """
        among = self._among(against_baseline)
        believed = among.shrink(offline / self.scale, error / self.scale)
        return min(line.p_above(target / self.scale, *believed) for line in self._lines)

    def predict(
        self, offline: float, error: float, *, against_baseline: bool = False
    ) -> tuple[float, float]:
        """Return mean and standard deviation of the KPI lift of a candidate."""
        among = self._among(against_baseline)
        believed = among.shrink(offline / self.scale, error / self.scale)
        mean, deviation = self.line.predict(*believed)
        return mean * self.scale, deviation * self.scale

    def required_gain(
        self, error: float, target: float, confidence: float, *, against_baseline: bool = False
    ) -> float:
        """Return the least offline gain that suffices; infinite where none does."""
        among = self._among(against_baseline)
        measures = error / self.scale, target / self.scale
        return max(line.required(among, *measures, confidence) for line in self._lines) * self.scale

    def _among(self, against_baseline: bool) -> Population:
        return self.baseline_population if against_baseline else self.population

    @property
    def residuals(self) -> tuple[float, ...]:
        """How far each release lies from what the others let expect, in standard deviations."""
        return tuple(map(float, residuals(self.pairs, self.prior)))

    @property
    def slope(self) -> tuple[float, float, float]:
        """What a unit of offline gain is worth online: mean, and ends of the 90 % interval."""
        return self.line.slope()

    @property
    def sentence(self) -> str:
        """Say what an offline unit of money has been worth."""
        unit, count = self.history.unit, len(self.history.releases)
        mean, low, high = (number(round(end, 2)) for end in self.slope)
        between = f"{mean} {unit} online (90 %: {low} to {high})"
        if not count:
            belief = f"an offline {unit} is believed to be worth {between}"
            return f"no release was measured online yet: {belief}"
        some = count - len(self.history.randomised)
        told = f", {some} of them not randomised" if some else ""
        from_ = f"from {count} release{'s' * (count != 1)}{told}"
        return f"an offline {unit} has been worth {between}, {from_}"


def _scales(history: LinkHistory, delta: float, error: float) -> tuple[float, Pair]:
    """Return the size of a usual gain, and those of both kinds of candidates."""
    sizes = []
    for gains in (history.candidates, history.baseline_candidates):
        usable = _usable(gains)
        met = [median(abs(x) for x, _ in usable), median(s for _, s in usable)] if usable else []
        sizes.append(max([delta, *met]) if usable else 0.0)
    released = [release.offline_error for release in history.releases]
    fallback = max(delta, median(released) if released else error) or 1.0
    own = sizes[0] or fallback, sizes[1] or sizes[0] or fallback
    return sizes[0] or sizes[1] or fallback, own


def _usable(gains: Sequence[Pair]) -> list[Pair]:
    return [(x, s) for x, s in gains if abs(x) <= LARGEST and 1 / LARGEST < s <= LARGEST]


def _population(gains: Sequence[Pair], size: float, scale: float) -> Population:
    """Learn what candidates gain, in `scale`; before any, about `size`."""
    usable = _usable(gains)
    found = learn_population([x / size for x, _ in usable], [s / size for _, s in usable])
    return Population(found.mean * size / scale, found.spread * size / scale)


def _remembered(
    releases: Sequence[Release], half_life: float | None, as_of: datetime | None
) -> list[float]:
    """Return how much each release counts: half of it after each half-life."""
    ends = [release.ended for release in releases if release.ended is not None]
    now = as_of or max(ends, default=None)
    if half_life is None or now is None:
        return [1.0] * len(releases)
    ages = [(now - (one.ended or now)).total_seconds() / 86_400 for one in releases]
    return [0.5 ** max(age / half_life, 0.0) for age in ages]
