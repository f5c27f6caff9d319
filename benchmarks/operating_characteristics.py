"""False promotions and power, ours against common gates, in worlds whose true gain is known.

`python -m benchmarks.operating_characteristics [--years 1000] [--seed 7]` writes
`docs/operating_characteristics.html` and its picture, and prints the table.
"""

import argparse
import time
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from threadpoolctl import threadpool_limits

from benchmarks.simulation.figures import Curves, Results, Row, summary
from benchmarks.simulation.page import write_page
from benchmarks.simulation.worlds import WORLDS
from benchmarks.simulation.years import BLOCK, RULES, Block, Tally, play, power

DOCS = Path(__file__).parents[1] / "docs"
GAINS = tuple(
    np.arange(0, 6.5, 0.5).tolist()
)  # true gains of the power curves, in multiples of ERROR
POWER_WORLDS = {"plain": 0, "clusters": 5, "fraud": 8}  # place in WORLDS
PROCESSES = 2


def _block(number: int, years: int, seed: tuple[int, ...]) -> Block:
    with threadpool_limits(1):
        return play(WORLDS[number], years, seed)


def _point(number: int, gain: float, windows: int, seed: tuple[int, ...]) -> dict[str, float]:
    with threadpool_limits(1):
        return power(WORLDS[number], gain, windows, seed)


def _watched(futures: list[Future[Any]], console: Console) -> Iterator[None]:
    """Show how many tasks are done."""
    columns = (TextColumn("years and windows"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console) as progress:
        bar = progress.add_task("", total=len(futures))
        for future in as_completed(futures):
            future.result()  # a failed task ends the run at once
            progress.advance(bar)
            yield


def simulate(years: int, windows: int, seed: int, console: Console) -> Results:
    """Play all worlds in two processes."""
    start = time.perf_counter()
    blocks = range(max(years // BLOCK, 1))
    with ProcessPoolExecutor(PROCESSES) as pool:
        played = {
            (number, block): pool.submit(_block, number, BLOCK, (seed, number, block))
            for block in blocks
            for number in range(len(WORLDS))
        }
        points = {
            (name, place): pool.submit(_point, number, gain, windows, (seed, 99, number, place))
            for name, number in POWER_WORLDS.items()
            for place, gain in enumerate(GAINS)
        }
        for _ in _watched([*played.values(), *points.values()], console):
            pass
    rows = []
    for number, world in enumerate(WORLDS):
        for rule in RULES:
            tally = Tally()
            for block in blocks:
                tally.join(played[number, block].result().tallies[rule])
            rows.append(summary(world.name, rule, tally))
    curves: Curves = {}
    for (name, _), future in points.items():
        for rule, share in future.result().items():
            curves.setdefault(name, {}).setdefault(rule, []).append(share)
    done = [future.result() for future in played.values()]
    return Results(
        rows=tuple(rows),
        curves=curves,
        gains=GAINS,
        looks=sum(block.looks for block in done),
        asked=sum(block.asked for block in done),
        years=len(blocks) * BLOCK,
        windows=windows,
        seed=seed,
        seconds=time.perf_counter() - start,
    )


def table(rows: tuple[Row, ...]) -> Table:
    """Render the figures for the terminal."""
    heads = ("promoted", "false", "+-", "per decision", "raw", "booked", "true", "true a year")
    shown = Table("world", "rule", *heads)
    for row in rows:
        gains = (
            f"{gain:.2f}" if gain is not None else "" for gain in (row.raw, row.booked, row.true)
        )
        counts = (f"{row.promotions:.2f}", f"{row.false:.2f}", f"{row.error:.2f}")
        cells = (*counts, f"{row.per_decision:.2%}", *gains, f"{row.yearly:+.1f}")
        shown.add_row(row.world, row.rule, *cells, end_section=row.rule == RULES[-1])
    return shown


def main() -> None:
    """Simulate, write the page and its picture, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--years", type=int, default=1_000, help="years a world")
    parser.add_argument("--windows", type=int, default=400, help="windows a point of the curves")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--to", type=Path, default=DOCS, help="folder of the page")
    asked = parser.parse_args()
    console = Console(highlight=False)
    console.width = max(console.width, 150)  # the table's, also where the output is a file
    results = simulate(asked.years, asked.windows, asked.seed, console)
    console.print(table(results.rows))
    for path in write_page(results, asked.to):
        console.print(f"{path}  {path.stat().st_size / 1e3:.0f} kB")
    console.print(
        f"{results.years} years a world in {results.seconds:.0f} s; {results.looks} looks, "
        f"{results.asked} of them needed the whole decide"
    )


if __name__ == "__main__":
    main()
