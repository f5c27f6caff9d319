"""Measure how the champion is served: `python -m benchmarks.serving [--seconds 5] [PART …]`.

Every part runs in the same run beside the others; `mlflow models serve` serves the same champion.
"""

import argparse
import asyncio
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import mlflow
import orjson
import pandas as pd
from mlflow.models import infer_signature
from rich.console import Console
from rich.table import Table

from benchmarks.serving.load import Answered, Load, Target, load
from benchmarks.serving.processes import Running, free_port, running
from benchmarks.serving.world import ROOT, USE_CASE, World
from kpi_gate.serving import places, reports
from kpi_gate.serving.log.read import read_log

PARTS = ("beside", "swaps", "memory", "kill", "return", "batch")
CLIENTS, ROUNDS = 8, 3
PROGRAMS = Path(sys.executable).parent
MODELS = 24
BATCH_ROWS = 500_000
WRITTEN_SECONDS = 0.1  # what was answered this long ago is on disk
Line = tuple[str, str, str, str, str]


class Side:
    """What was measured of one server, round after round.

    Attributes:
        server: It.
        target: What it is asked.
        alone: Loads of one client.
        many: Loads of several.
        cpu: Milliseconds of CPU a request, of the several.
        megabytes: Memory (PSS) after its first load.
    """

    def __init__(self, server: Running, target: Target) -> None:
        self.server, self.target = server, target
        self.alone: list[Load] = []
        self.many: list[Load] = []
        self.cpu: list[float] = []
        asyncio.run(load(target, CLIENTS, for_seconds(2.0)))  # warm
        self.megabytes = server.megabytes()

    def round(self, seconds: float) -> None:
        """Load it by one client, and by several."""
        self.alone.append(asyncio.run(load(self.target, 1, for_seconds(seconds))))
        before = self.server.cpu()
        many = asyncio.run(load(self.target, CLIENTS, for_seconds(seconds)))
        self.many.append(many)
        self.cpu.append((self.server.cpu() - before) / max(many.statuses[200], 1) * 1000)


def ours(world: World, workers: int = 1) -> tuple[list[str], int, str, dict[str, str], Path]:
    """Return how our server is run."""
    port = free_port()
    words = [str(PROGRAMS / "kpi-gate"), "serve", USE_CASE, "--no-keys", "--port", str(port)]
    return [*words, "--workers", str(workers)], port, "/ready", world.environment, ROOT


def target_of(world: World, port: int, name: str = "r") -> Target:
    """Return what is asked of our server: single rows, each of another unit."""
    rows = [{k: v for k, v in row.items() if k != "event_time"} for row in world.rows]

    def body(number: int) -> bytes:
        row = rows[number % len(rows)]
        return orjson.dumps({**row, "unit": f"u{number}", "id": f"{name}-{number}"})

    return Target(port, f"/{USE_CASE}/decisions", body)


def for_seconds(seconds: float) -> Callable[[], bool]:
    """Return what tells that so much time has passed."""
    end = time.perf_counter() + seconds
    return lambda: time.perf_counter() > end


def beside(world: World, seconds: float) -> list[Line]:
    """Measure our server and `mlflow models serve` in turns, with the same champion."""
    folder, port = world.workspace.home / "mlflow-model", free_port()
    inputs = world.features.head(50)
    mlflow.sklearn.save_model(
        world.model.estimator,
        folder,
        signature=infer_signature(inputs, world.model.estimator.predict_proba(inputs)),
        pyfunc_predict_fn="predict_proba",
        serialization_format="cloudpickle",
        pip_requirements=[],
    )
    words = [str(PROGRAMS / "mlflow"), "models", "serve", "-m", str(folder), "-p", str(port)]
    words += ["--env-manager", "local"]
    names = list(world.model.card.features)
    rows = [orjson.dumps({"dataframe_records": [{n: row[n] for n in names}]}) for row in world.rows]
    target = Target(port, "/invocations", lambda number: rows[number % len(rows)])
    with ExitStack() as stack:
        server = stack.enter_context(running(*ours(world)))
        own = Side(server, target_of(world, server.port))
        other = stack.enter_context(running(words, port, "/ping", world.environment, ROOT))
        theirs = Side(other, target)
        for _ in range(ROUNDS):
            own.round(seconds)
            theirs.round(seconds)
    return [*_beside(own, theirs)]


def _beside(own: Side, theirs: Side) -> Iterator[Line]:
    measures: tuple[tuple[str, Callable[[Side], list[float]], str], ...] = (
        ("requests/s, 8 clients", lambda side: [one.per_second for one in side.many], "40 x"),
        ("requests/s, 1 client", lambda side: [one.per_second for one in side.alone], ""),
        ("p50 ms, 8 clients", lambda side: [one.quantile(0.5) for one in side.many], ""),
        ("p99 ms, 8 clients", lambda side: [one.quantile(0.99) for one in side.many], ""),
        ("p50 ms, 1 client", lambda side: [one.quantile(0.5) for one in side.alone], ""),
        ("CPU ms a request", lambda side: side.cpu, ""),
        ("cold start s", lambda side: [side.server.cold], "4 s"),
        ("memory MB (PSS)", lambda side: [side.megabytes], "150 MB"),
        ("failed requests", lambda side: [sum(one.failed for one in side.many)], "0"),
    )
    for what, of, aim in measures:
        yield _ratio(what, of(own), of(theirs), aim)


