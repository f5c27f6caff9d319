"""Inject every silent failure, and count how many are found on the day that they start.

    python -m benchmarks.silent_failures [--seeds 10] [--rows 2000] [--clean 300] [--real campaign]

Prints each fault with the number of seeds in which it was found and the checks that found it (`!`
where it is severe), and how many of the clean days had a finding. `--real` breaks rows of a use
case of this repository as well, by week where a day has few of them; what a fault cannot change
there is left out.
"""

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from benchmarks.silent_faults import FAULTS, UNSEEN, Scene
from benchmarks.silent_models import MODELS, SOUND, Stage
from benchmarks.silent_world import (
    AMOUNTS,
    CATEGORIES,
    MOVING,
    SPREAD,
    START,
    make_days,
    make_use_case,
)
from kpi_gate.decision.evidence import Window
from kpi_gate.learning.leakage import numbers
from kpi_gate.pipeline.loading import known_rows
from kpi_gate.usecase import discovery
from kpi_gate.usecase.contract import UseCase
from kpi_gate.watch.finding import Finding
from kpi_gate.watch.health.batch import FEW_ROWS, check_batch

PAST = 28
Caught = dict[str, list[Finding]]


def main() -> None:
    """Print the tables."""
    asked = _arguments()
    console = Console(highlight=False)
    with console.status("faults ..."):
        caught = [synthetic(seed, asked.rows) for seed in range(asked.seeds)]
    console.print(told(f"Synthetic days of {asked.rows:,} rows", caught))
    for name in asked.real:
        with console.status(f"{name} ..."):
            title, real, clean = on_real_rows(name, asked.seeds)
        console.print(told(title, real))
        console.print(quiet(clean))
    with console.status("clean days ..."):
        console.print(quiet(clean_days(asked.clean, asked.rows)))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10, help="injections of each fault")
    parser.add_argument("--rows", type=int, default=2_000, help="rows a day")
    parser.add_argument("--clean", type=int, default=300, help="clean days")
    parser.add_argument("--real", nargs="*", default=[], help="use cases with enough history")
    return parser.parse_args()


def synthetic(seed: int, rows: int) -> Caught:
    """Break one synthetic day in every way; the weekday hangs on the seed."""
    use_case, days = make_use_case(), make_days(PAST + 1 + seed % 7, rows, seed)
    window = _day(len(days) - 1)
    before = days[-PAST - 1 : -1]
    reference = pd.concat(before, ignore_index=True)
    found: Caught = {}
    for name in (*FAULTS, *UNSEEN, *MODELS):
        random = np.random.default_rng([seed, *name.encode()])
        scene = Scene(days[-1], before, 1, AMOUNTS, MOVING, SPREAD, CATEGORIES, random)
        if name in MODELS:
            found[name] = MODELS[name](Stage(scene, use_case, _weekdays(len(days) - 1)))
        else:
            broken = {**FAULTS, **UNSEEN}[name](scene)
            found[name] = check_batch(broken, reference, use_case, window)
    return found


def _day(number: int) -> Window:
    start = START + timedelta(days=number)
    return Window(start=start, end=start + timedelta(days=1))


def _weekdays(day: int) -> list[int]:
    return [number % 7 for number in range(day - PAST, day + 1)]


def clean_days(count: int, rows: int) -> list[tuple[float, list[Finding]]]:
    """Check clean days, of the rows and of the sound model; return seconds and findings of each."""
    use_case, days = make_use_case(), make_days(PAST + count, rows, 1_000)
    checked = []
    for day in range(PAST, len(days)):
        before = days[day - PAST : day]
        random = np.random.default_rng(day)
        scene = Scene(days[day], before, 1, AMOUNTS, MOVING, SPREAD, CATEGORIES, random)
        stage = Stage(scene, use_case, _weekdays(day))
        reference = pd.concat(before, ignore_index=True)
        start = time.perf_counter()
        found = check_batch(days[day], reference, use_case, _day(day))
        taken = time.perf_counter() - start
        for check in SOUND.values():
            found += check(stage)
        checked.append((taken, found))
    return checked


