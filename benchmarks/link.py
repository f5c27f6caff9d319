"""Is the link from offline gain to KPI calibrated? Worlds whose truth is known, played many times.

    python -m benchmarks.link            # a minute; what docs/explanation/measured.md shows
    python -m benchmarks.link --worlds 50

In each world candidates come one after the other; those whose measured offline gain is certain
enough are released, and an experiment measures each. Amounts are in EUR per decision.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chisquare

from kpi_gate.decision.link import Link
from kpi_gate.decision.link_history import LinkHistory, Release
from kpi_gate.decision.objective import Objective
from kpi_gate.decision.stats.errors_in_variables import (
    LinePrior,
    Pairs,
    fit_line,
    learn_population,
)

Floats = NDArray[np.float64]
OBJECTIVE = Objective(unit="EUR", horizon_decisions=100_000, min_effect=0.01, kpi_link="required")
OFFLINE_GATE = 1.645  # standard errors above zero that offline money alone asks for


@dataclass(frozen=True)
class World:
    """How offline gains come about, and what they bring.

    Attributes:
        slope: Online lift for each unit of true offline gain.
        intercept: Lift of any release.
        scatter: Standard deviation of lifts around the line.
        mean: Mean of the true offline gains.
        spread: Their standard deviation.
        offline_error: Standard error of the offline measurement.
        online_error: Standard error of an experiment.
        releases: Experiments until the history is used.
        certain: Standard errors above zero with which a candidate is released; None: any is.
    """

    slope: float = 0.6
    intercept: float = 0.0
    scatter: float = 0.2
    mean: float = 0.1
    spread: float = 1.0
    offline_error: float = 0.65
    online_error: float = 0.3
    releases: int = 16
    certain: float | None = 1.0

    def candidates(self, count: int, chance: np.random.Generator) -> tuple[Floats, Floats, Floats]:
        """Return true and measured offline gains and true online lifts of candidates."""
        true = chance.normal(self.mean, self.spread, count)
        lift = self.intercept + self.slope * true + chance.normal(0, self.scatter, count)
        return true, true + chance.normal(0, self.offline_error, count), lift

    def history(self, chance: np.random.Generator, *, released_only: bool = False) -> LinkHistory:
        """Play candidates until there are enough releases; each is measured by an experiment."""
        _true, measured, lift = self.candidates(60 * self.releases, chance)
        least = -np.inf if self.certain is None else self.certain * self.offline_error
        chosen = np.flatnonzero(measured > least)[: self.releases]
        seen = chosen if released_only else np.arange(chosen[-1] + 1)
        return LinkHistory(
            unit="EUR",
            candidates=tuple((float(measured[i]), self.offline_error) for i in seen),
            releases=tuple(
                Release(
                    offline=float(measured[i]),
                    offline_error=self.offline_error,
                    online=float(lift[i] + chance.normal(0, self.online_error)),
                    online_error=self.online_error,
                )
                for i in chosen
            ),
        )


def ranks(worlds: int, chance: np.random.Generator, releases: int = 12) -> Floats:
    """Return the rank of the true slope in its posterior, with truths drawn from the prior.

    Of a calibrated posterior they are uniform between 0 and 1 (simulation-based calibration).
    """
    prior, found = LinePrior(), np.empty(worlds)
    for i in range(worlds):
        world = World(
            slope=chance.normal(prior.slope, prior.slope_error),
            intercept=chance.normal(0, prior.intercept),
            scatter=abs(chance.normal(0, prior.scatter)),
            releases=releases,
        )
        history = world.history(chance)
        population = learn_population(*np.array(history.candidates).T)
        rows = [
            (*population.shrink(one.offline, one.offline_error), one.online, one.online_error, 1.0)
            for one in history.releases
        ]
        line = fit_line(Pairs.of(rows), prior)
        p = line.weights.sum(axis=1)
        found[i] = np.interp(world.slope, line.slopes[:, 0], np.cumsum(p) - p / 2)
    return found


def p_uniform(ranks: Floats, bins: int = 10) -> float:
    """Return the p of a chi-square test that ranks are uniform."""
    counts, _ = np.histogram(ranks, bins, (0.0, 1.0))
    return float(chisquare(counts).pvalue)


@dataclass(frozen=True)
class Recovered:
    """What fits of one kind made of the true slope over many worlds: mean, and 90 % coverage."""

    mean: float
    coverage: float


def recover(
    world: World, worlds: int, chance: np.random.Generator, *, released_only: bool = False
) -> tuple[Recovered, Recovered]:
    """Return what the link and what weighted least squares make of the slope."""
    link, plain = np.empty((worlds, 3)), np.empty((worlds, 3))
    for i in range(worlds):
        history = world.history(chance, released_only=released_only)
        link[i] = Link.fit(history, OBJECTIVE).slope
        plain[i] = least_squares(history.releases)
    return _recovered(link, world.slope), _recovered(plain, world.slope)


def _recovered(slopes: Floats, truth: float) -> Recovered:
    within = (slopes[:, 1] <= truth) & (truth <= slopes[:, 2])
    return Recovered(float(slopes[:, 0].mean()), float(within.mean()))


def least_squares(releases: Sequence[Release]) -> tuple[float, float, float]:
    """Return the weighted least squares slope and its 90 % interval.

    It takes measured offline gains for the true ones: the noisier they are, the smaller it is.
    """
    x, y = (np.array([getattr(one, name) for one in releases]) for name in ("offline", "online"))
    weight = 1 / np.array([one.online_error for one in releases]) ** 2
    across = x - weight @ x / weight.sum()
    slope = float(weight @ (across * y) / (weight @ across**2))
    left = y - weight @ y / weight.sum() - slope * across
    half = 1.645 * float(np.sqrt((weight @ left**2) / (len(y) - 2) / (weight @ across**2)))
    return slope, slope - half, slope + half


@dataclass(frozen=True)
class Opened:
    """How often two gates open for candidates, and how often the KPI truly rose with those."""

    link: float
    offline: float
    offline_true: float
    base: float
    unreachable: float


def open_rates(
    world: World, worlds: int, chance: np.random.Generator, candidates: int = 100
) -> Opened:
    """Return how often the gate opens for new candidates after a history, and offline alone."""
    link, offline, rose, base, infinite = [], [], [], [], 0
    sure, error = OBJECTIVE.kpi_confidence, world.offline_error
    for _ in range(worlds):
        found = Link.fit(world.history(chance), OBJECTIVE)
        required = found.required_gain(error, 0.0, sure)
        infinite += not np.isfinite(required)
        _true, measured, lift = world.candidates(candidates, chance)
        opens = measured > OFFLINE_GATE * error
        offline.append(opens.mean())
        rose += list(lift[opens] > 0)
        base.append((lift > 0).mean())
        asked = [
            opens[i] and found.p_lift_above(0.0, x, error) >= sure for i, x in enumerate(measured)
        ]
        link.append(np.mean(asked))
    linked, alone, truly, usual = (float(np.mean(one)) for one in (link, offline, rose, base))
    return Opened(linked, alone, truly, usual, infinite / worlds)


def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=400, help="worlds a figure; default 400")
    worlds, chance = parser.parse_args().worlds, np.random.default_rng(15)
    found = ranks(worlds, chance)
    counts, _ = np.histogram(found, 10, (0, 1))
    print(f"calibration: ranks of the slope by tenth {counts}, p {p_uniform(found):.2f}")
    print("\nslope 0.6 from           link  90 % interval holds  least squares  holds")
    for count in (4, 8, 16, 40):
        link, plain = recover(replace(World(), releases=count), worlds, chance)
        words = f"{link.mean:.2f}  {link.coverage:.0%}"
        print(
            f"{count:>3} releases             {words:>22}  "
            f"{plain.mean:>13.2f}  {plain.coverage:.0%}"
        )
    both = [recover(World(), worlds, chance, released_only=only)[0] for only in (False, True)]
    print(f"\nprior of all candidates: slope {both[0].mean:.2f}, holds {both[0].coverage:.0%}")
    print(f"prior of the released:   slope {both[1].mean:.2f}, holds {both[1].coverage:.0%}")
    print(
        "\nslope  releases  gate opens  offline alone  of which the KPI rose"
        "  base rate  no gain suffices"
    )
    for slope in (0.0, 0.6):
        for count in (4, 16, 40):
            got = open_rates(
                replace(World(), slope=slope, releases=count), max(worlds // 4, 10), chance
            )
            print(
                f"{slope:<5}  {count:>8}  {got.link:>10.1%}  {got.offline:>13.1%}  "
                f"{got.offline_true:>21.1%}  {got.base:>9.1%}  {got.unreachable:>16.1%}"
            )
    history = World().history(chance)
    start = time.perf_counter()
    for _ in range(20):
        Link.fit(history, OBJECTIVE).line  # noqa: B018
    print(f"\na fit of 16 releases: {(time.perf_counter() - start) * 50:.1f} ms")


if __name__ == "__main__":
    main()
