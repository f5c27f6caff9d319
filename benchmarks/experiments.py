"""How often experiments are wrong, how often they see what is there, and what an analysis costs.

`python -m benchmarks.experiments [--runs 1000] [--rows 10000000]` prints four tables: paths of z
at the looks, whole analyses of drawn logs, planned sizes against simulated ones, and the time and
memory of one analysis in a process of its own (with what Python needs to start). `--only NAME`.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.experiment_logs import MINIMUM_EFFECT, STARTED, World, draw, on_day, plan
from kpi_gate.decision.stats.confidence_sequence import half_width
from kpi_gate.decision.stats.group_sequential import inflation, obrien_fleming, pocock
from kpi_gate.experiment.analysis import analyse
from kpi_gate.experiment.assignment import arms
from kpi_gate.experiment.course import TUNED_FOR
from kpi_gate.experiment.plan import Metric, Plan
from kpi_gate.experiment.planning import plan_experiment

Floats = NDArray[np.float64]
DAYS, LOOKS, ALPHA, POWER = 28, 4, 0.05, 0.8
PATHS = 100_000
SECONDS, GIGABYTES = 10.0, 2.0  # what an analysis of ten million exposures may cost


def paths() -> Table:
    """Return what each rule does with paths of z over 28 days, in units of the planned effect."""
    table = Table("rule", "no effect", "planned", "1.5 x", "-2 x", title="Paths of z")
    random = np.random.default_rng(7)
    time_ = np.arange(1, DAYS + 1) / DAYS
    noise = np.cumsum(random.normal(size=(PATHS, DAYS)), axis=1) / np.sqrt(DAYS)
    normal = NormalDist()
    needed = normal.inv_cdf(1 - ALPHA / 2) + normal.inv_cdf(POWER)
    drift = needed * np.sqrt(inflation(LOOKS, ALPHA, POWER))
    weekly = np.arange(6, DAYS, 7)
    width = np.asarray([half_width(t, 1.0, 0.025, TUNED_FOR, one_sided=True) for t in time_])

    def crossed(at: NDArray[np.int64], bounds: object, effect: float) -> float:
        z = (noise[:, at] + effect * drift * time_[at]) / np.sqrt(time_[at])
        return float((np.abs(z) > bounds).any(axis=1).mean())

    def harmed(effect: float) -> float:
        return float((noise / time_ + effect * drift + width < 0).any(axis=1).mean())

    rules: Mapping[str, Callable[[float], float]] = {
        "O'Brien-Fleming, 4 looks": partial(crossed, weekly, obrien_fleming(LOOKS, ALPHA)),
        "Pocock, 4 looks": partial(crossed, weekly, pocock(LOOKS, ALPHA)),
        "naive, each week": partial(crossed, weekly, 1.96),
        "naive, each day": partial(crossed, np.arange(DAYS), 1.96),
        "harm, each day (one-sided 2.5 %)": harmed,
    }
    for name, rule in rules.items():
        table.add_row(name, *(f"{rule(effect):.1%}" for effect in (0.0, 1.0, 1.5, -2.0)))
    return table


WORLDS: Mapping[str, World] = {
    "units come once": World(),
    "units return, four decisions each": World(rows=4, spread=0.6, personal=0.95),
    "a slow week": World(slow_week=2),
    "policies differ on a tenth": World(rows=4, spread=6.3, differing=0.1),
    "the past is known (CUPED)": World(spread=0.6, personal=1.54, past=0.4),
}


def verdicts(runs: int) -> Table:
    """Return what whole analyses of drawn logs come to."""
    heads = (
        "world",
        "effect",
        "ship",
        "keep",
        "inconclusive",
        "invalid",
        "type I",
        "stopped",
        "fades",
    )
    table = Table(*heads, title=f"Whole analyses, {runs} logs each")
    for name, world in WORLDS.items():
        for times in (0.0, 1.0, 1.5, -2.0):
            count, crossed, stopped, fades = Counter[str](), 0, 0, 0
            for seed in range(runs if times == 0 else runs // 2):
                settled = plan(salt=f"{seed}", covariate_correlation=0.9 if world.past else 0.0)
                log = draw(settled, times * MINIMUM_EFFECT, seed=seed, world=world)
                found = analyse(log, settled, started=STARTED, as_of=on_day(28))
                count[found.verdict] += 1
                crossed += any(look.crossed for look in found.looks)
                stopped += found.stopped_for_harm
                fades += any(fault.check == "novelty" for fault in found.faults)
            total = count.total()
            shares = [count[one] for one in ("ship", "keep", "inconclusive", "invalid")]
            row = [f"{one / total:.1%}" for one in (*shares, crossed, stopped, fades)]
            table.add_row(name, f"{times:g} x", *row)
    return table


@dataclass(frozen=True)
class Sized:
    """One way to plan, and the column that it needs."""

    metric: Metric
    effect: float
    past: str | None = None


SIZES: Mapping[str, Sized] = {
    "mean, money per decision": Sized(Metric(), 0.1),
    "CUPED": Sized(Metric(), 0.05, "past"),
    "ratio, take-rate": Sized(Metric(numerator="outcome", denominator="action"), 0.012),
    "mean per unit": Sized(Metric(denominator="units"), 0.4),
}


def sizes(runs: int) -> Table:
    """Return the size that an effect needs by the spread of many experiments, over the planned."""
    table = Table(
        "metric", "planned units", "needed / planned", title=f"Sizes, {runs} experiments each"
    )
    for name, case in SIZES.items():
        settled = _planned(case)
        found = [_simulated(settled, case, seed) for seed in range(runs)]
        random = np.asarray(found)
        wanted = settled.minimum_effect / (
            NormalDist().inv_cdf(1 - ALPHA / 2) + NormalDist().inv_cdf(POWER)
        )
        units = 2 * settled.units_per_arm
        table.add_row(name, f"{units:,}", f"{random.var() / wanted**2:.2f}")
    return table


def _decisions(units: int, seed: int) -> dict[str, NDArray[Any]]:
    """Return three decisions each of so many units."""
    random = np.random.default_rng(seed)
    own, unit = random.normal(size=units), np.repeat(np.arange(units), 3)
    action = 1.0 + random.integers(0, 4, unit.size)
    return {
        "unit": unit,
        "week": random.integers(0, 4, units)[unit],
        "action": action,
        "amount": 5 + own[unit] + random.normal(size=unit.size),
        "outcome": random.binomial(action.astype(int), 0.2 + 0.1 * (own[unit] > 0)).astype(float),
        "past": own[unit] + 0.5 * random.normal(size=units)[unit],
    }


def _planned(case: Sized) -> Plan:
    import pandas as pd

    rows = pd.DataFrame(_decisions(40_000, 0))
    rows["time"] = pd.Timestamp(STARTED) - pd.to_timedelta(7 * rows["week"] + 1, unit="D")
    return plan_experiment(
        rows,
        use_case="toy",
        kpi="margin",
        unit="EUR",
        horizon_decisions=1,
        control="v1",
        treatment="v2",
        metric=case.metric,
        minimum_effect=case.effect,
        past_column=case.past,
        looks=1,
    )


def _simulated(settled: Plan, case: Sized, seed: int) -> float:
    """Return the effect that an experiment of the planned size, without one, shows."""
    import pandas as pd

    of = settled.model_copy(update={"salt": str(seed), "looks": 1, "minimum_effect": 1e-9})
    made = _decisions(2 * settled.units_per_arm, seed + 1)
    treated = (arms(range(2 * settled.units_per_arm), of) == "treatment")[made["unit"]]
    log = pd.DataFrame(made).assign(
        time=pd.Timestamp(STARTED)
        + pd.to_timedelta(7 * settled.weeks * 0.99 * made["week"] / 4, unit="D"),
        arm=np.where(treated, "treatment", "control"),
        policy_version=np.where(treated, "v2", "v1"),
    )
    if not case.past:
        log = log.drop(columns="past")
    from kpi_gate.experiment.exposures import read_exposures
    from kpi_gate.experiment.log import frame_log
    from kpi_gate.experiment.unit_sums import UnitSums

    exposures = read_exposures(frame_log(log, of), of, STARTED, on_day(1e4))
    sums = UnitSums(exposures, of.metric.denominator, past=case.past is not None)
    sums.add(0, 10_000)
    return sums.measured().estimate


def cost(rows: int) -> Table:
    """Return what one analysis of many exposures costs, in a process of its own."""
    table = Table(
        "exposures", "units", "seconds", "CPU s", "peak GB", title="One analysis, from Parquet"
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.parquet"
        for units in (rows // 10, rows // 100):
            _write(path, rows, units)
            begun = time.perf_counter()
            command = [sys.executable, "-m", "benchmarks.experiments", "--analyse", str(path)]
            told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            wall = time.perf_counter() - begun
            cpu, peak = map(float, told.split())
            table.add_row(f"{rows:,}", f"{units:,}", f"{wall:.1f}", f"{cpu:.1f}", f"{peak:.2f}")
            if rows >= 10_000_000 and (cpu > SECONDS * 1.5 or peak > GIGABYTES):
                raise SystemExit(f"{cpu} CPU s and {peak} GB, aims are {SECONDS} and {GIGABYTES}")
    return table


def _write(path: Path, rows: int, units: int) -> None:
    """Write a log of rows in time order, of units that return evenly."""
    random = np.random.default_rng(3)
    unit = random.integers(0, units, rows)
    treated = (arms([f"u{one}" for one in range(units)], plan()) == "treatment")[unit]
    since = np.sort((random.random(rows) * DAYS * 86_400e6).astype(np.int64))
    began = int(STARTED.timestamp()) * 1_000_000
    names = pa.array([f"u{one}" for one in range(units)])
    two = (pa.array(["control", "treatment"]), pa.array(["v1", "v2"]))
    side = pa.array(treated.astype(np.int32))
    table = pa.table(
        {
            "time": pa.array(since + began).cast(pa.timestamp("us", "UTC")),
            "unit": names.take(pa.array(unit)),
            "arm": two[0].take(side),
            "policy_version": two[1].take(side),
            "action": treated * 1.0,
            "amount": random.normal(size=rows),
        }
    )
    pq.write_table(table, path)


def _analyse(path: Path) -> None:
    """Analyse a log, and print CPU seconds and the peak of memory in GB."""
    analyse(path, plan(), started=STARTED, as_of=on_day(40))
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(used.ru_utime + used.ru_stime, used.ru_maxrss / 1e6)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=1_000)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--only", choices=("paths", "verdicts", "sizes", "cost"))
    parser.add_argument("--analyse", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.analyse:
        _analyse(given.analyse)
        return
    tables: Mapping[str, Callable[[], Table]] = {
        "paths": paths,
        "sizes": partial(sizes, given.runs),
        "cost": partial(cost, given.rows),
        "verdicts": partial(verdicts, given.runs),
    }
    for name, table in tables.items():
        if given.only in (None, name):
            Console(width=120).print(table())


if __name__ == "__main__":
    main()
