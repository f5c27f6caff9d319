"""A Prefect runner that outlives its server, heals outages, and runs only the code at hand."""

import json
import os
import shlex
import sys
from collections.abc import Callable
from typing import Any, NoReturn, Self
from uuid import UUID

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.deployments.runner import RunnerDeployment
from prefect.flows import Flow, load_flow_from_entrypoint
from prefect.runner import Runner
from prefect.runner._starter_engine import EngineCommandStarter
from prefect.states import Cancelled

from kpi_gate.orchestration import flow_recovery, trust
from kpi_gate.orchestration.lease import Lease
from kpi_gate.record.lock import BusyError

REFUSED = (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN)


class SteadyRunner(Runner):
    """Prefect's own gives up after three failed looks, and ends the flow runs that it started.

    This one waits. Once the server is back and nothing is in flight, it stops by itself to be
    started anew, since its subscription to cancellations may be lost. Prefect's own also runs what
    the server's record of a deployment says; this one runs what was added to it, nothing else.

    Attributes:
        outage: Whether the server was away since the start.
        taken_over: Why it stopped, where another home serves now.
    """

    def __init__(self, say: Callable[[str], None], lease: Lease) -> None:
        super().__init__(pause_on_shutdown=False)
        self.outage = False
        self.taken_over: BusyError | None = None
        self._say, self._lease = say, lease
        self._served: dict[UUID, RunnerDeployment] = {}

    async def aadd_deployment(self, deployment: RunnerDeployment) -> UUID:
        """Register a deployment, and keep what of it decides what is run."""
        identity = await super().aadd_deployment(deployment)
        async with get_client() as client:
            await trust.write(client, deployment)
        self._served[identity] = deployment
        return identity

    async def __aenter__(self) -> Self:
        """Start as Prefect's own does; be patient in its look for work, and choose what is run."""
        await super().__aenter__()
        poller = self._scheduled_run_poller
        self._look, self._due = poller._get_and_submit_flow_runs, poller._get_scheduled_flow_runs
        poller._get_and_submit_flow_runs = self._look_patiently  # type: ignore[method-assign,assignment]
        poller._get_scheduled_flow_runs = self._due_and_trusted  # type: ignore[method-assign]
        poller._resolve_starter = self._starter
        if self._hook_runner is not None:
            self._hook_runner._resolve_flow = self._flow_at_hand
        await self._heal(starting=True)
        return self

    def handle_sigterm(self, *_: Any, **__: Any) -> NoReturn:
        """End at once, with what is in flight; the next start runs that again.

        Prefect's own would ask the server first, and never wait for its answer.
        """
        sys.exit(0)

    async def _look_patiently(self) -> None:
        try:
            await self._lease.hold(self._client)
            await self._heal(starting=False)
            if self.outage and not self._scheduled_run_poller._submitting_flow_run_ids:
                self._say("Prefect answers again")
                await self.astop()
                return
            await self._look()
        except BusyError as error:
            self.taken_over = error
            await self.astop()
        except (httpx.TransportError, httpx.HTTPStatusError) as error:
            if not self.outage:
                self._say(f"Prefect {_trouble(error)}; waiting for it")
            self.outage = True

    async def _heal(self, *, starting: bool) -> None:
        served = list(self._deployment_registry.get_deployment_ids())
        for sentence in await flow_recovery.heal(self._client, served, starting=starting):
            self._say(sentence)

    async def _due_and_trusted(self) -> list[FlowRun]:
        """Return the runs that are due, and cancel those that ask for what is not served."""
        trusted = []
        for run in await self._due():
            reason = await self._mistrust(run)
            if not reason:
                trusted.append(run)
                continue
            await self._client.set_flow_run_state(run.id, Cancelled(message=reason), force=True)
            self._say(f"{run.name} was not run: {reason}")
        return trusted

    async def _mistrust(self, run: FlowRun) -> str:
        if run.deployment_id not in self._served:
            return "it is of a deployment that this schedule does not serve"
        deployment = self._served[run.deployment_id]
        record = await self._client.read_deployment(run.deployment_id)
        return trust.changed(deployment, record) or trust.asks_for_more(run, deployment.parameters)

    def _starter(self, flow_run: FlowRun) -> EngineCommandStarter:
        deployment = self._served_by(flow_run)
        words = [
            sys.executable,
            "-m",
            "kpi_gate.orchestration.flow_process",
            str(deployment.entrypoint),
        ]
        words += [json.dumps(deployment.parameters), str(os.getpid())]
        return EngineCommandStarter(
            tmp_dir=self._tmp_dir,
            entrypoint=deployment.entrypoint,
            command=shlex.join(words),
            deployment_name=deployment.name,
            control_channel=self._control_channel,
        )

    async def _flow_at_hand(self, run: FlowRun) -> Flow[..., Any]:
        return load_flow_from_entrypoint(
            str(self._served_by(run).entrypoint), use_placeholder_flow=False
        )

    def _served_by(self, run: FlowRun) -> RunnerDeployment:
        if run.deployment_id not in self._served:
            raise LookupError(f"flow run {run.id} is of no deployment that is served here")
        return self._served[run.deployment_id]


def _trouble(error: httpx.TransportError | httpx.HTTPStatusError) -> str:
    if isinstance(error, httpx.HTTPStatusError) and error.response.status_code in REFUSED:
        return f"refuses this schedule (HTTP {error.response.status_code}): is its secret another?"
    return f"does not answer ({type(error).__name__})"
