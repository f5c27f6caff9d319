"""Heal what an outage left: missed ticks run once, and runs whose process is gone run again."""

import re
import subprocess
from collections import defaultdict
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterEndTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.states import Cancelled, Crashed

AGAIN = "again "  # begins the idempotency key of a run that repeats another
STOPPED = "Runner is shutting down."  # what Prefect's runner says of the runs that it ends
_FLOW_RUN = re.compile(rb"PREFECT__FLOW_RUN_ID=([0-9a-f-]{36})")
_BEGUN = (StateType.PENDING, StateType.RUNNING, StateType.CANCELLING)
_NOT_BEGUN = (StateType.SCHEDULED, StateType.CANCELLED)
_MOST = 200  # runs that the server lists at once
_GRACE = timedelta(minutes=1)  # a run that was submitted a moment ago has no process yet
_LATELY, _LONG_AGO = timedelta(hours=1), timedelta(days=62)


async def heal(client: PrefectClient, served: Collection[UUID], *, starting: bool) -> list[str]:
    """Bring the served deployments' runs in order; return a sentence for each thing done.

    Args:
        client: Client of the Prefect server.
        served: Deployments that this process alone serves.
        starting: Whether this process has started no run yet: then a run without a process is
            lost, however new it is, and one that came to no end may be long ago.
    """
    now = datetime.now(UTC)
    done = await crash_lost(client, served, now - (timedelta() if starting else _GRACE))
    done += await run_again(client, served, now - (_LONG_AGO if starting else _LATELY))
    return done + await keep_newest(client, served)


async def keep_newest(client: PrefectClient, served: Collection[UUID]) -> list[str]:
    """Leave the newest of each deployment's due ticks and cancel the others.

    Where a run is in flight Prefect cancels them all, and says that it is for that reason.
    """
    due = await client.get_scheduled_flow_runs_for_deployments(list(served), datetime.now(UTC))
    ticks: defaultdict[UUID | None, list[FlowRun]] = defaultdict(list)
    for run in due:
        if run.auto_scheduled and not run.run_count:
            ticks[run.deployment_id].append(run)
    several = [cast("UUID", each) for each, runs in ticks.items() if len(runs) > 1]
    flying = await _runs(client, several, _BEGUN) if several else []
    done = []
    for each in {*several} - {run.deployment_id for run in flying}:
        *missed, newest = sorted(ticks[each], key=_expected)
        words = f"missed; run once by the tick of {_expected(newest):%Y-%m-%d %H:%M} UTC"
        for run in missed:
            await client.set_flow_run_state(run.id, Cancelled(message=words))
            done.append(f"tick of {_expected(run):%Y-%m-%d %H:%M} UTC: {words}")
    return done


async def crash_lost(
    client: PrefectClient, served: Collection[UUID], before: datetime
) -> list[str]:
    """End the runs begun before a moment that have no process here, so that their slot is free."""
    alive = flow_runs_alive()
    words = "its process is gone: the machine, or the schedule with all it had started, was stopped"
    done = []
    for run in await _runs(client, served, _BEGUN):
        state = run.state
        if state is None or run.id in alive or run.work_pool_name or state.timestamp > before:
            continue
        end: State[None] = Crashed(message=words)
        if state.type == StateType.CANCELLING:
            end = Cancelled(message=words)
        await client.set_flow_run_state(run.id, end, force=True)
        done.append(f"{run.name}: {words}")
    return done


async def run_again(client: PrefectClient, served: Collection[UUID], since: datetime) -> list[str]:
    """Repeat once, as of now, a deployment's last run if it came to no end since a moment."""
    ended = FlowRunFilterEndTime.model_validate({"after_": since})
    lost = {
        cast("UUID", run.deployment_id)
        for run in await _runs(client, served, (StateType.CRASHED, StateType.CANCELLED), ended)
        if _came_to_no_end(run)
    }
    if not lost:
        return []
    due = await client.get_scheduled_flow_runs_for_deployments(list(served), datetime.now(UTC))
    done = []
    for deployment in lost - {run.deployment_id for run in due}:
        last = await _last_begun(client, deployment)
        if last is None or not _came_to_no_end(last):
            continue
        if (last.idempotency_key or "").startswith(AGAIN):
            continue  # twice is enough: whoever looks at it finds two runs that say why
        again = await client.create_flow_run_from_deployment(
            deployment, parameters=last.parameters, idempotency_key=f"{AGAIN}{last.id}"
        )
        done.append(f"{last.name} came to no end: run again as {again.name}")
    return done


def flow_runs_alive() -> set[UUID]:
    """Return the flow runs that have a process on this machine."""
    if Path("/proc/self/environ").exists():
        texts = [_read(path) for path in Path("/proc").glob("[0-9]*/environ")]
    else:
        listed = subprocess.run(["ps", "axeww", "-o", "command="], capture_output=True, check=True)
        texts = [listed.stdout]
    return {UUID(found.decode()) for text in texts for found in _FLOW_RUN.findall(text)}


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # it ended meanwhile, or is another user's
        return b""


def _expected(run: FlowRun) -> datetime:
    if run.expected_start_time is None:
        raise ValueError(f"flow run {run.id} is scheduled for no time")
    return run.expected_start_time


def _came_to_no_end(run: FlowRun) -> bool:
    state = run.state
    if state is None:
        return False
    stopped = state.type == StateType.CANCELLED and state.message == STOPPED
    return state.type == StateType.CRASHED or stopped


async def _last_begun(client: PrefectClient, deployment: UUID) -> FlowRun | None:
    """Return the newest run of a deployment that was begun; a tick that was cancelled never was."""
    for run in await _runs(client, [deployment]):
        state = run.state
        if state and (state.type not in _NOT_BEGUN or state.message == STOPPED):
            return run
    return None


async def _runs(
    client: PrefectClient,
    served: Collection[UUID],
    types: Collection[StateType] = (),
    ended: FlowRunFilterEndTime | None = None,
) -> list[FlowRun]:
    """Return the newest runs first."""
    state = FlowRunFilterState(type=FlowRunFilterStateType(any_=list(types))) if types else None
    return await client.read_flow_runs(
        flow_run_filter=FlowRunFilter(state=state, end_time=ended),
        deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=list(served))),
        sort=FlowRunSort.EXPECTED_START_TIME_DESC,
        limit=_MOST,
    )
