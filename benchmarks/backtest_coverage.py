"""How often the intervals of a backtest hold the truth: `python -m benchmarks.backtest_coverage`.

Histories are simulated whose truth is known; nominal are 95 %, two-sided.
"""

import sys
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from kpi_gate.backtest.bounds import Rows, autocorrelation, by_day, total_bounds

Floats = NDArray[np.float64]
ROWS_A_DAY, UNITS = 20, 4_000
CONFIDENCE = 0.95
HISTORY_DAYS = 365  # of the whole backtest, from which short stretches learn
LENGTHS = {"a week": (7, 1), "a month": (30, 1), "two months": (60, 4), "a year": (365, 12)}


def independent(days: int, random: np.random.Generator) -> Floats:
    """Return shocks of days that know nothing of each other."""
    return random.normal(size=days)


def autocorrelated(days: int, random: np.random.Generator) -> Floats:
    """Return shocks of which half goes on the next day."""
    shocks = random.normal(size=days)
    for day in range(1, days):
        shocks[day] = 0.5 * shocks[day - 1] + np.sqrt(0.75) * shocks[day]
    return shocks


def log_normal(days: int, random: np.random.Generator) -> Floats:
    """Return shocks with a heavy right tail, of mean 0 and variance 1."""
    shocks: Floats = random.lognormal(0.0, 1.0, days)
    shocks -= np.exp(0.5)
    shocks /= np.sqrt(np.e * (np.e - 1))
    return shocks


def losing(days: int, random: np.random.Generator) -> Floats:
    """Return shocks with a heavy left tail."""
    return -log_normal(days, random)


def weekly(days: int, random: np.random.Generator) -> Floats:
    """Return independent shocks on top of a pattern of the week."""
    return independent(days, random)


WORLDS: dict[str, Callable[[int, np.random.Generator], Floats]] = {
    "independent days": independent,
    "autocorrelated days (.5)": autocorrelated,
    "log-normal days": log_normal,
    "log-normal losses": losing,
    "weekends": weekly,
}


def history(
    world: str, days: int, stretches: int, random: np.random.Generator
) -> tuple[Rows, float]:
    """Return simulated rows, and the total that was to be expected of them.

    Each stretch has a mean of its own, as after a promotion; shocks of a day hit all its rows.
    """
    day = np.arange(days)
    stretch = day * stretches // days
    usual = random.normal(0.5, 2.0, stretches)[stretch]
    if world == "weekends":
        usual = usual - 3.0 * (day % 7 > 4)
    money = np.repeat(usual + WORLDS[world](days, random), ROWS_A_DAY)
    rows = Rows(
        values=money + random.normal(0.0, 2.0, money.size),
        unit=random.integers(0, UNITS, money.size),
        day=np.repeat(day, ROWS_A_DAY),
        stretch=np.repeat(stretch, ROWS_A_DAY),
    )
    return rows, float(usual.sum() * ROWS_A_DAY)


def coverage(world: str, days: int, stretches: int, replicates: int, seed: int = 1) -> float:
    """Return the share of simulated histories whose interval holds the truth."""
    random, held = np.random.default_rng(seed), 0
    for _ in range(replicates):
        least = autocorrelation(by_day(history(world, HISTORY_DAYS, 12, random)[0]))
        rows, truth = history(world, days, stretches, random)
        found = total_bounds(rows, CONFIDENCE, least)
        assert found.lower is not None
        assert found.upper is not None
        held += found.lower <= truth <= found.upper
    return held / replicates


def main() -> None:
    """Print a table of worlds by lengths of history."""
    replicates = int(sys.argv[1]) if sys.argv[1:] else 1_000
    print(f"{'':<26}" + "".join(f"{name:>14}" for name in LENGTHS))
    for world in WORLDS:
        shares = [coverage(world, *length, replicates) for length in LENGTHS.values()]
        print(f"{world:<26}" + "".join(f"{share:>14.3f}" for share in shares), flush=True)


if __name__ == "__main__":
    main()
