"""How often nothing is promoted as a gain, by the whole gate, in worlds that break its assumptions.

`python -m benchmarks.null_worlds [--replicates 1000] [--days 10 14 30] [--only NAME ...]` prints
the share of windows that are promoted where the true gain is the threshold (a false promotion) and
where it is twice that (power), with the window alone and with the days before it. A rule of the
street stands beside: promote where the 95 % lower bound over rows is above the threshold.
"""

import argparse
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from kpi_gate.decision.evidence import Evidence
from kpi_gate.decision.gate import decide
from kpi_gate.decision.objective import GateSettings
from kpi_gate.decision.paired_rows import PairedRows
from kpi_gate.decision.stats.day_history import DayHistory
from kpi_gate.decision.verdict import Verdict

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
ROWS = 60  # a day
THRESHOLD = 0.1  # EUR per decision
BEFORE = 180  # days that are known before the window
BIG_LOSS, SHARE_OF_LOSERS, ROWS_OF_A_UNIT = 5.0, 0.02, 10
STORM, SHARE_OF_STORMS = 3.0, 0.05
CASES = ("window alone", f"{BEFORE} days before")


@dataclass(frozen=True)
class Rows:
    """Differences around a mean of zero; all of shape `(n,)`.

    Attributes:
        noise: EUR per decision.
        unit: Unit of each row.
        exposure: The most that each row could lose; None where nobody says.
    """

    noise: Floats
    unit: Codes
    exposure: Floats | None = None


Draw = Callable[[int, Codes, np.random.Generator], Rows]


def _apart(days: int, day: Codes, generator: np.random.Generator) -> Rows:
    return Rows(generator.normal(size=day.size), np.arange(day.size))


