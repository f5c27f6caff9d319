"""When does retraining pay? Our rule against calendars and drift tests, in six worlds.

`python -m benchmarks.trigger_worlds [--seeds 3] [--first-seed 1]` prints the money of each policy
against never retraining, in thousands of EUR, with its retrainings a year; about a minute on two
cores. `--quick` lives through a short year of one world and two policies.

Each world is 365 days of 1,000 customers; outcomes are known after 14 days, a model learns from 28
days, promoting costs 1,500 EUR and a challenger that only looks costs 10. A retrained model is
promoted at once: no gate stands between, which in the product it does. Quarantined days are those
that broke: that canaries find them is measured elsewhere. The rule was fixed on seeds 101 to 103,
and is shown on others.
"""

import argparse
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from benchmarks.simulation.drifting import WORLDS, World, Year
from benchmarks.simulation.retraining import (
    CALENDARS,
    CAREFUL,
    NEVER,
    OURS,
    POLICIES,
    Lived,
    Policy,
    live,
)

PROCESSES = 2
QUIET = ("stationary", "harmless drift")
MOST_IN_QUIET = 3  # retrainings a year where none pays


@dataclass(frozen=True)
class Cell:
    """What one policy came to in one world.

    Attributes:
        net: Money against never retraining, EUR, mean of the seeds.
        retrained: Retrainings a year, mean of the seeds.
        most: Retrainings of the seed with the most.
    """

    net: float
    retrained: float
    most: int


Results = dict[str, dict[str, Cell]]  # by policy and world


def years(
    worlds: Sequence[World],
    policies: Sequence[Policy],
    seeds: Sequence[int],
    days: int = 365,
    rows: int = 1_000,
) -> Results:
    """Live through every world and seed under every policy, in two processes.

    Args:
        worlds: What to live through.
        policies: Who decides; `NEVER` is lived through in any case.
        seeds: One year each.
        days: Length of a year.
        rows: Decisions a day.
    """
    asked = [policy.name for policy in policies]
    jobs = [(WORLDS.index(world), seed) for world in worlds for seed in seeds]
    with ProcessPoolExecutor(min(PROCESSES, len(jobs))) as pool:
        lived = dict(zip(jobs, pool.map(partial(_year, asked, days, rows), jobs), strict=True))
    results: Results = {}
    for name in asked:
        for world in worlds:
            of_seeds = [lived[WORLDS.index(world), seed] for seed in seeds]
            counts = [len(each[name].retrained) for each in of_seeds]
            net = np.mean([each[name].earned - each[NEVER.name].earned for each in of_seeds])
            cell = Cell(float(net), float(np.mean(counts)), max(counts))
            results.setdefault(name, {})[world.name] = cell
    return results


def _year(asked: list[str], days: int, rows: int, run: tuple[int, int]) -> dict[str, Lived]:
    number, seed = run
    year = Year(WORLDS[number], seed, days, rows)
    with threadpool_limits(1):
        return {p.name: live(year, p) for p in POLICIES if p.name in (*asked, NEVER.name)}


def total(results: Results, name: str) -> float:
    """Return the money of a policy over all worlds, EUR."""
    return sum(cell.net for cell in results[name].values())


def aims(results: Results) -> dict[str, bool]:
    """Return what the rule must reach, and whether it does."""
    best = max((policy.name for policy in CALENDARS), key=lambda name: total(results, name))
    most = max(results[name][world].most for name in (OURS, CAREFUL) for world in QUIET)
    ours = min(total(results, name) for name in (OURS, CAREFUL))
    return {
        f"in sum at least the best calendar ({best}: {total(results, best) / 1e3:+.0f}), "
        f"with quarantine and without: {ours / 1e3:+.0f}": ours >= total(results, best),
        f"at most {MOST_IN_QUIET} retrainings a year in quiet worlds: {most}": most
        <= MOST_IN_QUIET,
    }


def table(results: Results) -> Table:
    """Render the money and the retrainings for the terminal."""
    worlds = list(next(iter(results.values())))
    shown = Table("policy", *worlds, "sum")
    for name, cells in results.items():
        row = [f"{cells[w].net / 1e3:+.0f} ({cells[w].retrained:.0f})" for w in worlds]
        shown.add_row(name, *row, f"{total(results, name) / 1e3:+.0f}")
    return shown


def main() -> None:
    """Live through the worlds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="years a world")
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="one world, 260 days of 200 rows")
    asked = parser.parse_args()
    console = Console(highlight=False)
    console.width = max(console.width, 150)  # the table's, also where the output is a file
    start = time.perf_counter()
    if asked.quick:
        abrupt, careful = WORLDS[4:5], [p for p in POLICIES if p.name in (NEVER.name, CAREFUL)]
        console.print(table(years(abrupt, careful, [asked.first_seed], days=260, rows=200)))
        return
    seeds = range(asked.first_seed, asked.first_seed + asked.seeds)
    results = years(WORLDS, POLICIES, seeds)
    console.print(table(results))
    for aim, reached in aims(results).items():
        console.print(f"{'reached' if reached else 'MISSED'}: {aim}")
    console.print(f"{asked.seeds} years a world in {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
