"""Measure against a bare script in the same run: `make bench`. Prints medians and ratios."""

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from kpi_gate.decision.stats.paired_gain import paired_gain
from kpi_gate.environment import prepare_environment
from kpi_gate.workspace import Workspace

ROOT = Path(__file__).parents[1]
USE_CASE = "campaign"
REPEATS = 3
TICK = "2008-08-01"  # a first model that is promoted
PROGRAM = str(Path(sys.executable).with_name("kpi-gate"))
UI_PORTS = ("5391", "4391")


def seconds(
    command: list[str], environment: dict[str, str], codes: tuple[int, ...] = (0,)
) -> float:
    """Run a command in a fresh process and return its wall time."""
    start = time.perf_counter()
    answer = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False)
    taken = time.perf_counter() - start
    if answer.returncode not in codes:
        raise RuntimeError(f"{command}: exit {answer.returncode}\n{answer.stderr.decode()[-2000:]}")
    return taken


def median(measure: Callable[[], float]) -> float:
    """Return the median of a few measurements."""
    return statistics.median(measure() for _ in range(REPEATS))


@contextmanager
def servers(home: Path) -> Iterator[dict[str, str]]:
    """Run `kpi-gate ui` over an empty home; yield the environment that uses it."""
    environment = os.environ | {"KPI_GATE_HOME": str(home)}
    words = [PROGRAM, "ui", "--mlflow-port", UI_PORTS[0], "--prefect-port", UI_PORTS[1]]
    process = subprocess.Popen(words, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        if process.stdout is None or not process.stdout.readline():
            raise RuntimeError("kpi-gate ui did not start")
        yield environment
    finally:
        process.terminate()
        process.wait(timeout=30)


def forget(*paths: Path) -> None:
    """Remove what an earlier repetition left: files or folders."""
    for path in paths:
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def retrain(home: Path, environment: dict[str, str]) -> float:
    """Time a whole retrain with nothing cached: a first champion, promoted."""
    forget(*home.glob("ledger*"), *home.glob("bench.db*"))
    forget(ROOT / "dvc.lock", ROOT / "data" / USE_CASE)
    return seconds([PROGRAM, "retrain", USE_CASE, "--as-of", TICK], environment)


def cold(home: Path) -> tuple[float, float, float]:
    """Time a retrain in an empty home, the bare script in one, and a retrain with nothing new.

    No server runs, as where somebody types the command for the first time.
    """
    forget(home)
    home.mkdir()
    kept = {name: word for name, word in os.environ.items() if not name.startswith("PREFECT_")}
    environment = kept | {"KPI_GATE_HOME": str(home)}
    environment |= {"KPI_GATE_MLFLOW_URI": f"sqlite:///{home}/bench.db"}
    whole = retrain(home, environment)
    again = seconds([PROGRAM, "retrain", USE_CASE, "--as-of", TICK], environment)
    return whole, bare(home), again


def bare(home: Path) -> float:
    """Time the bare script, which keeps its own database of MLflow in the home."""
    words = [sys.executable, str(ROOT / "benchmarks/bare.py"), TICK, str(home)]
    return seconds(words, dict(os.environ))


def gate() -> tuple[float, float]:
    """Time the gate on 1,000,000 rows in 200,000 units; return seconds and peak GB."""
    generator = np.random.default_rng(7)
    rows = 1_000_000
    difference = generator.standard_t(3, rows) + 0.01
    unit = generator.integers(0, 200_000, rows)
    day = generator.integers(0, 28, rows)
    start = time.perf_counter()
    paired_gain(difference, unit, day, threshold=0.0, resamples=10_000)
    taken = time.perf_counter() - start
    return taken, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def main() -> None:
    """Print the figures as one table."""
    console = Console(highlight=False)
    table = Table("what", "median s", "bare script s", "ratio", "aim")
    with console.status("gate on 1,000,000 rows in 200,000 units ..."):
        gates = [gate() for _ in range(REPEATS)]
    took, memory = statistics.median(g[0] for g in gates), gates[-1][1]
    table.add_row(f"gate, {memory:.2f} GB", f"{took:.2f}", "", "", "3 s, 1 GB")
    home = Path(tempfile.mkdtemp())
    prepare_environment(Workspace().home)
    with console.status("retrain and bare script, cold ..."):
        help_time = median(lambda: seconds([PROGRAM, "--help"], dict(os.environ)))
        runs = [cold(home / "cold") for _ in range(REPEATS)]
    with console.status("the same beside running servers ..."), servers(home) as environment:
        # not the database that is served: it is deleted between two repetitions
        environment |= {"KPI_GATE_MLFLOW_URI": f"sqlite:///{home}/bench.db"}
        pairs = [(retrain(home, environment), bare(home)) for _ in range(REPEATS)]
    shutil.rmtree(home)
    table.add_row("kpi-gate --help", f"{help_time:.2f}", "", "", "0.7 s")
    whole, plain, again = (statistics.median(run[i] for run in runs) for i in range(3))
    table.add_row(*_beside("retrain, cold", whole, plain), "8 s more")
    table.add_row("retrain, nothing new", f"{again:.1f}", "", "", "5 s")
    whole, plain = (statistics.median(pair[i] for pair in pairs) for i in range(2))
    table.add_row(*_beside("retrain, servers running", whole, plain), "2.5 x")
    console.print(table)


def _beside(what: str, whole: float, plain: float) -> tuple[str, str, str, str]:
    ratio = f"{whole / plain:.2f}, {whole - plain:+.1f} s"
    return what, f"{whole:.1f}", f"{plain:.1f}", ratio


if __name__ == "__main__":
    main()
