"""Play a backtest on all cores, tick by tick; after a break it goes on where it was."""

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    Executor,
    Future,
    ProcessPoolExecutor,
    as_completed,
    wait,
)
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any

from kpi_gate.backtest import accounting, outcomes, policies, snapshots
from kpi_gate.backtest.result import Backtest
from kpi_gate.backtest.scenario import Scenario

Told = Callable[[int, int], None]


def play(scenario: Scenario, workers: int, told: Told = lambda done, of: None) -> Backtest:
    """Play all policies on a stretch of history.

    Args:
        scenario: What is played.
        workers: Processes; 1 plays in this one.
        told: Is called with how many parts are done, and of how many.

    Raises:
        Exception: Whatever the use case's own code raises; what was played is kept.
    """
    count = len(scenario.ticks)
    progress = Progress(told, count * (2 + len(policies.ACTING)) + 1)
    with open_pool(workers) as pool:
        act(scenario, pool, policies.ACTING, progress)
        wanted = accounting.wanted(scenario)
        todo = [pool.submit(outcomes.value_models, scenario, k, wanted[k]) for k in range(count)]
        for future in as_completed(todo):
            future.result()
            progress.step()
    return accounting.reckon(scenario)


def act(scenario: Scenario, pool: Executor, who: Sequence[str], progress: "Progress") -> None:
    """Let policies act at every tick, each after its own tick before."""
    todo: dict[Future[None], tuple[str, int]] = {}

    def submit(key: tuple[str, int], work: Callable[..., None], *given: int | str) -> None:
        todo[pool.submit(work, scenario, *given)] = key

    submit(("afterwards", 0), outcomes.look_up)
    for number in range(len(scenario.ticks)):
        submit(("freeze", number), snapshots.freeze, number)
    done: set[tuple[str, int]] = set()
    begun: set[tuple[str, int]] = set()
    while todo:
        for future in wait(todo, return_when=FIRST_COMPLETED).done:
            done.add(todo.pop(future))
            future.result()
            progress.step()
        for policy in who:
            number = sum(1 for name, _ in done if name == policy)
            key = (policy, number)
            if key not in begun and ("freeze", number) in done:
                begun.add(key)
                submit(key, policies.step, policy, number)


class Progress:
    """Counts what is done, and tells it."""

    def __init__(self, told: Told, total: int) -> None:
        self._told, self._total, self._done = told, total, 0

    def step(self) -> None:
        """Count one more."""
        self._done += 1
        self._told(self._done, self._total)


class _Here(Executor):
    """Runs what is submitted at once, in this process."""

    def submit(self, work: Any, /, *given: Any, **named: Any) -> Future[Any]:
        """Run it; an error is raised where the result is asked for."""
        future: Future[Any] = Future()
        try:
            future.set_result(work(*given, **named))
        except Exception as error:  # noqa: BLE001  (raised again by `result`; Ctrl-C at once)
            future.set_exception(error)
        return future


@contextmanager
def open_pool(workers: int) -> Iterator[Executor]:
    """Yield what runs the parts: processes, or with one worker this process."""
    if workers <= 1:
        yield _Here()
        return
    # spawned, not forked: OpenMP does not live through a fork
    pool = ProcessPoolExecutor(workers, get_context("spawn"), _start, (os.getpid(),))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _start(parent: int) -> None:
    """Let a worker end with the process that asked for it, also where that was killed."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
