"""From what every model earned to what every policy came to: KPI, regret, false promotions."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kpi_gate.backtest import outcomes, policies
from kpi_gate.backtest.bounds import Rows, autocorrelation, by_day, total_bounds
from kpi_gate.backtest.result import Backtest, Bounds, PolicyResult, Promotion, TickResult
from kpi_gate.backtest.scenario import Scenario

SHORTEST_STRETCH = timedelta(days=7)  # a shorter one has no mean of its own


class Swap(NamedTuple):
    """A promotion: at a tick one model came in the place of another, and stayed until `end`."""

    number: int
    old: str
    new: str
    end: int


def swaps(used: Sequence[str]) -> list[Swap]:
    """Return the promotions in a row of models in use; before the first was the rule of thumb."""
    before = ["", *used]
    changes = [number for number, name in enumerate(used) if name != before[number]]
    ends = [*changes, len(used)][1:]
    return [Swap(k, before[k], used[k], end) for k, end in zip(changes, ends, strict=True)]


class Pair(NamedTuple):
    """Two models that are compared over a period; `theirs` is None where one alone is counted."""

    number: int
    ours: str
    theirs: str | None


def stretches(pairs: Sequence[Pair], ticks: Sequence[datetime]) -> list[int]:
    """Return the number of each pair's stretch, which lasts as long as the two models are the same.

    One that would begin within a week of the one before joins it.
    """
    found: list[int] = []
    for place, pair in enumerate(pairs):
        before = pairs[place - 1] if place else None
        goes_on = before == pair._replace(number=pair.number - 1)
        if not found:
            found, begun = [0], ticks[pair.number]
        elif goes_on or ticks[pair.number] - begun < SHORTEST_STRETCH:
            found.append(found[-1])
        else:
            found, begun = [*found, found[-1] + 1], ticks[pair.number]
    return found


def wanted(scenario: Scenario) -> list[set[str]]:
    """Return the models whose earnings must be known, period by period."""
    count = len(scenario.ticks)
    found: list[set[str]] = [{""} for _ in range(count)]
    for number, move in enumerate(policies.moves(scenario, policies.GATE, count)):
        found[number].add(move.candidate)  # what was not promoted: the cost of waiting
    made: set[str] = set()
    for number, names in enumerate(zip(*_all_used(scenario).values(), strict=True)):
        made |= set(names)
        # the oracle may go back to any of them; a promotion is judged by the one before
        found[number] |= made
    return found


def _all_used(scenario: Scenario) -> dict[str, list[str]]:
    """Return the models in use, period by period, of everybody but the oracle."""
    asked = (name for name in policies.POLICIES if name != policies.ORACLE)
    return {name: policies.in_use(scenario, name) for name in asked}


class Reckoning:
    """Sums what the models earned; all money is of the settled rows from the first tick on."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.count = len(scenario.ticks)
        self.cost = scenario.use_case.settings.objective.switch_cost
        self._totals: dict[tuple[int, str], float] = {}
        self.hanging = 0.0  # autocorrelation of the days, once the long history is known

    @cached_property
    def clusters(self) -> tuple[list[NDArray[np.int64]], list[NDArray[np.int64]]]:
        """Units and days of every period."""
        both = [outcomes.clusters(self.scenario, number) for number in range(self.count)]
        return [unit for unit, _ in both], [day for _, day in both]

    def total(self, number: int, name: str) -> float:
        """Return what a model earned in a period."""
        if (number, name) not in self._totals:
            earned = outcomes.earned(self.scenario, number, name)
            self._totals[number, name] = float(earned.sum())
        return self._totals[number, name]

    def switching(self, used: Sequence[str]) -> float:
        """Return what the promotions in a row of models in use cost."""
        return self.cost * len(swaps(used))

    def bounds(self, periods: Sequence[int], ours: Sequence[str], theirs: Sequence[str]) -> Bounds:
        """Return the difference of two rows of models over some periods; theirs may be none."""
        others: Sequence[str | None] = theirs or [None] * len(ours)
        met = zip(periods, ours, others, strict=True)
        apart = [Pair(number, our, their) for number, our, their in met if our != their]
        if not apart:
            return Bounds(estimate=0.0, lower=0.0, upper=0.0)
        confidence = self.scenario.use_case.settings.objective.confidence
        return total_bounds(self.rows(apart), confidence, self.hanging)

    def rows(self, pairs: Sequence[Pair]) -> Rows:
        """Return what the first of each pair earned more than the second."""
        units, days = self.clusters
        values = [
            outcomes.earned(self.scenario, number, ours)
            - (0.0 if theirs is None else outcomes.earned(self.scenario, number, theirs))
            for number, ours, theirs in pairs
        ]
        sizes = [part.size for part in values]
        return Rows(
            values=np.concatenate(values),
            unit=np.concatenate([units[pair.number] for pair in pairs]),
            day=np.concatenate([days[pair.number] for pair in pairs]),
            stretch=np.repeat(stretches(pairs, self.scenario.ticks), sizes),
        )

    def oracle(self) -> list[str]:
        """Return the models that earn most in all, net of switching; of equals the one in use."""
        best: dict[str, tuple[float, list[str]]] = {"": (0.0, [])}  # by the model in use
        for number, names in enumerate(wanted(self.scenario)):
            leader = max(best.values(), key=lambda path: path[0])
            switched = leader[0] - self.cost, leader[1]
            reached = {}
            for name in sorted(names):
                total, path = max(best.get(name, switched), switched, key=lambda path: path[0])
                reached[name] = total + self.total(number, name), [*path, name]
            best = reached
        return max(best.values(), key=lambda path: path[0])[1]

    def promotions(self, used: Sequence[str]) -> Iterator[Promotion]:
        """Yield each promotion with what it earned more than what it replaced would have."""
        for number, old, new, end in swaps(used):
            periods = range(number, end)
            length = len(periods)
            gained = self.bounds(periods, [new] * length, [old] * length)
            settled = sum(outcomes.counts(self.scenario, period)[1] for period in periods)
            yield Promotion(
                as_of=self.scenario.ticks[number],
                until=self.scenario.until(end - 1),
                replaced=old or policies.BASELINE,
                promoted=new or policies.BASELINE,
                gained=gained,
                false=gained.estimate <= 0 if settled else None,
            )


