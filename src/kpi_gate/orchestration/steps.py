"""A verb as a Prefect task under its own name, and a flow run as people speak of it."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from prefect import runtime, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task, exponential_backoff

from kpi_gate.errors import is_transient
from kpi_gate.run.context import Run

R = TypeVar("R")
HOURS = 3600  # seconds


def step(verb: Callable[[Run], R], *, minutes: float) -> Callable[[Run], R]:
    """Make a task of a verb: what may pass by itself is tried again.

    Args:
        verb: What it does with a run.
        minutes: How long it may take.
    """
    options = task(
        name=verb.__name__,
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
        result = made(run)
        run.told(verb.__name__)
        return result

    return done


def run_name() -> str:
    """Name a flow run as people speak of it."""
    given = runtime.flow_run.parameters
    return f"{given['name']} as of {str(given['as_of'] or 'now')[:10]}"


def _worth_retrying(_: Task[Any, Any], __: TaskRun, state: State[Any]) -> bool:
    """Retry what may pass by itself: a locked file or database, a service that was away."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, BaseException) and is_transient(error)
