"""The versions that a worker holds: each is loaded beside the others, and believed only then."""

import asyncio
import logging
import os
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from kpi_gate.serving import places
from kpi_gate.serving.errors import ExportError, ProcessError
from kpi_gate.serving.follow import Release
from kpi_gate.serving.predictor import NEEDS_PROCESS, Predictor, load_export
from kpi_gate.serving.process_client import ProcessClient
from kpi_gate.text import last_line
from kpi_gate.workspace import Workspace

AGAIN_SECONDS = 30.0  # until what could not be loaded is tried again
MAKE_SECONDS = 120.0
_MAKER = "kpi_gate.serving.export_one"
Rows = Sequence[Mapping[str, Any]]
logger = logging.getLogger("kpi_gate.serving")


class One(NamedTuple):
    """What a version does on one row, as `Made` says it."""

    score: float | None
    action: float
    propensity: float
    fault: str
    advantage: float | None
    level: str | None


class Made(NamedTuple):
    """What a version does on rows; one entry a row.

    Attributes:
        score: Probability of outcome 1; None where there is none.
        action: What to do; of levels, the place of the one that was drawn.
        propensity: Chance with which the version does that.
        fault: Why the rule of thumb stands in; empty where the version decided.
        advantage: Money by which acting is worth more; None where nothing is weighed.
        level: What was drawn, where the policy chooses among levels; None where it does not.
    """

    score: list[float | None]
    action: list[float]
    propensity: list[float]
    fault: list[str]
    advantage: list[float | None]
    level: list[str] | None = None

    def rows(self) -> list[One]:
        """Return the same row by row."""
        level: Sequence[str | None] = self.level or [None] * len(self.action)
        columns = (self.score, self.action, self.propensity, self.fault, self.advantage, level)
        return [One(*each) for each in zip(*columns, strict=True)]


class Version:
    """One version that is loaded.

    Attributes:
        name: Such as `v3`.
        predictor: Its export.
        key: What it is called in the model process.
    """

    def __init__(self, name: str, predictor: Predictor, process: ProcessClient) -> None:
        self.name, self.predictor, self._process = name, predictor, process
        self.key = f"{predictor.manifest.use_case}/{name}"

    @property
    def compiled(self) -> bool:
        """Whether it runs in this process."""
        return self.predictor.manifest.compiled

    @property
    def needs_process(self) -> bool:
        """Whether the model process has to hold it too: for the model, or the rule of thumb."""
        return not (self.compiled and self.predictor.manifest.light_rule)

    def decide_here(self, rows: Rows) -> Made | None:
        """Decide without waiting; None where the model process must be asked."""
        if not self.compiled:
            return None
        found = self.predictor.decide(rows)
        return None if NEEDS_PROCESS in found.action else Made(*found)

    async def decide(self, rows: Rows) -> Made:
        """Decide with the help of the model process.

        Where it gives no answer the rule of thumb stands in, as for a row that cannot be scored.

        Raises:
            ProcessError: If it gives no answer, and the rule of thumb needs it too.
        """
        if not self.compiled:
            try:
                return _made(await self._process.decide(self.key, rows), len(rows))
            except ProcessError as error:
                light = self.predictor.rule_of_thumb(rows)
                if light is None:
                    raise
                said = {"action": light, "propensity": [1.0] * len(rows)}
                return _made({**said, "fault": [str(error)] * len(rows)}, len(rows))
        here = self.predictor.decide(rows)
        ask = [place for place, action in enumerate(here.action) if action == NEEDS_PROCESS]
        ruled = await self._process.rule(self.key, [rows[place] for place in ask])
        for place, action in zip(ask, ruled["action"], strict=True):
            here.action[place] = action
        return Made(*here)

    async def rule_of_thumb(self, rows: Rows) -> Made:
        """Do what the business does without a model.

        Raises:
            ProcessError: If the model process must be asked, and gives no answer.
        """
        light = self.predictor.rule_of_thumb(rows)
        if light is None:
            return _made(await self._process.rule(self.key, rows), len(rows))
        return _made({"action": light, "propensity": [1.0] * len(rows)}, len(rows))


def _made(found: Mapping[str, Any], rows: int) -> Made:
    nothing: list[float | None] = [None] * rows
    return Made(
        found.get("score") or nothing,
        found["action"],
        found["propensity"],
        found.get("fault") or [""] * rows,
        found.get("advantage") or nothing,
        found.get("level"),
    )


