"""A year of rows in worlds that stand still, move harmlessly, turn, or break for some days.

A row is a customer who may leave: an offer costs 6 EUR and keeps a leaver who is worth 60 EUR.
Days share a shock and a weekly cycle. The learner is a logistic regression, and the truth bends a
little more than that.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
BEFORE = 84  # days before the year, to learn the first champion from and to look back on
DELAY, TRAIN_DAYS = 14, 28
COLUMNS, RELEVANT = 20, 8
OFFER, KEPT = 6.0, 60.0  # EUR
INTERCEPT, STRENGTH, BEND = -2.2, 1.5, 0.25  # of the true log odds
DAY_SHOCK, WEEKLY = 0.15, 0.10


@dataclass(frozen=True)
class World:
    """How a year moves; every function takes the day of the year, which may be negative.

    Attributes:
        name: Short name.
        shift: Adds to the mean of each column, shape `(20,)`, in standard deviations.
        turn: Angle by which the concept has turned, in quarters of a circle.
        broken: Whether the day's rows came with a column in the wrong unit.
    """

    name: str
    shift: Callable[[int], Floats] = lambda day: np.zeros(COLUMNS)
    turn: Callable[[int], float] = lambda day: 0.0
    broken: Callable[[int], bool] = lambda day: False


def _harmless(day: int) -> Floats:
    moved = np.zeros(COLUMNS)
    moved[RELEVANT:] = 0.3 if day >= 60 else 0.0
    moved[-1] = 1.0 if day >= 60 else 0.0
    return moved


def _season(day: int) -> Floats:
    return np.full(COLUMNS, 0.5 * np.sin(2 * np.pi * day / 365))


WORLDS = (
    World("stationary"),
    World("harmless drift", shift=_harmless),
    World("season", shift=_season),
    World("gradual concept", turn=lambda day: max(day, 0) / 365),
    World("abrupt concept", turn=lambda day: 0.6 if day >= 150 else 0.0),
    World("2 x 6-day outage", broken=lambda day: day % 140 >= 134 and 0 <= day < 280),
)


@dataclass
class Year:
    """The rows of one world and seed, and the models that were learnt from them.

    Attributes:
        world: How it moves.
        seed: Seed.
        days: Length, 365 unless a test wants less.
        rows: Decisions a day.
    """

    world: World
    seed: int
    days: int = 365
    rows: int = 1_000
    _earned: dict[tuple[int, bool], Floats] = field(default_factory=dict, init=False)
    _sorted: dict[int, Floats] = field(default_factory=dict, init=False)

    @cached_property
    def _drawn(self) -> tuple[Floats, Floats]:
        generator = np.random.default_rng((self.seed, *self.world.name.encode()))
        first, second = np.linalg.qr(generator.normal(size=(RELEVANT, 2)))[0].T * STRENGTH
        count = BEFORE + self.days
        inputs = generator.normal(size=(count, self.rows, COLUMNS))
        shocks = DAY_SHOCK * generator.standard_normal(count)
        outcomes = np.empty((count, self.rows))
        for place in range(count):
            day = place - BEFORE
            inputs[place] += self.world.shift(day)
            angle = self.world.turn(day) * np.pi / 2
            weights = np.cos(angle) * first + np.sin(angle) * second
            seen = inputs[place, :, :RELEVANT]
            odds = INTERCEPT + seen @ weights + BEND * seen[:, 0] * seen[:, 1]
            odds += shocks[place] + WEEKLY * np.sin(2 * np.pi * day / 7)
            outcomes[place] = generator.random(self.rows) < 1 / (1 + np.exp(-odds))
            if self.world.broken(day):
                inputs[place, :, 0] *= 100.0
        return inputs, outcomes

    def columns(self, start: int, end: int) -> Floats:
        """Return the inputs of the days [start, end), shape `(rows, 20)`."""
        return self._drawn[0][start + BEFORE : end + BEFORE].reshape(-1, COLUMNS)

    def sorted_columns(self, end: int) -> Floats:
        """Return the inputs that a model was learnt from, each column sorted."""
        if end not in self._sorted:
            self._sorted[end] = np.sort(self.columns(end - TRAIN_DAYS, end), axis=0)
        return self._sorted[end]

    def earned(self, end: int, *, careful: bool = False) -> Floats:
        """Return what a model earns on each day of the year and before, EUR, shape `(days,)`.

        Args:
            end: Day before which its rows end; its outcomes were known `DELAY` days later.
            careful: Whether broken days were left out of its training.
        """
        key = (end, careful)
        if key not in self._earned:
            weights = self._model(end, careful)
            inputs, outcomes = self._drawn
            offers = inputs @ weights[1:] + weights[0] > np.log(OFFER / (KEPT - OFFER))
            self._earned[key] = (offers * (KEPT * outcomes - OFFER)).sum(axis=1)
        return self._earned[key]

    def is_broken(self, days: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which days a canary would quarantine."""
        return np.array([self.world.broken(int(day)) for day in days], dtype=bool)

    def _model(self, end: int, careful: bool) -> Floats:
        """Learn from the last good days before `end`; return intercept and weights."""
        from sklearn.linear_model import LogisticRegression

        days = np.arange(-BEFORE, end)
        if careful:
            days = days[~self.is_broken(days)]
        chosen = days[-TRAIN_DAYS:] + BEFORE
        inputs, outcomes = (part[chosen] for part in self._drawn)
        learner = LogisticRegression(solver="newton-cholesky", C=1.0)
        learner.fit(inputs.reshape(-1, COLUMNS), outcomes.ravel())
        return np.concatenate([learner.intercept_, learner.coef_[0]])
