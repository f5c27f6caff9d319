"""Serve every use case's flows on the cron expressions of its YAML, and outlive the server."""

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from urllib.error import URLError
from urllib.request import urlopen

from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.client.schemas.schedules import CronSchedule
from prefect.deployments.runner import RunnerDeployment
from prefect.events import DeploymentEventTrigger
from prefect.flows import Flow
from prefect.schedules import Cron
from prefect.types.entrypoint import EntrypointType

from flows import silence
from flows.plans import Plan, plans
from flows.steady_runner import SteadyRunner
from flows.work_pools import CALL_RETRIES
from kpi_gate.cron import fires
from kpi_gate.stores.lock import one_schedule
from kpi_gate.stores.settings import Place

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0  # seconds between two attempts to serve
_NEAR = timedelta(seconds=15)  # the server plans anew within five


def deployments() -> list[RunnerDeployment]:
    """Return the deployments of all use cases; of two runs at once the later is cancelled."""
    return [_deployment(plan) for plan in plans()]


def serve_all() -> None:
    """Run scheduled flows in this process's children until interrupted.

    Raises:
        BusyError: If another process on this machine does that already.
    """
    place, stop = Place(), threading.Event()
    with one_schedule(place):
        beside = threading.Thread(target=silence.watch, args=(place, say, stop), daemon=True)
        beside.start()
        try:
            keep_serving(deployments)
        finally:
            stop.set()


def keep_serving(asked: Callable[[], Sequence[RunnerDeployment]]) -> None:
    """Serve deployments until interrupted, and begin anew whatever ends the serving.

    Args:
        asked: Returns the deployments; asked again at every start.
    """
    os.environ.setdefault("PREFECT_CLIENT_MAX_RETRIES", CALL_RETRIES)  # read by the children
    pause = _FIRST_PAUSE
    while True:
        wait_for_server()
        began = time.monotonic()
        try:
            asyncio.run(_serve(asked()))
        except KeyboardInterrupt:
            return
        except Exception as error:  # noqa: BLE001  (whatever it is, the schedule goes on)
            say(f"serving ended: {_root(error)}; again in {pause:.0f} s")
            time.sleep(pause)
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)  # the runner that handled it is gone
        lasted = time.monotonic() - began
        pause = _FIRST_PAUSE if lasted > _LONGEST_PAUSE else min(2 * pause, _LONGEST_PAUSE)


async def _serve(asked: Sequence[RunnerDeployment]) -> None:
    await _let_ticks_pass(asked)
    runner = SteadyRunner(say)
    for deployment in asked:
        deployment.work_pool_name = deployment.work_queue_name = None  # whoever had it before
        await runner.aadd_deployment(deployment)
    say(f"serving {', '.join(f'{each.flow_name}/{each.name}' for each in asked)}")
    await runner.start()


async def _let_ticks_pass(asked: Sequence[RunnerDeployment]) -> None:
    """Wait while a tick is near: what is deployed anew loses those that the server has planned."""
    clocks = [each.schedule for deployment in asked for each in deployment.schedules or ()]
    crons = [clock for clock in clocks if isinstance(clock, CronSchedule)]
    while any(is_near(clock, datetime.now(UTC)) for clock in crons):
        await asyncio.sleep(1)


def is_near(clock: CronSchedule, now: datetime) -> bool:
    """Tell whether a clock ticks so soon that its deployment must be left alone.

    Args:
        clock: A cron expression in a time zone.
        now: The present moment, UTC.
    """
    return bool(fires(clock.cron, clock.timezone or "UTC", now, now + _NEAR))


def wait_for_server() -> None:
    """Return once the Prefect server answers; say so where it does not."""
    address = os.environ["PREFECT_API_URL"].rstrip("/")
    told = False
    while not _healthy(address):
        if not told:
            say(f"Prefect at {address} does not answer yet; waiting for it")
            told = True
        time.sleep(2)


def _healthy(address: str) -> bool:
    try:
        with urlopen(f"{address}/health", timeout=5) as answer:  # noqa: S310  (a person's setting)
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


def _deployment(plan: Plan) -> RunnerDeployment:
    trigger = DeploymentEventTrigger(
        expect={plan.trigger},
        match={"prefect.resource.id": plan.resource},
        parameters=plan.parameters,
    )
    made = _flow(plan.flow).to_deployment(
        name=plan.name,
        parameters=plan.parameters,
        schedule=Cron(plan.cron, timezone=plan.timezone),
        tags=[plan.name],
        triggers=[trigger] if plan.trigger else None,
        # not a path: Prefect keeps none for what a work pool had before
        entrypoint_type=EntrypointType.MODULE_PATH,
        concurrency_limit=ConcurrencyLimitConfig(
            limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW
        ),
    )
    return cast("RunnerDeployment", made)


def _flow(name: str) -> Flow[..., Any]:
    if name == "monitor":
        from flows.monitor import monitor

        return monitor
    from flows.retrain import retrain

    return retrain


def _root(error: BaseException) -> str:
    """Return the first cause in a nest of groups, in one line."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def say(words: str) -> None:
    """Write a line to stderr, with the time."""
    sys.stderr.write(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC  {words}\n")
    sys.stderr.flush()