def on_real_rows(
    name: str, seeds: int
) -> tuple[str, list[Caught], list[tuple[float, list[Finding]]]]:
    """Break the last windows of a use case, and check all the others as they are."""
    use_case = discovery.load(name)
    with tempfile.TemporaryDirectory() as scratch:
        if use_case.fetch is None:
            raise SystemExit(f"{name} fetches no data by itself")
        use_case.fetch(Path(scratch) / "raw")
        rows = known_rows(use_case, Path(scratch) / "raw", datetime.now(UTC))
    length = 1 if rows.groupby(rows["event_time"].dt.floor("D")).size().median() >= 50 else 7
    windows = _windows(rows, length)
    past = PAST if length == 1 else PAST // 2
    clean = []
    for place in range(past, len(windows)):
        window, batch = windows[place]
        reference = pd.concat([part for _, part in windows[place - past : place]])
        start = time.perf_counter()
        found = check_batch(batch, reference, use_case, window)
        clean.append((time.perf_counter() - start, found))
    full = [n for n in range(past + 1, len(windows) + 1) if len(windows[n - 1][1]) >= FEW_ROWS]
    caught = [_broken(use_case, windows[:n], length, past, n) for n in full[-seeds:]]
    return f"{name}: {length} day(s) a batch, {len(rows):,} rows", caught, clean


def _windows(rows: pd.DataFrame, length: int) -> list[tuple[Window, pd.DataFrame]]:
    """Cut the rows into whole windows, oldest first."""
    first = rows["event_time"].min().floor("D").to_pydatetime()
    count = int((rows["event_time"].max() - pd.Timestamp(first)).days // length)
    step = timedelta(days=length)
    number = (rows["event_time"] - pd.Timestamp(first)) // pd.Timedelta(step)
    parts = dict(iter(rows.groupby(number)))
    return [
        (
            Window(start=first + n * step, end=first + (n + 1) * step),
            parts.get(n, rows[:0]).reset_index(drop=True),
        )
        for n in range(count)
    ]


def _broken(
    use_case: UseCase,
    windows: Sequence[tuple[Window, pd.DataFrame]],
    length: int,
    past: int,
    seed: int,
) -> Caught:
    """Break the last of the windows in every way that its columns allow."""
    window, day = windows[-1]
    before = [part for _, part in windows[-past - 1 : -1]]
    reference = pd.concat(before, ignore_index=True)
    spread = [
        f.name for f in use_case.features if f.kind == "number" and _is_rich(reference[f.name])
    ]
    amounts = [name for name in spread if np.nanmin(numbers(reference[name])) >= 0]
    names = [
        f.name for f in use_case.features if f.kind == "category" and day[f.name].nunique() > 2
    ]
    found: Caught = {}
    for name, spoil in FAULTS.items():
        random = np.random.default_rng([seed, *name.encode()])
        scene = Scene(day, before, length, amounts, spread, spread, names, random)
        if not names and ("categor" in name or "text to" in name):
            continue
        broken = spoil(scene)
        if not broken.equals(day):
            found[name] = check_batch(broken, reference, use_case, window)
    return found


def _is_rich(column: pd.Series) -> bool:
    values = numbers(column)
    known = values[np.isfinite(values)]
    return bool(np.unique(known).size > 10 and np.quantile(known, 0.75) > np.quantile(known, 0.25))


def _seen(findings: Iterable[Finding]) -> Iterator[Finding]:
    return (finding for finding in findings if finding.severity != "note")


def told(title: str, caught: Sequence[Mapping[str, list[Finding]]]) -> Table:
    """Return the table of faults."""
    table = Table("fault", "caught", "by", title=title, box=None, pad_edge=False)
    for name in dict.fromkeys(name for found in caught for name in found):
        injected = [list(_seen(found[name])) for found in caught if name in found]
        checks: Counter[str] = Counter()
        for findings in injected:
            checks.update({f.check + "!" * (f.severity == "severe") for f in findings})
        count = sum(map(bool, injected))
        must = "  (declared undetectable)" if name in UNSEEN else ""
        by = ", ".join(f"{check} {times}" for check, times in checks.most_common())
        table.add_row(name, f"{count}/{len(injected)}", by + must)
    return table


def quiet(checked: Sequence[tuple[float, list[Finding]]]) -> str:
    """Return what the clean days had, in words."""
    alarms = [finding for _, found in checked for finding in _seen(found)]
    days = sum(any(_seen(found)) for _, found in checked)
    seconds = np.median([taken for taken, _ in checked])
    lines = [f"{days} of {len(checked)} clean batches had a finding; {seconds:.2f} s a batch"]
    return "\n".join([*lines, *(f"  {finding.sentence}" for finding in alarms)])


if __name__ == "__main__":
    main()
