"""A Prefect runner that outlives its server and heals what an outage left, before every look."""

import sys
from collections.abc import Callable
from typing import Any, NoReturn, Self

import httpx
from prefect.runner import Runner

from flows import recovery


class SteadyRunner(Runner):
    """Prefect's own gives up after three failed looks, and ends the flow runs that it started.

    This one waits. Once the server is back and nothing is in flight, it stops by itself to be
    started anew, since its subscription to cancellations may be lost.

    Attributes:
        outage: Whether the server was away since the start.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        super().__init__(pause_on_shutdown=False)
        self.outage = False
        self._say = say

    async def __aenter__(self) -> Self:
        """Start as Prefect's own does, and put patience around its look for work."""
        await super().__aenter__()
        poller = self._scheduled_run_poller
        self._look = poller._get_and_submit_flow_runs
        poller._get_and_submit_flow_runs = self._look_patiently  # type: ignore[method-assign,assignment]
        await self._heal(starting=True)
        return self

    def handle_sigterm(self, *_: Any, **__: Any) -> NoReturn:
        """End at once, with what is in flight; the next start runs that again.

        Prefect's own would ask the server first, and never wait for its answer.
        """
        sys.exit(0)

    async def _look_patiently(self) -> None:
        try:
            await self._heal(starting=False)
            if self.outage and not self._scheduled_run_poller._submitting_flow_run_ids:
                self._say("Prefect answers again")
                await self.astop()
                return
            await self._look()
        except (httpx.TransportError, httpx.HTTPStatusError) as error:
            if not self.outage:
                self._say(f"Prefect does not answer ({type(error).__name__}); waiting for it")
            self.outage = True

    async def _heal(self, *, starting: bool) -> None:
        served = list(self._deployment_registry.get_deployment_ids())
        for sentence in await recovery.heal(self._client, served, starting=starting):
            self._say(sentence)