class Judge:
    """Holds each answer against what its version decides, and against who is champion by then."""

    def __init__(self, world: World) -> None:
        self.world, self.wrong, self.seen = world, 0, 0
        self.champions: list[tuple[float, str]] = [(0.0, world.champion)]
        self._scores: dict[str, list[float | None]] = {}

    def confirmed(self, version: str) -> None:
        """Note that every worker has said that it serves a version."""
        self._scores[version] = self.world.predictor(version).decide(self.world.rows).score
        self.champions.append((time.perf_counter(), version))

    def __call__(self, answer: Answered) -> None:
        """Take an answer."""
        found = orjson.loads(answer.body)
        if found["arm"] == "holdout":
            return
        self.seen += 1
        version = found["version"]
        at, newest = self.champions[-1]
        expected = self._scores.get(version)
        if expected is not None:
            score = expected[answer.number % len(expected)]
            self.wrong += score is None or abs(found["score"] - score) > 1e-9
        # whoever asked after all workers had confirmed gets the new one
        self.wrong += answer.asked > at and _number(version) < _number(newest)


def _number(version: str) -> int:
    return int(version[1:]) if version[1:].isdigit() else 0


async def _swapping(
    world: World, server: Running, swaps: int, clients: int, judge: Judge
) -> tuple[Load, list[float]]:
    over, took = False, []

    async def release() -> None:
        nonlocal over
        try:
            for _ in range(swaps):
                await asyncio.to_thread(world.release)
                waited = await asyncio.to_thread(
                    reports.wait_for, world.workspace, USE_CASE, world.champion
                )
                if waited.late or not waited.workers:
                    raise RuntimeError(f"{world.champion}: {waited.late or 'no worker'}")
                took.append(waited.seconds)
                judge.confirmed(world.champion)
                await asyncio.sleep(0.1)
        finally:
            over = True

    target = target_of(world, server.port, "s")
    made, _ = await asyncio.gather(load(target, clients, lambda: over, judge), release())
    return made, took


def swaps(world: World, count: int) -> list[Line]:
    """Release again and again under load of two workers; count what fails, and wrong versions."""
    world.train(6)
    judge = Judge(world)
    with running(*ours(world, workers=2)) as server:
        made, took = asyncio.run(_swapping(world, server, count, CLIENTS, judge))
    what = f"{count} swaps under load, {sum(made.statuses.values()):,} requests"
    errors = ", ".join(f"{n} {kind}" for kind, n in made.errors.items())
    longest = f"{statistics.median(took):.2f}, {max(took):.2f}"
    return [
        (f"{what}: failed", f"{made.failed} {errors}".strip(), "", "", "0"),
        ("  wrong version or score", str(judge.wrong), "", "", "0"),
        ("  s until both workers serve it: median, most", longest, "", "", "5 s"),
    ]


def memory(world: World, count: int) -> list[Line]:
    """Swap among many models and look at the memory of the one process."""
    world.train(MODELS)
    early = count // 4
    with running(*ours(world)) as server:
        judge = Judge(world)
        made, _ = asyncio.run(_swapping(world, server, early, 2, judge))
        before = server.megabytes()
        later, _ = asyncio.run(_swapping(world, server, count - early, 2, judge))
        after = server.megabytes()
    what = f"{count} swaps, {MODELS} models: MB after {early}, after all"
    return [
        (what, f"{before:.0f}, {after:.0f}", "", f"{after - before:+.1f} MB", "flat"),
        ("  failed, wrong", f"{made.failed + later.failed}, {judge.wrong}", "", "", "0"),
    ]


def kill(world: World, seconds: float) -> list[Line]:
    """Kill the server under load; look for answered decisions that are not in the log."""
    answered: dict[str, float] = {}

    def seen(answer: Answered) -> None:
        answered[orjson.loads(answer.body)["id"]] = answer.asked + answer.seconds

    async def killed(server: Running) -> float:
        at = 0.0
        target, stop = target_of(world, server.port, "k"), for_seconds(seconds + 0.2)

        async def end() -> None:
            nonlocal at
            await asyncio.sleep(seconds)
            at = time.perf_counter()
            os.killpg(server.process.pid, signal.SIGKILL)

        await asyncio.gather(load(target, CLIENTS, stop, seen), end())
        return at

    with running(*ours(world)) as server:
        at = asyncio.run(killed(server))
    start = time.perf_counter()
    with running(*ours(world)) as server:
        again = time.perf_counter() - start
    table = read_log(places.log(world.workspace, USE_CASE), columns=["id"])
    found = [name for name in table["id"].to_pylist() if name.startswith("k-")]
    logged = set(found)
    lost = [name for name in answered if name not in logged]
    early = [name for name in lost if answered[name] < at - WRITTEN_SECONDS]
    doubles = len(found) - len(logged)
    return [
        (f"kill -9: lost of {len(answered):,} answered", str(len(lost)), "", "", "last 100 ms"),
        ("  of those answered earlier, twice in the log", f"{len(early)}, {doubles}", "", "", "0"),
        ("  s until it is ready again", f"{again:.2f}", "", "", "4 s"),
    ]


