"""What if: the gate plays the same stretch with other thresholds, windows or cadence."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import product
from typing import Any

from kpi_gate.backtest import afterwards, players, verdicts
from kpi_gate.backtest.result import Sweep, Trial
from kpi_gate.backtest.run import Progress, act, open_pool
from kpi_gate.backtest.scene import Scene, lay_out
from kpi_gate.settings_file import ConfigurationError
from kpi_gate.stores.settings import Place

MOST = 48
AS_IT_IS = "as it is"


def combinations(axes: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Return every combination of values, the settings as they are before all.

    Raises:
        ConfigurationError: If they are too many.
    """
    found = [dict(zip(axes, values, strict=True)) for values in product(*axes.values())]
    if len(found) > MOST:
        raise ConfigurationError(f"--sweep has {len(found)} combinations, must be <= {MOST}")
    return [{}, *found]


def sweep(
    scene: Scene,
    span: tuple[datetime, datetime],
    axes: Mapping[str, Sequence[Any]],
    place: Place,
    workers: int,
    told: Callable[[int, int], None] = lambda done, of: None,
) -> Sweep:
    """Let the gate play every combination.

    Args:
        scene: What is played as it is; its changes hold in every combination.
        span: Start and end of the stretch.
        axes: Values to try, by dotted key of the YAML.
        place: Where files and services are.
        workers: Processes.
        told: Is called with how many parts are done, and of how many.

    Raises:
        ConfigurationError: If a key or value is wrong.
    """
    asked = combinations(axes)
    # all are laid out before the first is played: a wrong key costs no time
    scenes = [lay_out(scene.name, *span, dict(scene.changes) | more, place) for more in asked]
    progress = Progress(told, sum(2 * len(played.ticks) + 1 for played in scenes))
    trials = []
    with open_pool(workers) as pool:
        for more, played in zip(asked, scenes, strict=True):
            act(played, pool, (players.GATE,), progress)
            trials.append(_trial(played, more))
    unit = scene.use_case.settings.objective.unit
    return Sweep(unit=unit, trials=tuple(trials))


def _trial(scene: Scene, more: Mapping[str, Any]) -> Trial:
    used = players.in_use(scene, players.GATE)
    for number, name in enumerate(used):
        afterwards.value_models(scene, number, [name])
    for swap in verdicts.swaps(used):
        for number in range(swap.number, swap.end):
            afterwards.value_models(scene, number, [swap.old])
    tally = verdicts.Reckoning(scene)
    promotions = list(tally.promotions(used))
    switching = scene.use_case.settings.objective.switch_cost
    half = scene.ticks[0] + (scene.end - scene.ticks[0]) / 2
    sums = [0.0, 0.0]
    for number, name in enumerate(used):
        later = scene.ticks[number] >= half
        sums[later] += tally.total(number, name)
    for made in promotions:
        sums[made.as_of >= half] -= switching
    kpi = sum(tally.total(number, name) for number, name in enumerate(used))
    return Trial(
        words=", ".join(f"{key} {value}" for key, value in more.items()) or AS_IT_IS,
        changes={key: str(value) for key, value in more.items()},
        kpi=kpi,
        net=kpi - switching * len(promotions),
        promotions=len(promotions),
        false_promotions=sum(made.false is True for made in promotions),
        halves=(sums[0], sums[1]),
    )
