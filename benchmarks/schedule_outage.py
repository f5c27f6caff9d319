"""Kill the Prefect server under a running schedule, and the schedule under a running flow.

`python -m benchmarks.schedule_outage` takes about ten minutes: real processes, a cron that fires
every minute, one flow that is done in seconds and one that outlasts two ticks. It prints every tick
by its final state. A tick is lost where it is neither completed nor cancelled with a reason.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import cast
from urllib.error import URLError
from urllib.request import urlopen

from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import (
    ConcurrencyLimitConfig,
    ConcurrencyLimitStrategy,
    FlowRun,
    StateType,
)
from prefect.client.schemas.sorting import FlowRunSort
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Cron
from prefect.settings import PREFECT_API_URL, temporary_settings

from kpi_gate.environment import ENVIRONMENT

QUICK = 5  # seconds
ENDED = (StateType.COMPLETED, StateType.CANCELLED)


@flow(name="outage")
def work(name: str, seconds: int) -> str:
    """Take so many seconds, in steps that each ask the server."""
    from prefect import task

    @task
    def rest(share: float) -> None:
        time.sleep(share)

    for _ in range(5):
        rest(seconds / 5)
    return name


def deployments(long: int) -> list[RunnerDeployment]:
    """Return one deployment a length, each every minute."""
    once = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)
    made = [
        work.to_deployment(
            name=name,
            parameters={"name": name, "seconds": seconds},
            schedule=Cron("* * * * *", timezone="UTC"),
            concurrency_limit=once,
        )
        for name, seconds in {"quick": QUICK, "long": long}.items()
    ]
    return cast("list[RunnerDeployment]", made)


def main() -> None:
    """Play the story and print the ticks; exit code 1 where one is lost."""
    options = ArgumentParser(description=__doc__)
    options.add_argument("--serve", action="store_true", help="(the schedule's own process)")
    options.add_argument("--port", type=int, default=4290)
    options.add_argument("--long", type=int, default=130, help="Seconds of the long flow.")
    options.add_argument("--outage", type=float, default=100, help="Seconds without a server.")
    given = options.parse_args()
    if given.serve:
        from kpi_gate.orchestration.schedule import keep_serving

        keep_serving(partial(deployments, given.long))
        return
    with tempfile.TemporaryDirectory() as home:
        lost = play(Path(home), given.port, given.outage, given.long)
    sys.exit(1 if lost else 0)


def play(home: Path, port: int, outage: float, long: int) -> int:
    """Play the story; return the number of ticks that were lost."""
    api = f"http://127.0.0.1:{port}/api"
    place = {**ENVIRONMENT, "PREFECT_HOME": str(home), "PREFECT_API_URL": api}
    serve = [sys.executable, "-m", "benchmarks.schedule_outage", "--serve", "--long", str(long)]
    server = [str(Path(sys.executable).parent / "prefect"), "server", "start", "--port", str(port)]
    began = datetime.now(UTC)
    with running(serve, place) as schedule:  # before there is a server
        tell("schedule started, no server yet")
        time.sleep(10)
        with running(server, place, home / "server-1.log"):
            wait(api)
            tell("server up")
            time.sleep(60)
            until_in_flight(api)
            tell("server killed, with a flow run in flight")
        time.sleep(outage)
        with running(server, place, home / "server-2.log"):
            wait(api)
            tell("server back")
            time.sleep(long + 30)
            until_in_flight(api)
            os.killpg(schedule.pid, signal.SIGKILL)
            tell("schedule killed with its flow runs")
            time.sleep(70)
            with running(serve, place):
                tell("schedule started again")
                time.sleep(long + 90)
                return count(api, began, datetime.now(UTC))


@contextmanager
def running(
    command: list[str], place: dict[str, str], log: Path | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process with all that it starts, and kill all of it at the end."""
    with log.open("wb") if log else nullcontext() as out:
        process = subprocess.Popen(
            command,
            env={**os.environ, **place},
            stdout=out,
            stderr=subprocess.STDOUT if out else None,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait(api: str) -> None:
    """Wait until the server answers."""
    while True:
        try:
            with urlopen(f"{api}/health", timeout=2):  # noqa: S310  (loopback, built above)
                return
        except (URLError, OSError):
            time.sleep(0.5)


def until_in_flight(api: str) -> None:
    """Wait until a long flow run has begun, and is far from its end."""
    running = FlowRunFilter.model_validate({"state": {"type": {"any_": [StateType.RUNNING]}}})
    soon = timedelta(seconds=15)
    with temporary_settings({PREFECT_API_URL: api}), get_client(sync_client=True) as client:
        while True:
            runs = client.read_flow_runs(flow_run_filter=running)
            begun = [run.start_time for run in runs if run.parameters["name"] == "long"]
            if any(start and soon < datetime.now(UTC) - start < 2 * soon for start in begun):
                return
            time.sleep(1)


def count(api: str, began: datetime, until: datetime) -> int:
    """Print the ticks of each deployment by final state; return how many were lost."""
    with temporary_settings({PREFECT_API_URL: api}), get_client(sync_client=True) as client:
        runs = client.read_flow_runs(sort=FlowRunSort.EXPECTED_START_TIME_ASC, limit=200)
        names = {each.id: each.name for each in client.read_deployments()}
    lost = 0
    for identity, name in names.items():
        mine = [run for run in runs if run.deployment_id == identity and due(run, until)]
        for run in mine:
            print(f"  {name:<6} {describe(run)}")
        ticks = [run for run in mine if run.auto_scheduled]
        hanging = [run for run in ticks[:-1] if run.state is None or run.state.type not in ENDED]
        repeated = {run.idempotency_key for run in mine}
        hanging = [run for run in hanging if f"again {run.id}" not in repeated]
        gaps = missing(ticks)
        lost += len(hanging) + gaps
        states = Counter(run.state_name for run in mine)
        print(f"{name}: {len(ticks)} ticks; {dict(states)}; lost {len(hanging)}, never made {gaps}")
    return lost


def due(run: FlowRun, until: datetime) -> bool:
    """Tell whether a run was expected by a moment."""
    return run.expected_start_time is not None and run.expected_start_time <= until


def missing(ticks: list[FlowRun]) -> int:
    """Count the minutes without a tick between the first and the last."""
    times = sorted(run.expected_start_time for run in ticks if run.expected_start_time)
    if not times:
        return 0
    return round((times[-1] - times[0]).total_seconds() / 60) + 1 - len(times)


def describe(run: FlowRun) -> str:
    """Return when a run was expected, when it began, and how it ended."""
    start = f"{run.start_time:%H:%M:%S}" if run.start_time else "never   "
    state = run.state
    words = (state.message or "").splitlines()[:1] if state else []
    kind = "tick" if run.auto_scheduled else "run "
    return f"{kind} {run.expected_start_time:%H:%M:%S} began {start} {run.state_name} {words}"


def tell(words: str) -> None:
    """Print what happens, with the time."""
    print(f"{datetime.now(UTC):%H:%M:%S}  {words}", flush=True)


if __name__ == "__main__":
    main()