def reckon(scenario: Scenario) -> Backtest:
    """Say what every policy came to; all models must have been valued before."""
    tally = Reckoning(scenario)
    used = _all_used(scenario)
    used[policies.ORACLE] = tally.oracle()
    tally.hanging = _hanging(tally, used[policies.ALWAYS], used[policies.NEVER])
    periods, settings = range(tally.count), scenario.use_case.settings
    best = sum(tally.total(k, used[policies.ORACLE][k]) for k in periods)
    best -= tally.switching(used[policies.ORACLE])

    def result(name: str, words: str) -> PolicyResult:
        gross, paid = tally.bounds(periods, used[name], ()), tally.switching(used[name])
        more_paid = paid - tally.switching(used[policies.NEVER])
        # the oracle's promotions are never false: it knows
        promotions = tuple(tally.promotions(used[name])) if name != policies.ORACLE else ()
        return PolicyResult(
            words=words,
            net=gross.less(paid),
            over_never=tally.bounds(periods, used[name], used[policies.NEVER]).less(more_paid),
            regret=best - (gross.estimate - paid),
            gross=gross.estimate,
            switching=paid,
            promotions=len(swaps(used[name])),
            false_promotions=sum(found.false is True for found in promotions),
            history=promotions,
        )

    return Backtest(
        use_case=scenario.name,
        title=scenario.use_case.title,
        kpi=settings.objective.kpi,
        unit=settings.objective.unit,
        start=scenario.ticks[0],
        end=scenario.end,
        changes={key: str(value) for key, value in scenario.changes},
        policies={name: result(name, words) for name, words in policies.POLICIES.items()},
        switch_cost=tally.cost,
        ticks=tuple(_ticks(scenario, tally, used)),
    )


def _hanging(tally: Reckoning, always: Sequence[str], never: Sequence[str]) -> float:
    """Return how the days of the whole history hang together, for models that stayed shortly."""
    met = enumerate(zip(always, never, strict=True))
    apart = [Pair(number, ours, theirs) for number, (ours, theirs) in met if ours != theirs]
    rows = tally.rows(apart) if apart else None
    return autocorrelation(by_day(rows)) if rows is not None and rows.values.size else 0.0


def _ticks(
    scenario: Scenario, tally: Reckoning, used: dict[str, list[str]]
) -> Iterator[TickResult]:
    for number, move in enumerate(policies.moves(scenario, policies.GATE, tally.count)):
        decisions, settled = outcomes.counts(scenario, number)
        waits = move.candidate and not move.moved
        forgone = (
            tally.total(number, move.candidate) - tally.total(number, move.model) if waits else 0.0
        )
        yield TickResult(
            as_of=scenario.ticks[number],
            until=scenario.until(number),
            decisions=decisions,
            settled=settled,
            verdict=move.verdict,
            sentence=move.sentence,
            kpi={name: tally.total(number, used[name][number]) for name in policies.POLICIES},
            models={name: used[name][number] or policies.BASELINE for name in policies.POLICIES},
            forgone=forgone,
        )