class Versions:
    """The versions of one use case that this worker has loaded.

    Attributes:
        faults: Why a version could not be loaded, by its name.
    """

    def __init__(self, workspace: Workspace, use_case: str, process: ProcessClient) -> None:
        self.workspace, self.use_case, self._process = workspace, use_case, process
        self._held: dict[str, Version] = {}
        self._again: dict[str, float] = {}
        self._made: dict[str, str] = {}  # fingerprint of what was made here, by version
        self.faults: dict[str, str] = {}

    @property
    def held(self) -> Mapping[str, Version]:
        """What is loaded, by name."""
        return self._held

    @property
    def due(self) -> bool:
        """Whether what could not be loaded is to be tried again."""
        return any(time.monotonic() >= at for at in self._again.values())

    async def load(self, wanted: Iterable[str], known: Mapping[str, Release]) -> None:
        """Load what is wanted and not there; what cannot be loaded is in `faults` then.

        Args:
            wanted: Versions.
            known: What is on record of them.
        """
        for name in wanted:
            if name in self._held or time.monotonic() < self._again.get(name, 0.0):
                continue
            try:
                if name not in known:
                    raise ExportError(f"{name}: the ledger does not know it")
                self._held[name] = await self._load(known[name])
            except (ExportError, OSError) as error:
                self.faults[name] = " ".join(str(error).split())
                self._again[name] = time.monotonic() + AGAIN_SECONDS
            else:
                self.faults.pop(name, None)
                self._again.pop(name, None)

    async def keep(self, wanted: Sequence[str]) -> None:
        """Let go of all versions but these."""
        for name in [name for name in self._held if name not in wanted]:
            await self._process.unload(self._held.pop(name).key)
        for name in [name for name in self.faults if name not in wanted]:
            del self.faults[name]
            self._again.pop(name, None)

    async def recheck(self) -> dict[str, str]:
        """Score the golden rows of all versions again; return what differs, by version."""
        found = {}
        for name, version in list(self._held.items()):
            fault = await asyncio.to_thread(version.predictor.recheck)
            if not fault and version.needs_process:
                fault = await self._process.recheck(version.key)
            if fault:
                found[name] = fault
        return found

    def drop(self, name: str, fault: str) -> None:
        """Let go of a version that does not score as it did."""
        self._held.pop(name, None)
        self.faults[name] = fault
        self._again[name] = time.monotonic() + AGAIN_SECONDS

    async def _load(self, release: Release) -> Version:
        folder = places.export(self.workspace, self.use_case, release.version, release.digest)
        wanted = self._made.get(release.version, release.export)
        try:
            predictor = await self._read(folder, release, wanted)
        except ExportError as error:
            # another machine made it, another version of kpi-gate, or it was spoilt
            logger.warning("made anew", extra={"version": release.version, "why": str(error)})
            self._made[release.version] = await self._make(release)
            predictor = await self._read(folder, release, self._made[release.version])
        version = Version(release.version, predictor, self._process)
        if version.needs_process:
            fault = await self._process.load(version.key, str(folder), self.use_case)
            if fault:
                raise ExportError(f"{release.version}: {fault}")
        return version

    @staticmethod
    async def _read(folder: Path, release: Release, fingerprint: str) -> Predictor:
        predictor = await asyncio.to_thread(load_export, folder, fingerprint=fingerprint)
        if predictor.digest != release.digest:
            raise ExportError(f"{folder}: digest {predictor.digest}, not {release.digest}")
        return predictor

    async def _make(self, release: Release) -> str:
        """Let a process of its own fetch a version from the registry and export it.

        Returns:
            The fingerprint of what it has made of the files that the ledger names.
        """
        words = [sys.executable, "-m", _MAKER, self.use_case, release.version]
        process = await asyncio.create_subprocess_exec(
            *words,
            cwd=self.workspace.root,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            said, told = await asyncio.wait_for(process.communicate(), MAKE_SECONDS)
        except TimeoutError:
            process.kill()
            raise ExportError(f"{release.version}: no export within {MAKE_SECONDS:g} s") from None
        if process.returncode:
            last = last_line(told.decode(errors="replace"))
            raise ExportError(f"{release.version} cannot be exported: {last[:500]}")
        return said.decode().split()[-1]
