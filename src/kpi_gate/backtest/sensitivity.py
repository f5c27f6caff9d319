"""What if: the gate plays the same stretch with other thresholds, windows or cadence."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import product
from typing import Any

from kpi_gate.backtest import accounting, outcomes, policies
from kpi_gate.backtest.engine import Progress, act, open_pool
from kpi_gate.backtest.result import Sweep, Trial
from kpi_gate.backtest.scenario import Scenario, lay_out
from kpi_gate.errors import ConfigurationError
from kpi_gate.workspace import Workspace

MOST = 48
AS_IT_IS = "as it is"
OTHER_MONEY = ("value", "data", "estimator", "objective.kpi", "objective.unit")


def combinations(axes: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Return every combination of values, the settings as they are before all.

    Raises:
        ConfigurationError: If they are too many, or would change what is summed up.
    """
    for key in axes:
        if key.split(".")[0] in OTHER_MONEY or key in OTHER_MONEY:
            raise ConfigurationError(
                f"--sweep {key}: with other values the KPI is another one, and what is best by it "
                f"says nothing; play each by itself with --set {key}=VALUE"
            )
    found = [dict(zip(axes, values, strict=True)) for values in product(*axes.values())]
    if len(found) > MOST:
        raise ConfigurationError(f"--sweep has {len(found)} combinations, must be <= {MOST}")
    return [{}, *found]


def sweep(
    scenario: Scenario,
    span: tuple[datetime, datetime],
    axes: Mapping[str, Sequence[Any]],
    workspace: Workspace,
    workers: int,
    told: Callable[[int, int], None] = lambda done, of: None,
) -> Sweep:
    """Let the gate play every combination.

    Args:
        scenario: What is played as it is; its changes hold in every combination.
        span: Start and end of the stretch.
        axes: Values to try, by dotted key of the YAML.
        workspace: Where files and services are.
        workers: Processes.
        told: Is called with how many parts are done, and of how many.

    Raises:
        ConfigurationError: If a key or value is wrong.
    """
    asked = combinations(axes)
    # all are laid out before the first is played: a wrong key costs no time
    scenarios = [
        lay_out(scenario.name, *span, dict(scenario.changes) | more, workspace) for more in asked
    ]
    since = max(played.ticks[0] for played in scenarios)  # all are counted on the same decisions
    switching = scenario.use_case.settings.objective.switch_cost
    progress = Progress(told, sum(2 * len(played.ticks) + 1 for played in scenarios))
    trials = []
    with open_pool(workers) as pool:
        for more, played in zip(asked, scenarios, strict=True):
            act(played, pool, (policies.GATE,), progress)
            trials.append(_trial(played, more, since, switching))
    unit = scenario.use_case.settings.objective.unit
    return Sweep(unit=unit, trials=tuple(trials))


def _trial(scenario: Scenario, more: Mapping[str, Any], since: datetime, switching: float) -> Trial:
    """Sum up what the gate earned from a moment on; a promotion before it is a beginning."""
    used = policies.in_use(scenario, policies.GATE)
    _value(scenario, used)
    promotions = [
        made for made in accounting.Reckoning(scenario).promotions(used) if made.as_of >= since
    ]
    half = since + (scenario.end - since) / 2
    gross, late = (
        sum(
            outcomes.earned_between(scenario, number, name, start, scenario.end)
            for number, name in enumerate(used)
        )
        for start in (since, half)
    )
    net_late = late - switching * sum(made.as_of >= half for made in promotions)
    net = gross - switching * len(promotions)
    return Trial(
        words=", ".join(f"{key} {value}" for key, value in more.items()) or AS_IT_IS,
        changes={key: str(value) for key, value in more.items()},
        kpi=gross,
        net=net,
        promotions=len(promotions),
        false_promotions=sum(made.false is True for made in promotions),
        halves=(net - net_late, net_late),
    )


def _value(scenario: Scenario, used: Sequence[str]) -> None:
    """Let the models in use decide on every period, and what they replaced while they stayed."""
    for number, name in enumerate(used):
        outcomes.value_models(scenario, number, [name])
    for swap in accounting.swaps(used):
        for number in range(swap.number, swap.end):
            outcomes.value_models(scenario, number, [swap.old])
