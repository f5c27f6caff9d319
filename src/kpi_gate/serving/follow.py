"""Who is champion, as the ledger says it: MLflow's alias is only a claim about it.

It is read again and again beside the answers, so it reads only rows that came since, and of a
database in a file only when that file has changed.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import NamedTuple

from pydantic import AwareDatetime, ValidationError

from kpi_gate.decision.evidence import BASELINE
from kpi_gate.decision.frozen import Frozen
from kpi_gate.decision.verdict import Verdict
from kpi_gate.files.state_file import Mark, mark_of, read_state, write_state
from kpi_gate.record.ledger import Entry, Ledger, LedgerError, open_ledger
from kpi_gate.record.ledger_view import LedgerView
from kpi_gate.record.prepared_databases import sqlite_file
from kpi_gate.record.registered import ModelError
from kpi_gate.serving import places
from kpi_gate.serving.errors import ServingError
from kpi_gate.serving.releases import Move, in_use
from kpi_gate.serving.running_experiment import running_experiment
from kpi_gate.serving.traffic import RunningExperiment
from kpi_gate.text import finite, mapping
from kpi_gate.workspace import Workspace

MOVED = ("done", "rollback")  # rows that say that the champion is another now
EXPORT, EXPORTS = "export", "exports"  # in such a row


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


class Earned(Frozen):
    """What a champion has earned since its promotion.

    Attributes:
        champion: Its name.
        per_decision: Money per decision.
        unit: Unit of the KPI, such as EUR.
    """

    champion: str
    per_decision: float
    unit: str


class Acted(NamedTuple):
    """How often two versions acted on the same rows.

    Attributes:
        before: The version that the champion was compared with; `baseline` for the rule of thumb.
        rate: Share of the rows on which the champion acted.
        rate_before: Share of the rows on which that one did.
    """

    before: str
    rate: float
    rate_before: float


class Standing(Frozen):
    """What the ledger says of one use case.

    Attributes:
        champion: Version in use; empty where the rule of thumb is.
        standing: The promotions that no rollback has taken back, oldest first: versions, and when,
            see `in_use`.
        known: What is on record of each of these versions, and of an experiment's.
        acted: How often champion and version before acted as the gate saw it; None where it does
            not say.
        experiment: What runs; None where nothing does.
        candidate: Version of the newest decision, where it is neither refused nor in use.
        row: Number of the ledger's last row of the use case.
        worth: What the newest look at the champion found a decision to earn; None where no look
            could say.
    """

    champion: str = ""
    standing: tuple[tuple[str, AwareDatetime], ...] = ()
    known: Mapping[str, Release] = {}
    acted: Acted | None = None
    experiment: RunningExperiment | None = None
    candidate: str = ""
    row: int = 0
    worth: Earned | None = None

    @property
    def since(self) -> datetime | None:
        """When the champion was promoted; a way back to it does not change that."""
        return self.standing[-1][1] if self.standing else None


class Follower:
    """Reads what the ledger says of some use cases, each time it is asked.

    Attributes:
        faults: Why a use case's rows could not be followed the last time; empty where they could.
    """

    def __init__(self, workspace: Workspace, use_cases: Sequence[str]) -> None:
        self.workspace, self.faults = workspace, dict.fromkeys(use_cases, "")
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
        except (LedgerError, OSError) as error:
            self._ledger, self._views = None, dict.fromkeys(self._views)
            found = dict.fromkeys(self._views, " ".join(str(error).split()))
        self._seen = mark if all(isinstance(one, Standing) for one in found.values()) else None
        for name, said in found.items():
            if isinstance(said, Standing):
                self.faults[name] = ""
                if said != self._standings.get(name):
                    self._standings[name] = said
                    _keep(self.workspace, name, said)
            else:
                self.faults[name] = said
                kept = self._standings.get(name) or _kept(self.workspace, name)
                if kept is not None:
                    self._standings[name] = kept
        return self._standings

    def _mark(self) -> object:
        """Return what changes when rows are added; None where only a question would tell."""
        path = sqlite_file(self.workspace.ledger_url)
        if path is None:
            return None
        marks: list[Mark | None] = [None, None]
        for place, file in enumerate((path, path.with_name(f"{path.name}-wal"))):
            with suppress(OSError):
                marks[place] = mark_of(file)
        return tuple(marks)

    def _read(self) -> dict[str, Standing | str]:
        """Return what the ledger says of each use case, or why its rows do not count."""
        if self._ledger is None:
            self._ledger = open_ledger(self.workspace)
        rows, now = self._ledger.entries(), datetime.now(UTC)
        found: dict[str, Standing | str] = {}
        for name, known in self._views.items():
            view = known or LedgerView(self._ledger, name, now)
            self._views[name] = view
            try:
                found[name] = standing_of(view.take(rows))
            except (LedgerError, ModelError, ServingError) as error:
                found[name] = " ".join(str(error).split())
        return found


def standing_of(view: LedgerView) -> Standing:
    """Return what the rows of one use case come to.

    Raises:
        LedgerError: If a row does not count: nothing moves until a person has looked.
        ServingError: If an experiment's plan is not what its name says.
        ModelError: If no decision registered what is in use.
    """
    for fault in view.faults.values():
        raise LedgerError(fault)
    exports = _exports(view.entries)

    def release(version: str) -> Release:
        judged = view.judged(version)
        return Release(version=version, digest=judged.digest, export=exports.get(version, ""))

    running = running_experiment(view.experiments)
    moves = (
        Move(str(entry.body["version"]), entry.at, entry.kind == "done")
        for entry in view.entries
        if entry.kind in MOVED and entry.number not in view.uncounted
    )
    promotions = in_use([str(done.body["version"]) for done in view.standing], moves)
    sides = () if running is None else (running.control, running.treatment)
    waits = _candidate(view)
    # where none is in use the last one's columns and rule of thumb are
    ever = [str(entry.body["version"]) for entry in view.entries if entry.kind == "done"][-1:]
    named = {*(version for version, _ in promotions), *ever, *sides, waits} - {BASELINE, ""}
    end = view.entries[-1] if view.entries else None
    return Standing(
        champion=view.champion,
        standing=promotions,
        acted=_acted(view),
        known={version: release(version) for version in sorted(named)},
        experiment=running,
        candidate=waits,
        row=0 if end is None else end.number,
        worth=_worth(view),
    )


def _worth(view: LedgerView) -> Earned | None:
    looks = view.of_kind("monitor")
    realised = mapping(looks[-1].body.get("realised")) if looks else {}
    worth = mapping(realised.get("worth"))
    money = finite(worth.get("per_decision"))
    if money is None:
        return None
    champion, unit = (str(each) for each in (realised.get("champion"), worth.get("unit")))
    return Earned(champion=champion, per_decision=money, unit=unit)


def _acted(view: LedgerView) -> Acted | None:
    """Return what the gate saw of the actions when it decided on the champion."""
    subject = view.standing[-1].subject if view.standing else ""
    for made in view.of_kind("decision", subject):
        measures = mapping(mapping(made.body["decision"]).get("measures"))
        sides = (mapping(measures.get(side)) for side in ("candidate", "champion"))
        rate, before = (finite(side.get("action_rate")) for side in sides)
        if rate is not None and before is not None:
            return Acted(str(made.body["champion"]), rate, before)
    return None


def _candidate(view: LedgerView) -> str:
    """Return the version that may still be promoted; empty where there is none."""
    made = view.of_kind("decision")
    if not made or made[-1].body["verdict"] not in (Verdict.PROMOTE, Verdict.AB_REQUIRED):
        return ""
    version = str(made[-1].body["version"] or "")
    over = {e.kind for e in view.entries if e.subject == made[-1].subject} & {"void", "rollback"}
    promoted = {str(done.body["version"]) for done in view.standing}
    return "" if over or version in promoted else version


def _exports(entries: Sequence[Entry]) -> dict[str, str]:
    """Return the fingerprint of each version's export, as the newest row about it says."""
    found: dict[str, str] = {}
    for entry in entries:
        if entry.kind in MOVED and entry.body.get(EXPORT):
            found[str(entry.body["version"])] = str(entry.body[EXPORT])
        elif entry.kind == "experiment_start":
            found |= {str(k): str(v) for k, v in mapping(entry.body.get(EXPORTS)).items()}
    return found


def _keep(workspace: Workspace, use_case: str, what: Standing) -> None:
    with suppress(OSError):  # a full disk: what is in memory still goes
        write_state(places.confirmed(workspace, use_case), what.model_dump(mode="json"))


def _kept(workspace: Workspace, use_case: str) -> Standing | None:
    content = read_state(places.confirmed(workspace, use_case))
    try:
        return None if content is None else Standing.model_validate(content)
    except ValidationError:  # of another version of kpi-gate
        return None
