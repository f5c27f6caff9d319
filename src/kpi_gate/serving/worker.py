"""One process that answers: it follows the ledger, holds what is loaded, says what it serves."""

import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any

from kpi_gate.decision.evidence import BASELINE
from kpi_gate.errors import ConfigurationError
from kpi_gate.files import project
from kpi_gate.serving import places, reports
from kpi_gate.serving.follow import Follower, Standing
from kpi_gate.serving.log.writer import DecisionLog, open_log
from kpi_gate.serving.options import ServeOptions, parent
from kpi_gate.serving.process_client import ProcessClient
from kpi_gate.serving.service import Service
from kpi_gate.serving.versions import Versions
from kpi_gate.usecase.serving_settings import ServingLog
from kpi_gate.usecase.settings import read_settings
from kpi_gate.workspace import Workspace

LOOK_SECONDS = 0.2  # between two looks at the ledger and at what was taken back
GUARD_SECONDS = 0.5  # between two looks at whether a canary does harm
RECHECK_SECONDS = 60.0  # between two scorings of the golden rows
_TELLER = "kpi_gate.orchestration.serving_notice"
logger = logging.getLogger("kpi_gate.serving")


class Worker:
    """One process that answers for some use cases.

    Attributes:
        options: How the server runs.
        workspace: Where files and services are.
        services: The use cases in service, by name.
        follower: Reads the ledger.
        ready: Whether every use case can answer.
        draining: Whether the process ends, and takes no new request.
    """

    def __init__(self, options: ServeOptions, workspace: Workspace) -> None:
        self.options, self.workspace = options, workspace
        self.follower = Follower(workspace, options.use_cases)
        self.process = ProcessClient(workspace.root)
        self.draining = False
        self._parent = parent()
        self._looking = asyncio.Lock()
        self.swaps: list[Callable[[str, str, str], None]] = []
        self.services = {name: self._service(name) for name in options.use_cases}
        self._standings: Mapping[str, Standing] = {}
        self._said: Mapping[str, reports.Served] = {}
        self._told: set[tuple[str, str]] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._taking: dict[str, asyncio.Task[None]] = {}  # what is taken up, by use case

    def _service(self, name: str) -> Service:
        path = project.here().use_cases / f"{name}.yaml"
        settings = read_settings(path).served()
        log = self._log(name, settings.log) if self.options.log else None
        versions = Versions(self.workspace, name, self.process)

        def swapped(before: str, after: str) -> None:
            logger.info("swapped", extra={"use_case": name, "from": before, "to": after})
            for each in self.swaps:
                each(name, before, after)

        return Service(name, settings, versions, log, swapped, _name())

    def _log(self, name: str, said: ServingLog) -> DecisionLog:
        url = self.workspace.serving_log_url.get_secret_value() if said.sql else ""
        if said.sql and not url:
            raise ConfigurationError(
                f"use case {name}: serving.log.sql == true: no database: set "
                "KPI_GATE_SERVING_LOG_URL"
            )
        folder = places.log(self.workspace, name)
        return open_log(folder, worker=_name(), values=said.values, sql_url=url)

    @property
    def ready(self) -> bool:
        """Whether every use case can answer, and the process goes on."""
        known = (service.current for service in self.services.values())
        return not self.draining and all(one is not None and one.usual for one in known)

    def served(self) -> dict[str, reports.Served]:
        """Return what this worker says of each use case."""
        return {
            name: service.served(self._standings.get(name), self.follower.faults[name])
            for name, service in self.services.items()
        }

    def standing(self, name: str) -> Standing | None:
        """Return what the ledger says of a use case; None where that was never known."""
        return self._standings.get(name)

    def told(self) -> dict[str, Any]:
        """Return what a person is told of what is served."""
        return {name: service.told() for name, service in self.services.items()}

    def faults(self) -> list[str]:
        """Return what is not as it should be; what is served goes on all the same."""
        found = []
        for name, service in self.services.items():
            parts = [self.follower.faults[name], service.returns.fault, service.suspended]
            parts += [f"{one} is not loaded: {why}" for one, why in service.versions.faults.items()]
            parts += service.own_faults()
            found += [f"{name}: {words}" for words in parts if words]
        return found

    async def start(self) -> None:
        """Load what the ledger says, and follow it from now on."""
        await self.look()
        self._say(always=True)
        self._tasks = [
            asyncio.create_task(self._every(LOOK_SECONDS, self._begin)),
            asyncio.create_task(self._every(reports.EVERY_SECONDS, self._repeat)),
            asyncio.create_task(self._every(GUARD_SECONDS, self._guard)),
            asyncio.create_task(self._every(RECHECK_SECONDS, self._recheck)),
        ]

    async def stop(self) -> None:
        """Finish the logs, end the model process, and say nothing any more."""
        self.draining = True
        for task in (*self._tasks, *self._taking.values()):
            task.cancel()
        await asyncio.gather(*self._tasks, *self._taking.values(), return_exceptions=True)
        await asyncio.gather(*(one.recorder.stop() for one in self.services.values()))
        await asyncio.gather(*(asyncio.to_thread(one.close) for one in self.services.values()))
        await self.process.stop()
        reports.withdraw(self.workspace)

    async def _every(self, seconds: float, act: Callable[[], Coroutine[Any, Any, None]]) -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                await act()
            except Exception:
                logger.exception("a look failed; the next one follows")

    async def look(self) -> None:
        """Take up what the ledger and the returns say by now."""
        await asyncio.gather(*self._taking.values())  # what began before may not know of it
        await self._begin()
        await asyncio.gather(*self._taking.values())

    async def _begin(self) -> None:
        """Begin to take up what is said by now; what is slow to load keeps no other one waiting."""
        async with self._looking:
            self._standings = await asyncio.to_thread(self.follower.look)
            for name in self.services:
                if name not in self._taking or self._taking[name].done():
                    self._taking[name] = asyncio.create_task(self._take_up(name))

    async def _take_up(self, name: str) -> None:
        service, standing = self.services[name], self._standings.get(name)
        if standing is not None:
            try:
                await service.follow(standing)
                await service.watch(standing)
            except Exception:
                logger.exception("what is new could not be taken up; the next look tries again")
            self._tell_faults(name, service)
        self._say()

    async def _guard(self) -> None:
        """Send everybody back from a canary that does harm."""
        for service in self.services.values():
            if await service.guard.look():
                await self.look()

    async def _repeat(self) -> None:
        # where it was killed, nobody would end this one
        if self._parent and os.getppid() != self._parent:
            logger.error("the server's first process has ended, and so does this one")
            os.kill(os.getpid(), signal.SIGTERM)
        self._say(always=True)

    async def _recheck(self) -> None:
        """Score the golden rows of what is loaded again; what differs is served no more."""
        for service in self.services.values():
            for version, fault in (await service.versions.recheck()).items():
                service.versions.drop(version, fault)
                service.forget()

    def _say(self, *, always: bool = False) -> None:
        said = self.served()
        if always or said != self._said:
            self._said = said
            with suppress(OSError):  # a full disk: what is served goes on
                reports.write_report(self.workspace, self.options.address, said)

    def _tell_faults(self, name: str, service: Service) -> None:
        """Let a person be told of what could not be loaded, once by all workers together."""
        for version, words in service.versions.faults.items():
            if (version, words) in self._told or version == BASELINE:
                continue
            self._told.add((version, words))
            logger.error("not loaded", extra={"use_case": name, "version": version, "why": words})
            subprocess.Popen(
                [sys.executable, "-m", _TELLER, name, version, words],
                cwd=self.workspace.root,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )


def _name() -> str:
    """Return what this process is called."""
    return f"{socket.gethostname()}-{os.getpid()}"
