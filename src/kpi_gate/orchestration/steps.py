"""A verb as a Prefect task under its own name, and a flow run as people speak of it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, TypeVar, cast

from prefect import get_run_logger, runtime, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task, exponential_backoff

from kpi_gate.errors import is_transient
from kpi_gate.orchestration import story
from kpi_gate.run.context import Run

R = TypeVar("R")
_WATCHER: ContextVar[Callable[[str], None]] = ContextVar("watcher", default=lambda step: None)
HOURS = 3600  # seconds


def step(verb: Callable[[Run], R], *, minutes: float) -> Callable[[Run], R]:
    """Make a task of a verb: what may pass by itself is tried again.

    Args:
        verb: What it does with a run.
        minutes: How long it may take.
    """
    name = verb.__name__
    plain = f"{name}: {story.PLAIN[name]}" if name in story.PLAIN else name
    options = task(
        name=name,
        task_run_name=plain,
        retries=3,
        retry_delay_seconds=exponential_backoff(2),
        retry_jitter_factor=0.5,
        retry_condition_fn=_worth_retrying,
        timeout_seconds=minutes * 60,
        cache_policy=NO_CACHE,  # DVC decides what must run
        persist_result=False,
    )
    made = cast("Callable[[Run], R]", options(verb))

    @wraps(verb)
    def done(run: Run) -> R:
        _WATCHER.get()(plain)
        result = made(run)
        for line in filter(None, story.line_of(name, run).splitlines()):
            get_run_logger().info(line)
        run.told(name)
        return result

    return done


@contextmanager
def watching(tell: Callable[[str], None]) -> Iterator[None]:
    """Tell of each step that begins within the block."""
    before = _WATCHER.set(tell)
    try:
        yield
    finally:
        _WATCHER.reset(before)


def run_name() -> str:
    """Name a flow run as people speak of it."""
    given = runtime.flow_run.parameters
    return f"{given['name']} as of {str(given['as_of'] or 'now')[:10]}"


def _worth_retrying(_: Task[Any, Any], __: TaskRun, state: State[Any]) -> bool:
    """Retry what may pass by itself: a locked file or database, a service that was away."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, BaseException) and is_transient(error)
