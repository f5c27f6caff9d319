"""Worlds whose true gain is known: the rows of a gate window, drawn around a given truth.

Money is EUR per decision. In every world the champion earns 1 EUR, and the standard error of the
paired difference over one window is about `ERROR`; true gains are spread in multiples of it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from kpi_gate.decision.paired_rows import PairedRows

Floats = NDArray[np.float64]
ERROR = 0.10
DAYS = 28
LEVEL, SEASON = 1.0, 0.05  # what the champion earns, and how that differs between windows
CHAMPION_ERROR = 0.14  # of the champion's own mean in one window
MEDIAN_AMOUNT, LOG_SPREAD, AMOUNT_CAP = 5.6, 1.2, 56.0
SWAPPED = 0.75  # swappers differ on smaller amounts, so that their error is the same
# expected fraud losses that a candidate adds in one window; fewer leave no room for a true gain of
# -2.7, the least that occurs
LOSSES = (120.0, 400.0)
SAVING = (1.0, 3.0)
DRIFT = 4.0


@dataclass(frozen=True)
class Look:
    """One gate window with both sides' values, and what no gate can see.

    Attributes:
        truth: True gain of the candidate, EUR per decision.
        rows: Both values of every decision.
        champion: Champion's mean.
        candidate: Candidate's mean.
    """

    truth: float
    rows: PairedRows
    champion: float
    candidate: float

    @property
    def gain(self) -> float:
        """Measured gain: the difference of the means."""
        return self.candidate - self.champion


Rows = Callable[[float, np.random.Generator], PairedRows]


@dataclass(frozen=True)
class World:
    """A kind of window, and how true gains are spread among candidates.

    Attributes:
        name: Short name.
        rows: Draws the rows of one window around a true gain.
        mean: Mean true gain, in multiples of `ERROR`.
        spread: Standard deviation of the true gains, in multiples of `ERROR`.
        min_loss_events: What the objective asks where money is in rare events.
        drift: Share of the candidates that meet a changed world; their true gains have mean 0 and
            standard deviation `DRIFT`.
    """

    name: str
    rows: Rows
    mean: float
    spread: float
    min_loss_events: int = 0
    drift: float = 0.0

    def truths(self, count: int, generator: np.random.Generator) -> Floats:
        """Draw true gains, EUR per decision."""
        drawn = generator.normal(self.mean, self.spread, count)
        drifted = generator.random(count) < self.drift
        drawn[drifted] = generator.normal(0.0, DRIFT, int(drifted.sum()))
        return drawn * ERROR

    def look(self, truth: float, generator: np.random.Generator) -> Look:
        """Draw one window."""
        rows = self.rows(truth, generator)
        return Look(truth, rows, float(rows.champion.mean()), float(rows.candidate.mean()))


def _paired(
    difference: Floats,
    unit: NDArray[np.int64],
    day: NDArray[np.int64],
    generator: np.random.Generator,
) -> PairedRows:
    """Put the difference on top of a champion whose level has its season."""
    size = difference.size
    level = LEVEL + SEASON * generator.standard_normal()
    champion = level + CHAMPION_ERROR * np.sqrt(size) * generator.standard_normal(size)
    return PairedRows(unit=unit, day=day, champion=champion, candidate=champion + difference)


def plain(truth: float, generator: np.random.Generator) -> PairedRows:
    """Draw one decision a customer; three in ten change, by much more than they gain."""
    size, share = 800, 0.3
    changed = generator.random(size) < share
    spread = ERROR * np.sqrt(size / share)
    difference = changed * (truth / share + spread * generator.standard_normal(size))
    day = generator.integers(0, DAYS, size)
    return _paired(difference, np.arange(size), day, generator)


def clustered(truth: float, generator: np.random.Generator) -> PairedRows:
    """Draw episodes: a card that differs does so on most of its rows, and in one direction."""
    cards, touched, each = 600, 0.3, 0.8
    count = 1 + generator.poisson(3, cards)
    unit = np.repeat(np.arange(cards), count)
    start = generator.integers(0, DAYS, cards)
    day = (start[unit] + generator.integers(0, 5, unit.size)) % DAYS
    changed = (generator.random(cards) < touched)[unit] & (generator.random(unit.size) < each)
    shared = 48.5 * ERROR * generator.standard_normal(cards)
    own = 24.2 * ERROR * generator.standard_normal(unit.size)
    difference = changed * (truth / (touched * each) + shared[unit] + own)
    return _paired(difference, unit, day, generator)


def mean_amount() -> float:
    """Return the mean of the lognormal amount after the cap."""
    gap = np.log(AMOUNT_CAP / MEDIAN_AMOUNT)
    below = MEDIAN_AMOUNT * np.exp(LOG_SPREAD**2 / 2) * ndtr(gap / LOG_SPREAD - LOG_SPREAD)
    return float(below + AMOUNT_CAP * ndtr(-gap / LOG_SPREAD))


def traders(truth: float, generator: np.random.Generator) -> PairedRows:
    """Draw a candidate that trades rare big losses for frequent small savings."""
    size, losses = 3_000, _expected_losses(generator)
    risk = losses / size
    saves = (truth + risk * mean_amount()) / np.mean(SAVING)
    kind = generator.random(size)
    saving = generator.uniform(*SAVING, size)
    difference = np.where(kind < risk, -_amounts(size, generator), 0.0)
    difference += np.where((kind >= risk) & (kind < risk + saves), saving, 0.0)
    return _on_cards(difference, generator)


def swappers(truth: float, generator: np.random.Generator) -> PairedRows:
    """Draw a candidate that catches some frauds that the champion missed, and misses others."""
    size, losses = 3_000, _expected_losses(generator)
    risk = losses / size
    catches = risk + truth / (SWAPPED * mean_amount())
    kind = generator.random(size)
    sign = np.where(kind < risk, -1.0, np.where(kind < risk + catches, 1.0, 0.0))
    amounts = SWAPPED * _amounts(size, generator)
    return _on_cards(sign * amounts, generator)


def fraud(truth: float, generator: np.random.Generator) -> PairedRows:
    """Draw a trader or a swapper."""
    return (traders if generator.random() < 0.5 else swappers)(truth, generator)


def _expected_losses(generator: np.random.Generator) -> float:
    return float(np.exp(generator.uniform(*np.log(LOSSES))))


def _amounts(size: int, generator: np.random.Generator) -> Floats:
    drawn = MEDIAN_AMOUNT * np.exp(LOG_SPREAD * generator.standard_normal(size))
    return np.minimum(drawn, AMOUNT_CAP)


def _on_cards(difference: Floats, generator: np.random.Generator) -> PairedRows:
    size = difference.size
    card = generator.integers(0, size, size)
    return _paired(difference, card, generator.integers(0, DAYS, size), generator)


RARE_LOSSES = 100
WORLDS = (
    World("A/A", plain, 0.0, 0.0),
    World("all worse", plain, -0.2, 0.05),
    World("mostly null", plain, -0.3, 0.6),
    World("good", plain, 0.3, 1.0),
    World("drift", plain, -0.1, 0.2, drift=0.05),
    World("clusters, A/A", clustered, 0.0, 0.0),
    World("clusters, mostly null", clustered, -0.3, 0.6),
    World("fraud traders, A/A", traders, 0.0, 0.0, RARE_LOSSES),
    World("fraud, mostly null", fraud, -0.3, 0.6, RARE_LOSSES),
)
