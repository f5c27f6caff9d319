"""Years of looks in one world, judged by every rule; and windows of a given gain."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from benchmarks.simulation.our_gate import OurGate, see, terms
from benchmarks.simulation.rivals import (
    HigherMetric,
    Promotion,
    RelativeThreshold,
    ReusedHoldout,
    RowBootstrap,
    Rule,
    StoredMetric,
)
from benchmarks.simulation.worlds import ERROR, World

Floats = NDArray[np.float64]
LOOKS = 52
BLOCK = 10  # years that share a standing ledger
OURS, STANDING = "KPI Gate", "KPI Gate, ledger of years"
RIVALS = (
    "metric is higher",
    "5 % higher",
    "higher than the stored metric",
    "best of eight, reused holdout",
    "row bootstrap P > .95",
)
RULES = (OURS, STANDING, *RIVALS)
QUIET = -0.3, 0.6  # true gains of a quiet history, as in the mostly-null world
LEDGERS = {"empty": 0, "after a year": 52, "after ten years": 520}


@dataclass
class Tally:
    """What one rule did in one world.

    Attributes:
        promotions: All of them.
        by_year: False promotions of each year.
        decisions: Looks that the rule could decide.
    """

    promotions: list[Promotion] = field(default_factory=list)
    by_year: list[int] = field(default_factory=list)
    decisions: int = 0

    def add(self, answers: list[Promotion | None], decisions: int) -> None:
        """Count a year."""
        made = [answer for answer in answers if answer is not None]
        self.promotions += made
        self.by_year.append(sum(answer.truth <= 0 for answer in made))
        self.decisions += decisions

    def join(self, other: "Tally") -> None:
        """Count the years of another block."""
        self.promotions += other.promotions
        self.by_year += other.by_year
        self.decisions += other.decisions


@dataclass(frozen=True)
class Block:
    """Some years of one world.

    Attributes:
        tallies: By rule.
        looks: How many looks there were.
        asked: How many looks of the first rule needed the whole `decide`.
    """

    tallies: dict[str, Tally]
    looks: int
    asked: int


def play(world: World, years: int, seed: tuple[int, ...]) -> Block:
    """Play years on end; our gate once with a ledger of each year, once with one that stays.

    The standing ledger counts from the middle of the block on, when it holds years.
    """
    generator = np.random.default_rng(seed)
    settings = terms(world.min_loss_events)
    truths = world.truths(years * LOOKS, generator)
    looks = [world.look(float(truth), generator) for truth in truths]
    sights = [see(look, settings) for look in looks]
    errors = np.array([look.gain - look.truth for look in looks])
    tallies = {rule: Tally() for rule in RULES}
    standing, asked = OurGate(settings), 0
    for year in range(years):
        span = slice(year * LOOKS, (year + 1) * LOOKS)
        seen = list(zip(looks[span], sights[span], strict=True))
        admitted = sum(sight.enough for _, sight in seen)
        fresh = OurGate(settings)
        tallies[OURS].add([fresh.judge(*pair) for pair in seen], admitted)
        asked += fresh.asked
        if year < years // 2:
            for _, sight in seen:
                standing.remember(sight.gain)
        else:
            tallies[STANDING].add([standing.judge(*pair) for pair in seen], admitted)
        for name, make in _rivals(world, errors, generator).items():
            rule = make()
            tallies[name].add([rule.judge(look) for look in looks[span]], LOOKS)
    return Block(tallies, len(looks), asked)


def _rivals(
    world: World, errors: Floats, generator: np.random.Generator
) -> dict[str, Callable[[], Rule]]:
    """Return what makes each of the other rules at the beginning of a year."""
    makers: tuple[Callable[[], Rule], ...] = (
        HigherMetric,
        RelativeThreshold,
        lambda: StoredMetric(world.look(0.0, generator)),
        lambda: ReusedHoldout(errors, generator),
        lambda: RowBootstrap(generator),
    )
    return dict(zip(RIVALS, makers, strict=True))


def power(world: World, gain: float, windows: int, seed: tuple[int, ...]) -> dict[str, float]:
    """Return how often a candidate of a given true gain is promoted, by rule and ledger.

    Args:
        world: Kind of the window.
        gain: True gain, in multiples of `ERROR`.
        windows: How many windows to draw.
        seed: Seed.
    """
    generator = np.random.default_rng(seed)
    settings = terms(world.min_loss_events)
    looks = [world.look(gain * ERROR, generator) for _ in range(windows)]
    shares = {}
    for name, length in LEDGERS.items():
        gates = (OurGate(settings, _quiet_ledger(length, generator)) for _ in looks)
        answers = [gate.judge(look) for gate, look in zip(gates, looks, strict=True)]
        shares[f"{OURS}, {name}"] = _share(answers)
    errors = np.array([look.gain - look.truth for look in looks])
    for name, make in _rivals(world, errors, generator).items():
        shares[name] = _share([make().judge(look) for look in looks])
    return shares


def _quiet_ledger(length: int, generator: np.random.Generator) -> list[tuple[float, float]]:
    measured = generator.normal(QUIET[0], np.hypot(QUIET[1], 1.0), length) * ERROR
    return [(float(gain), ERROR) for gain in measured]


def _share(answers: list[Promotion | None]) -> float:
    return float(np.mean([answer is not None for answer in answers]))
