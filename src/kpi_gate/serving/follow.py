"""Who is champion, as the ledger says it: MLflow's alias is only a claim about it.

It is read again and again beside the answers, so it reads only rows that came since, and of a
database in a file only when that file has changed.
"""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from pydantic import AwareDatetime, ValidationError

from kpi_gate.decision.frozen import Frozen
from kpi_gate.files.state_file import read_state, write_state
from kpi_gate.record.ledger import Entry, Ledger, LedgerError, open_ledger
from kpi_gate.record.ledger_view import LedgerView
from kpi_gate.record.prepared_databases import sqlite_file
from kpi_gate.record.registered import ModelError
from kpi_gate.serving import places
from kpi_gate.text import mapping
from kpi_gate.workspace import Workspace

MOVED = ("done", "rollback")  # rows that say that the champion is another now
EXPORT, EXPORTS = "export", "exports"  # in such a row
_OF_PLAN = ("salt", "treatment_share", "control", "treatment")


class Release(Frozen):
    """A version that may be served.

    Attributes:
        version: Such as `v3`.
        digest: Digest of its model and card, as its decision recorded it.
        export: Fingerprint of its export; empty where it was promoted before there were any.
    """

    version: str
    digest: str
    export: str = ""


class Running(Frozen):
    """An experiment that was started and has not ended.

    Attributes:
        name: Of the experiment.
        salt: What units are hashed with.
        treatment_share: Share of the units that get the treatment.
        control: Version of one arm; `baseline` for the rule of thumb.
        treatment: Version of the other.
    """

    name: str
    salt: str
    treatment_share: float
    control: str
    treatment: str


class Standing(Frozen):
    """What the ledger says of one use case.

    Attributes:
        champion: In use; None where the rule of thumb is.
        previous: The champion before, for an instant return; None where there was none.
        others: Versions that an experiment needs beside them.
        since: When the champion came into use, UTC; None where none ever did.
        rolled_back: Whether it came into use by a rollback, which takes no steps.
        experiment: What runs; None where nothing does.
        row: Number of the ledger's last row of the use case.
        row_hash: Its hash.
    """

    champion: Release | None = None
    previous: Release | None = None
    others: tuple[Release, ...] = ()
    since: AwareDatetime | None = None
    rolled_back: bool = False
    experiment: Running | None = None
    row: int = 0
    row_hash: str = ""

    @property
    def releases(self) -> list[Release]:
        """All versions that must be loaded, each once."""
        named = (self.champion, *self.others, self.previous)
        return list({one.version: one for one in named if one is not None}.values())


class Follower:
    """Reads what the ledger says of some use cases, each time it is asked.

    Attributes:
        fault: Why the ledger could not be read the last time; empty where it could.
    """

    def __init__(self, workspace: Workspace, use_cases: Sequence[str]) -> None:
        self.workspace, self.fault = workspace, ""
        self._views = dict.fromkeys(use_cases, None)  # type: dict[str, LedgerView | None]
        self._ledger: Ledger | None = None
        self._standings: dict[str, Standing] = {}
        self._seen: object = None

    def look(self) -> Mapping[str, Standing]:
        """Return what the ledger says of each use case; where it cannot be read, what it said last.

        What it said is kept on disk too: a server that starts while the ledger is away goes on
        with it. A use case of which nothing was ever known is not in the answer.
        """
        mark = self._mark()
        if mark is not None and mark == self._seen:
            return self._standings
        try:
            found = self._read()
        except (LedgerError, ModelError, OSError) as error:
            self.fault = " ".join(str(error).split())
            self._ledger, self._views = None, dict.fromkeys(self._views)
            for name in self._views:
                if name not in self._standings:
                    kept = _kept(self.workspace, name)
                    if kept is not None:
                        self._standings[name] = kept
            return self._standings
        self.fault, self._seen = "", mark
        for name, standing in found.items():
            if standing != self._standings.get(name):
                _keep(self.workspace, name, standing)
        self._standings = found
        return found

    def _mark(self) -> object:
        """Return what changes when rows are added; None where only a question would tell."""
        path = sqlite_file(self.workspace.ledger_url)
        if path is None:
            return None
        marks: list[tuple[int, int, int] | None] = []
        for name in (path, path.with_name(f"{path.name}-wal")):
            try:
                found = os.stat(name)  # noqa: PTH116  (four times a second)
            except OSError:
                marks.append(None)
            else:
                marks.append((found.st_ino, found.st_mtime_ns, found.st_size))
        return tuple(marks)

    def _read(self) -> dict[str, Standing]:
        if self._ledger is None:
            self._ledger = open_ledger(self.workspace)
        rows, now = self._ledger.entries(), datetime.now(UTC)
        found = {}
        for name, known in self._views.items():
            view = known or LedgerView(self._ledger, name, now)
            self._views[name] = view
            found[name] = standing(view.take(rows))
        return found


def standing(view: LedgerView) -> Standing:
    """Return what the rows of one use case come to.

    Raises:
        LedgerError: If a row does not count: nothing moves until a person has looked.
        ModelError: If no decision registered what is in use.
    """
    for fault in view.faults.values():
        raise LedgerError(fault)
    exports = _exports(view.entries)

    def release(version: str) -> Release | None:
        if not version or version == "baseline":
            return None
        judged = view.judged(version)
        return Release(version=version, digest=judged.digest, export=exports.get(version, ""))

    moves = [e for e in view.entries if e.kind in MOVED and e.number not in view.uncounted]
    last = moves[-1] if moves else None
    before = str(view.standing[-1].body["from"]) if view.standing else ""
    running = _running(view)
    sides = () if running is None else (running.control, running.treatment)
    others = [one for one in map(release, sides) if one is not None]
    end = view.entries[-1] if view.entries else None
    return Standing(
        champion=release(view.champion),
        previous=release(before),
        others=tuple(others),
        since=None if last is None else last.at,
        rolled_back=last is not None and last.kind == "rollback",
        experiment=running,
        row=0 if end is None else end.number,
        row_hash="" if end is None else end.hash,
    )


def _exports(entries: Sequence[Entry]) -> dict[str, str]:
    """Return the fingerprint of each version's export, as the newest row about it says."""
    found: dict[str, str] = {}
    for entry in entries:
        if entry.kind in MOVED and entry.body.get(EXPORT):
            found[str(entry.body["version"])] = str(entry.body[EXPORT])
        elif entry.kind == "experiment_start":
            found |= {str(k): str(v) for k, v in mapping(entry.body.get(EXPORTS)).items()}
    return found


def _running(view: LedgerView) -> Running | None:
    name = view.experiments.running
    if not name:
        return None
    plan: Mapping[str, Any] = mapping(view.experiments.planned[name].body.get("plan"))
    return Running.model_validate({"name": name, **{k: plan[k] for k in _OF_PLAN}})


def _keep(workspace: Workspace, use_case: str, what: Standing) -> None:
    with suppress(OSError):  # a full disk: what is in memory still goes
        write_state(places.confirmed(workspace, use_case), what.model_dump(mode="json"))


def _kept(workspace: Workspace, use_case: str) -> Standing | None:
    content = read_state(places.confirmed(workspace, use_case))
    try:
        return None if content is None else Standing.model_validate(content)
    except ValidationError:  # of another version of kpi-gate
        return None
