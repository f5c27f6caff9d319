"""From what every model earned to what every policy came to: KPI, regret, false promotions."""

from collections.abc import Iterator, Sequence
from functools import cached_property, partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kpi_gate.backtest import outcomes, policies
from kpi_gate.backtest.result import Backtest, Bounds, PolicyResult, Promotion, TickResult
from kpi_gate.backtest.scenario import Scenario
from kpi_gate.backtest.snapshots import UNHELD
from kpi_gate.decision.stats.paired_gain import paired_gain

Floats = NDArray[np.float64]
RESAMPLES = 1000
NOTHING_HELD_BACK = "always promote a model trained on everything known, which nothing can judge"


class Swap(NamedTuple):
    """A promotion: at a tick one model came in the place of another, and stayed until `end`."""

    number: int
    old: str
    new: str
    end: int


def swaps(used: Sequence[str]) -> list[Swap]:
    """Return the promotions in a row of models in use; the first model, whenever, is none."""
    first = next((k for k, name in enumerate(used) if name), len(used))
    changes = [k for k in range(first + 1, len(used)) if used[k] != used[k - 1]]
    ends = [*changes, len(used)][1:]
    return [Swap(k, used[k - 1], used[k], end) for k, end in zip(changes, ends, strict=True)]


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
    used = {name: policies.in_use(scenario, name) for name in asked}
    return {**used, UNHELD: policies.unheld(scenario)} if scenario.unheld else used


class Reckoning:
    """Sums what the models earned; all money is of the settled rows from the first tick on."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.count = len(scenario.ticks)

    @cached_property
    def clusters(self) -> tuple[list[NDArray[np.int64]], list[NDArray[np.int64]]]:
        """Units and days of every period."""
        both = [outcomes.clusters(self.scenario, number) for number in range(self.count)]
        return [unit for unit, _ in both], [day for _, day in both]

    def total(self, number: int, name: str) -> float:
        """Return what a model earned in a period."""
        return float(outcomes.earned(self.scenario, number, name).sum())

    def bounds(self, periods: Sequence[int], ours: Sequence[str], theirs: Sequence[str]) -> Bounds:
        """Return the difference of two rows of models over some periods; theirs may be none."""
        parts = [
            outcomes.earned(self.scenario, number, our)
            - (outcomes.earned(self.scenario, number, their) if theirs else 0.0)
            for number, our, their in zip(periods, ours, theirs or ours, strict=True)
        ]
        values = np.concatenate(parts) if parts else np.empty(0)
        if values.size == 0:
            return Bounds(estimate=0.0, lower=None, upper=None)
        units, days = self.clusters
        gain = paired_gain(
            values,
            np.concatenate([units[number] for number in periods]),
            np.concatenate([days[number] for number in periods]),
            threshold=0.0,
            confidence=self.scenario.use_case.settings.objective.confidence,
            resamples=RESAMPLES,
        )
        known = np.isfinite(gain.lower) and np.isfinite(gain.upper)
        return Bounds(
            estimate=float(values.sum()),
            lower=float(gain.lower * values.size) if known else None,
            upper=float(gain.upper * values.size) if known else None,
        )

    def oracle(self) -> list[str]:
        """Return the model that earned most in each period; the one in use stays on a tie."""
        used: list[str] = []
        for number, names in enumerate(wanted(self.scenario)):
            order = [used[-1]] if used and used[-1] in names else []
            order += sorted(names - set(order))
            used.append(max(order, key=partial(self.total, number)))
        return used

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
                replaced=old or outcomes.BASELINE,
                promoted=new or outcomes.BASELINE,
                gained=gained,
                false=gained.estimate <= 0 if settled else None,
            )


def reckon(scenario: Scenario) -> Backtest:
    """Say what every policy came to; all models must have been valued before."""
    tally = Reckoning(scenario)
    used = _all_used(scenario)
    used[policies.ORACLE] = tally.oracle()
    periods, settings = range(tally.count), scenario.use_case.settings
    best = sum(tally.total(k, used[policies.ORACLE][k]) for k in periods)

    def result(name: str, words: str) -> PolicyResult:
        kpi = tally.bounds(periods, used[name], ())
        # the oracle's promotions are never false: it knows
        promotions = tuple(tally.promotions(used[name])) if name != policies.ORACLE else ()
        return PolicyResult(
            words=words,
            kpi=kpi.estimate,
            lower=kpi.lower,
            upper=kpi.upper,
            promotions=len(swaps(used[name])),
            false_promotions=sum(found.false is True for found in promotions),
            over_never=tally.bounds(periods, used[name], used[policies.NEVER]),
            regret=best - kpi.estimate,
            switching=len(swaps(used[name])) * settings.objective.switch_cost,
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
        nothing_held_back=result(UNHELD, NOTHING_HELD_BACK) if scenario.unheld else None,
        ticks=tuple(_ticks(scenario, tally, used)),
    )


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
            nothing_held_back=tally.total(number, used[UNHELD][number])
            if scenario.unheld
            else None,
            models={name: used[name][number] or outcomes.BASELINE for name in policies.POLICIES},
            forgone=forgone,
        )
