"""The page that Prometheus reads: of all workers of a server, whichever of them is asked."""

import asyncio
import os
import socket
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from kpi_gate.files.state_file import read_state, write_state
from kpi_gate.serving.http.metrics import Counts, Family, Kind
from kpi_gate.serving.service import Service
from kpi_gate.serving.worker import Worker

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
EVERY_SECONDS = 2.0  # a worker leaves its numbers for the others


class Scrape:
    """The numbers of a worker, and of the others of its server.

    Attributes:
        folder: Where workers leave their numbers for each other; of one worker there are no files.
    """

    def __init__(self, worker: Worker, counts: Counts, folder: Path) -> None:
        self.worker, self.counts, self.folder = worker, counts, folder
        self._own = f"{socket.gethostname()}-{os.getpid()}"

    def page(self) -> bytes:
        """Return all numbers as text; each series names its worker, by process."""
        found = {str(os.getpid()): self.families()}
        if self.worker.options.workers > 1:
            found |= self._others()
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Merged(found))
        return generate_latest(registry)

    def families(self) -> list[Family]:
        """Return the numbers of this worker."""
        for name, service in self.worker.services.items():
            for version, why in service.versions.faults.items():
                self.counts.not_loaded(name, version, why)
        return [*self.counts.families(), *self._gauges()]

    async def keep_leaving(self) -> None:
        """Leave the numbers for the other workers now and then, and take them away at the end."""
        path = self.folder / f"{self._own}.json"
        try:
            while self.worker.options.workers > 1:
                self.leave(path)
                await asyncio.sleep(EVERY_SECONDS)
        finally:
            with suppress(OSError):
                path.unlink(missing_ok=True)

    def leave(self, path: Path) -> None:
        """Write the numbers where the other workers look for them."""
        content = {"server": self.worker.options.address, "families": self.families()}
        with suppress(OSError):  # a full disk
            write_state(path, content)

    def _others(self) -> dict[str, list[Family]]:
        found = {}
        host = socket.gethostname()
        for path in self.folder.glob(f"{host}-*.json"):
            pid = path.stem.rpartition("-")[2]
            if path.stem == self._own or not pid.isdigit():
                continue
            if not Path(f"/proc/{pid}").exists() and Path("/proc/self").exists():
                with suppress(OSError):
                    path.unlink(missing_ok=True)
                continue
            content = read_state(path) or {}
            if content.get("server") == self.worker.options.address:
                found[pid] = [Family(*one) for one in content["families"]]
        return found

    def _gauges(self) -> Iterator[Family]:
        services = self.worker.services.items()
        for name, words, value in _GAUGES:
            end = "_total" if name.endswith("_total") else ""
            samples = [
                (end, {"use_case": one, **labels}, float(number))
                for one, service in services
                for labels, number in value(self.worker, service)
            ]
            kind: Kind = "counter" if end else "gauge"
            yield Family(f"kpi_gate_{name.removesuffix(end)}", words, kind, samples)


class _Merged(Collector):
    def __init__(self, found: dict[str, list[Family]]) -> None:
        self.found = found

    def collect(self) -> Iterable[Metric]:
        merged: dict[str, Metric] = {}
        for worker, families in self.found.items():
            for one in families:
                metric = merged.setdefault(one.name, Metric(one.name, one.help, one.kind))
                for end, labels, value in one.samples:
                    metric.add_sample(f"{one.name}{end}", {**labels, "worker": worker}, value)
        return merged.values()


Values = Iterable[tuple[dict[str, str], float]]


def _champion(worker: Worker, service: Service) -> Values:
    current = service.current
    held = None if current is None else current.versions.get(service.champion)
    compiled = "yes" if held is not None and held.compiled else "no"
    yield {"version": service.champion, "compiled": compiled}, 1


def _age(worker: Worker, service: Service) -> Values:
    standing = worker.standing(service.name)
    if standing is not None and standing.since is not None:
        yield {}, (datetime.now(UTC) - standing.since).total_seconds()


def _value(worker: Worker, service: Service) -> Values:
    standing = worker.standing(service.name)
    if standing is not None and standing.worth is not None:
        labels = {"version": standing.worth.champion, "unit": standing.worth.unit}
        yield labels, standing.worth.per_decision


def _followed(worker: Worker, service: Service) -> Values:
    yield {}, not worker.follower.faults[service.name]


def _loaded(worker: Worker, service: Service) -> Values:
    yield {}, len(service.versions.held)


def _not_loaded(worker: Worker, service: Service) -> Values:
    yield {}, len(service.versions.faults)


def _memory(worker: Worker, service: Service) -> Values:
    yield {}, sum(one.predictor.nbytes for one in service.versions.held.values())


def _golden(worker: Worker, service: Service) -> Values:
    yield {}, not any("golden" in why for why in service.versions.faults.values())


def _of_log(name: str) -> Any:
    def value(worker: Worker, service: Service) -> Values:
        if service.log is not None:
            yield {}, getattr(service.log.state, name)

    return value


def _log_works(worker: Worker, service: Service) -> Values:
    if service.log is not None:
        yield {}, not service.log.state.fault


_GAUGES = (
    ("champion", "1 for the version that answers as champion", _champion),
    ("model_age_seconds", "Time since the champion was promoted, in seconds", _age),
    ("value_per_decision", "What the newest look found a decision to earn, in its unit", _value),
    ("ledger_followed", "1 where the ledger could be read the last time", _followed),
    ("versions_loaded", "Versions in memory", _loaded),
    ("versions_not_loaded", "Versions that are wanted and cannot be loaded", _not_loaded),
    ("versions_bytes", "Memory that the versions take, about", _memory),
    ("golden_rows_hold", "1 where all versions decide their golden rows as they did", _golden),
    ("log_works", "1 where decisions reach the disk", _log_works),
    ("log_waiting", "Decisions that are not on disk yet", _of_log("waiting")),
    (
        "log_oldest_waiting_seconds",
        "How long the oldest of them waits, in seconds",
        _of_log("oldest_waiting_seconds"),
    ),
    ("log_written_total", "Decisions on disk since the start", _of_log("written")),
    ("log_dropped_total", "Decisions that were never logged", _of_log("dropped")),
)