def back(world: World) -> list[Line]:
    """Return to the version before under load; look when its last answer was asked for."""
    world.train(2)
    last: dict[str, float] = {}

    def seen(answer: Answered) -> None:
        last[orjson.loads(answer.body)["version"]] = answer.asked

    async def returned(server: Running) -> tuple[float, Load]:
        at = 0.0

        async def send_back() -> None:
            nonlocal at
            await asyncio.sleep(1.0)
            at = time.perf_counter()
            await asyncio.to_thread(_post, server.port)

        target, stop = target_of(world, server.port, "b"), for_seconds(4.0)
        made, _ = await asyncio.gather(load(target, CLIENTS, stop, seen), send_back())
        return at, made

    with running(*ours(world, workers=2)) as server:
        for _ in range(2):
            world.release()
            reports.wait_for(world.workspace, USE_CASE, world.champion)
        newest = world.champion
        at, made = asyncio.run(returned(server))
    took = last[newest] - at
    return [("return: s until nobody gets it, failed", f"{took:.2f}, {made.failed}", "", "", "1 s")]


def _post(port: int) -> None:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/{USE_CASE}/return",
        b'{"reason": "measured"}',
        {"content-type": "application/json"},
    )
    urllib.request.urlopen(request, timeout=30).close()  # noqa: S310  (loopback)


def batch(world: World) -> list[Line]:
    """Score many rows at once, by the command line."""
    home = world.workspace.home
    rows = pd.DataFrame(world.rows)
    rows = rows.iloc[[place % len(rows) for place in range(BATCH_ROWS)]].reset_index(drop=True)
    rows["unit"] = [f"b{place}" for place in range(len(rows))]
    rows["event_time"] = pd.to_datetime(rows["event_time"], utc=True)
    rows.to_parquet(home / "in.parquet", index=False)
    words = [str(PROGRAMS / "kpi-gate"), "score", USE_CASE, "--rows", str(home / "in.parquet")]
    words += ["--to", str(home / "out.parquet")]
    start = time.perf_counter()
    code = subprocess.run(words, env=world.environment, cwd=ROOT, check=False).returncode
    minute = BATCH_ROWS / (time.perf_counter() - start) * 60
    found = f"{minute / 1e6:.1f}" if code == 0 else f"exit {code}"
    return [("batch: million rows a minute, with start", found, "", "", "1")]


def _ratio(what: str, own: list[float], theirs: list[float], aim: str) -> Line:
    """Return medians of both, and the median ratio of the rounds."""
    pairs = [(one, other) for one, other in zip(own, theirs, strict=True) if one and other]
    ratios = [max(one / other, other / one) for one, other in pairs]
    ratio = f"{statistics.median(ratios):.1f} x" if ratios else ""
    mine, other = (f"{statistics.median(side):,.4g}" for side in (own, theirs))
    return what, mine, other, ratio, aim


def main() -> None:
    """Print the figures as one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each load")
    parser.add_argument("--swaps", type=int, default=50)
    parser.add_argument("--memory-swaps", type=int, default=100)
    given = parser.parse_args()
    if wrong := set(given.parts) - set(PARTS):
        parser.error(f"{', '.join(sorted(wrong))}: must be of {', '.join(PARTS)}")
    wanted = given.parts or PARTS
    console = Console(highlight=False)
    home = Path(tempfile.mkdtemp()) / "home"
    table = Table("serving", "kpi-gate", "mlflow models serve", "ratio", "aim")
    parts: dict[str, Callable[[], list[Line]]] = {
        "beside": lambda: beside(world, given.seconds),
        "swaps": lambda: swaps(world, given.swaps),
        "memory": lambda: memory(world, given.memory_swaps),
        "kill": lambda: kill(world, given.seconds),
        "return": lambda: back(world),
        "batch": lambda: batch(world),
    }
    with console.status("a first champion ..."):
        world = World(home)
    try:
        for part in PARTS:
            if part in wanted:
                with console.status(f"{part} ..."):
                    for line in parts[part]():
                        table.add_row(*line)
    finally:
        world.close()
        shutil.rmtree(home.parent, ignore_errors=True)
        console.print(table)


if __name__ == "__main__":
    main()