def _units(days: int, day: Codes, generator: np.random.Generator, *, heavy: bool) -> Rows:
    """Units of six rows in the window, whose own taste is half of the variance, or most of it."""
    unit = generator.integers(0, max(day.size // 6, 2), day.size)
    taste = generator.standard_t(3, size=day.size) / np.sqrt(3)
    if not heavy:
        taste = generator.normal(size=day.size)
    own, shared = (0.5, 0.85) if heavy else (0.7, 0.7)
    return Rows(own * generator.normal(size=day.size) + shared * taste[unit], unit)


def _week(days: int, day: Codes, generator: np.random.Generator) -> Rows:
    weekend = (day + generator.integers(7)) % 7 >= 5
    noise = generator.normal(size=day.size) + np.where(weekend, -0.5, 0.2)
    return Rows(noise, np.arange(day.size))


def _shocked(
    days: int,
    day: Codes,
    generator: np.random.Generator,
    shock: Callable[[int, np.random.Generator], Floats],
) -> Rows:
    noise = 0.5 * generator.normal(size=day.size) + shock(days, generator)[day]
    return Rows(noise, np.arange(day.size))


def _remembering(days: int, generator: np.random.Generator, *, memory: float) -> Floats:
    found = generator.normal(size=days)
    for today in range(1, days):
        found[today] = memory * found[today - 1] + np.sqrt(1 - memory**2) * found[today]
    return 0.4 * found


def _log_normal(days: int, generator: np.random.Generator) -> Floats:
    losses = generator.lognormal(size=days)
    shocks: Floats = -0.4 * (losses - np.exp(0.5)) / np.sqrt((np.e - 1) * np.e)
    return shocks


def _storms(days: int, generator: np.random.Generator) -> Floats:
    storm = generator.random(days) < SHARE_OF_STORMS
    return 0.1 * generator.normal(size=days) - STORM * storm + STORM * SHARE_OF_STORMS


def _losers(days: int, day: Codes, generator: np.random.Generator, *, exposed: bool) -> Rows:
    """A few units lose on all their rows; a window may hold none of them."""
    unit = np.arange(day.size) // ROWS_OF_A_UNIT
    loses = generator.random(unit[-1] + 1) < SHARE_OF_LOSERS
    noise = 0.5 * generator.normal(size=day.size) + BIG_LOSS * (SHARE_OF_LOSERS - loses[unit])
    return Rows(noise, unit, np.full(day.size, BIG_LOSS) if exposed else None)


WORLDS: Mapping[str, Draw] = {
    "rows apart": _apart,
    "units": partial(_units, heavy=False),
    "heavy units": partial(_units, heavy=True),
    "weekends": _week,
    "days remember .5": partial(_shocked, shock=partial(_remembering, memory=0.5)),
    "days remember .8": partial(_shocked, shock=partial(_remembering, memory=0.8)),
    "log-normal days": partial(_shocked, shock=_log_normal),
    "storms": partial(_shocked, shock=_storms),
    "rare losers": partial(_losers, exposed=False),
    "rare losers, exposure": partial(_losers, exposed=True),
}


def settings() -> GateSettings:
    """Return the default terms, with fewer replicates of the bootstrap."""
    objective = {"unit": "EUR", "horizon_decisions": 100_000, "min_effect": THRESHOLD}
    return GateSettings.model_validate({"objective": {**objective, "resamples": 1_000}})


def promoted(world: str, days: int, gain: float, seed: int) -> tuple[bool, bool, bool]:
    """Return whether one window is promoted: alone, with the days before, and by the street."""
    generator = np.random.default_rng((seed, days, *world.encode()))
    day = np.repeat(np.arange(BEFORE + days), ROWS)
    drawn = WORLDS[world](BEFORE + days, day, generator)
    difference, past = gain + drawn.noise, day < BEFORE
    history = DayHistory.of(difference[past], day[past])
    within = ~past
    base = generator.normal(size=int(within.sum()))
    rows = PairedRows(
        unit=drawn.unit[within],
        day=day[within],
        champion=base,
        candidate=base + difference[within],
        exposure=None if drawn.exposure is None else drawn.exposure[within],
    )
    alone, known = (
        decide(Evidence(rows=rows, measures={}, history=each), settings()).verdict
        for each in (None, history)
    )
    mean, error = rows.difference.mean(), rows.difference.std(ddof=1) / np.sqrt(rows.size)
    street = bool(mean - 1.645 * error > THRESHOLD)
    return alone is Verdict.PROMOTE, known is Verdict.PROMOTE, street


def shares(world: str, days: int, gain: float, replicates: int) -> Floats:
    """Return the shares of windows that are promoted, in the order of `promoted`."""
    with threadpool_limits(1):
        found = [promoted(world, days, gain, seed) for seed in range(replicates)]
    found_shares: Floats = np.mean(found, axis=0)
    return found_shares


def measured(
    worlds: list[str], lengths: list[int], replicates: int
) -> Iterator[tuple[str, int, Floats, Floats]]:
    """Yield (world, days, false promotions, power)."""
    keys = [(world, days) for days in lengths for world in worlds]
    with ProcessPoolExecutor(2) as pool:
        both = [
            [pool.submit(shares, *key, gain * THRESHOLD, replicates) for gain in (1, 2)]
            for key in keys
        ]
        for (world, days), (false, power) in zip(keys, both, strict=True):
            yield world, days, false.result(), power.result()


def main() -> None:
    """Simulate and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicates", type=int, default=1_000)
    parser.add_argument("--days", type=int, nargs="+", default=[10, 14, 30])
    parser.add_argument("--only", nargs="+", default=list(WORLDS), choices=WORLDS)
    asked = parser.parse_args()
    heads = [f"{what}, {case}" for case in (*CASES, "rows alone") for what in ("false", "power")]
    table = Table("world", "days", *heads)
    console = Console(highlight=False, width=150)
    for world, days, false, power in measured(asked.only, asked.days, asked.replicates):
        cells = [f"{share:.1%}" for pair in zip(false, power, strict=True) for share in pair]
        table.add_row(world, str(days), *cells)
        console.print(world, days, *cells)
    console.print(table)


if __name__ == "__main__":
    main()
