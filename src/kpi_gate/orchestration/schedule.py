"""Serve every use case's flows on the cron expressions of its YAML, and outlive the server."""

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import cast

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.client.schemas.schedules import CronSchedule
from prefect.deployments.runner import RunnerDeployment
from prefect.events import DeploymentEventTrigger
from prefect.schedules import Cron
from prefect.types.entrypoint import EntrypointType

from kpi_gate.files import project
from kpi_gate.orchestration import missed_runs
from kpi_gate.orchestration.deployments import Plan, plans
from kpi_gate.orchestration.lease import LEASE_SECONDS, Lease
from kpi_gate.orchestration.runner import REFUSED, SteadyRunner
from kpi_gate.orchestration.waiting import say, wait_for_server
from kpi_gate.orchestration.work_pools import CALL_RETRIES
from kpi_gate.record.lock import BusyError, one_schedule
from kpi_gate.text import failure
from kpi_gate.usecase.cron import fires
from kpi_gate.workspace import UnreachableError, Workspace

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0  # seconds between two attempts to serve
_GIVE_BACK_SECONDS = 3.0
_NEAR = timedelta(seconds=15)  # the server plans anew within five


def deployments() -> list[RunnerDeployment]:
    """Return the deployments of all use cases; of two runs at once the later is cancelled."""
    return [_deployment(plan) for plan in plans(say)]


def serve_all() -> None:
    """Run scheduled flows in this process's children until interrupted.

    Raises:
        BusyError: If another process does that already, of this home or for the same use cases.
    """
    workspace, stop = Workspace(), threading.Event()
    with one_schedule(workspace):
        beside = threading.Thread(
            target=missed_runs.watch, args=(workspace, say, stop), daemon=True
        )
        beside.start()
        try:
            keep_serving(deployments)
        finally:
            stop.set()


def keep_serving(asked: Callable[[], Sequence[RunnerDeployment]]) -> None:
    """Serve deployments until interrupted, and begin anew whatever ends the serving.

    Args:
        asked: Returns the deployments; asked again at every start.

    Raises:
        BusyError: If another home serves one of them on the same Prefect server.
        UnreachableError: If the server does not let this process in.
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
        except (BusyError, UnreachableError):
            raise
        except Exception as error:  # noqa: BLE001  (whatever it is, the schedule goes on)
            say(f"serving ended: {_root(error)}; again in {pause:.0f} s")
            time.sleep(pause)
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)  # the runner that handled it is gone
        lasted = time.monotonic() - began
        pause = _FIRST_PAUSE if lasted > _LONGEST_PAUSE else min(2 * pause, _LONGEST_PAUSE)


async def _serve(asked: Sequence[RunnerDeployment]) -> None:
    await _let_ticks_pass(asked)
    lease = Lease(Workspace(), {each.name for each in asked})
    try:
        await _take(lease)
        runner = SteadyRunner(say, lease)
        for deployment in asked:
            deployment.work_pool_name = deployment.work_queue_name = None  # whoever had it before
            await runner.aadd_deployment(deployment)
        say(f"serving {', '.join(f'{each.flow_name}/{each.name}' for each in asked)}")
        signal.signal(signal.SIGHUP, runner.handle_sigterm)  # the terminal is closed
        await runner.start()
    finally:
        if lease.held:
            await _give_back(lease)
    if runner.taken_over is not None:
        raise runner.taken_over


async def _take(lease: Lease) -> None:
    try:
        async with get_client() as client:
            await lease.hold(client)
    except httpx.HTTPStatusError as error:
        if error.response.status_code not in REFUSED:
            raise
        raise UnreachableError(
            f"Prefect at {os.environ['PREFECT_API_URL']} does not let this schedule in (HTTP "
            f"{error.response.status_code}): set PREFECT_API_AUTH_STRING to its user:password. The "
            f"server of `kpi-gate ui` lets in commands of its home; this is {Workspace().home}"
        ) from error


async def _give_back(lease: Lease) -> None:
    """Let another home serve at once; where the server does not answer, it may after a while."""
    try:
        async with asyncio.timeout(_GIVE_BACK_SECONDS), get_client() as client:
            await lease.release(client)
    except (TimeoutError, httpx.HTTPError) as error:
        say(f"another home may serve in {LEASE_SECONDS:.0f} s: {_root(error)}")


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


def _deployment(plan: Plan) -> RunnerDeployment:
    trigger = DeploymentEventTrigger(
        expect={plan.trigger},
        match={"prefect.resource.id": plan.resource},
        parameters=plan.parameters,
    )
    made = (
        project.here()
        .flow(plan.flow)
        .to_deployment(
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
    )
    return cast("RunnerDeployment", made)


def _root(error: BaseException) -> str:
    """Return the first cause in a nest of groups, in one line."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return failure(error)
