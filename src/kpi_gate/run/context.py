"""One run of one use case: what it is about, its services, and what it knows so far."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from kpi_gate.data.snapshot import SNAPSHOT, Snapshot
from kpi_gate.decision.gate import refuse
from kpi_gate.decision.verdict import Decision
from kpi_gate.errors import ConfigurationError
from kpi_gate.learning.windows import Windows, plan_windows
from kpi_gate.record.dvc_stages import Stages
from kpi_gate.record.ledger import Entry, Ledger, open_ledger
from kpi_gate.record.ledger_view import LedgerView
from kpi_gate.record.model_files import Model
from kpi_gate.record.registry import Registry
from kpi_gate.run.result import Outcome, RetrainResult
from kpi_gate.run.standing import standing_decision
from kpi_gate.usecase.contract import UseCase
from kpi_gate.usecase.refusal import Refusal
from kpi_gate.workspace import Workspace

if TYPE_CHECKING:
    from kpi_gate.decision.retrain_rule import Choice

REFIT = "refit"  # folder of the model that is fitted after the verdict, beside its evidence


class Run:
    """One run of one use case: what it is about, its services, and what is known of it so far.

    Services are opened when they are first asked for, and once. What a run has made stays at hand;
    what another has made is read from disk or ledger, so that a stage that runs alone finds the
    same.

    Attributes:
        use_case: The problem.
        as_of: Nothing later is known, UTC.
        workspace: Where files and services are.
        scheduled: Whether nobody watches: the gate must then have passed its self-test.
        started_by: Id of the flow run that it is; empty where it is none.
        told: Is called with the name of each step that has ended.
        choice: Whether to retrain, where a schedule had to choose.
        repeated: Whether there was nothing new since the recorded decision.
        decision: What the gate said, or why a step refused.
        entry: The decision, as the ledger holds it.
        outcome: What became of the champion.
    """

    decision: Decision
    entry: Entry
    outcome: Outcome

    def __init__(
        self,
        use_case: UseCase,
        as_of: datetime,
        workspace: Workspace,
        *,
        scheduled: bool = False,
        ledger: Ledger | None = None,
    ) -> None:
        self.use_case, self.as_of, self.workspace, self.scheduled = (
            use_case,
            as_of,
            workspace,
            scheduled,
        )
        self.started_by = ""
        self.told: Callable[[str], None] = lambda step: None
        self.choice: Choice | None = None
        self.repeated = False
        self._given_ledger = ledger

    def at(self, *, as_of: datetime | None = None, workspace: Workspace | None = None) -> "Run":
        """Return a run of the same use case at another moment, or over other files."""
        moment, there = as_of or self.as_of, workspace or self.workspace
        return Run(self.use_case, moment, there, scheduled=self.scheduled, ledger=self.ledger)

    @property
    def name(self) -> str:
        """Name of the use case."""
        return self.use_case.name

    @property
    def work(self) -> Path:
        """Folder of the use case's files under DVC."""
        return self.workspace.work(self.name)

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger of this installation.

        Raises:
            ConfigurationError: If its key cannot be had.
        """
        return self._given_ledger or open_ledger(self.workspace)

    @cached_property
    def _view(self) -> LedgerView:
        return LedgerView(self.ledger, self.name, self.as_of)

    @property
    def history(self) -> LedgerView:
        """What the ledger says of the use case up to now; only rows that came since are read.

        Raises:
            LedgerError: If the ledger cannot be read, or its chain is broken.
        """
        return self._view.catch_up()

    def append(
        self, kind: str, subject: str, body: Mapping[str, Any], *, after: int | None = None
    ) -> Entry:
        """Append a row of the use case to the ledger, as `Ledger.append` does.

        Raises:
            LedgerError: If it cannot be written.
        """
        return self.ledger.append(self.name, kind, subject, body, after=after)

    @cached_property
    def registry(self) -> Registry:
        """The versions of the use case in MLflow."""
        return Registry(self.workspace, self.name)

    def fetch(self, version: str, folder: Path) -> Model:
        """Download a version that the ledger knows into `folder`.

        Raises:
            ModelError: If it is gone, unreadable, half-written, or not what the ledger says.
            TrackingError: If MLflow cannot be reached.
        """
        judged = self.history.judged(version)
        return self.registry.fetch(version, folder, judged, self.use_case.trusted_types)

    @cached_property
    def stages(self) -> Stages:
        """The stages of the project in DVC."""
        return Stages(self.workspace.root)

    def stage(self, verb: str) -> str:
        """Name of the DVC stage of a verb."""
        return f"{verb}@{self.name}"

    @cached_property
    def snapshot(self) -> Snapshot:
        """The rows frozen for this tick."""
        mark = self.stages.fingerprint(self.stage("snapshot"), self.work / SNAPSHOT)
        return self.frozen_as(mark)

    def frozen_as(self, fingerprint: str, rows: pd.DataFrame | None = None) -> Snapshot:
        """Return the snapshot in the use case's folder, whose fingerprint is known."""
        delay_days = self.use_case.settings.window.label_delay_days
        return Snapshot(self.work, self.as_of, delay_days, fingerprint, rows)

    @property
    def is_frozen(self) -> bool:
        """Whether this run has frozen its rows, or opened those that are frozen."""
        return "snapshot" in vars(self)

    @cached_property
    def champion(self) -> Model:
        """The champion in use, as it was fetched for this tick; or the baseline."""
        return Model(self.work / "champion", self.use_case.trusted_types)

    @cached_property
    def anchor(self) -> Model | None:
        """The anchor of the guardrails; None where there is none."""
        folder = self.work / "champion" / "anchor"
        return Model(folder, self.use_case.trusted_types) if folder.exists() else None

    @cached_property
    def candidate(self) -> Model:
        """The candidate that was trained at this tick."""
        return Model(self.work / "candidate", self.use_case.trusted_types)

    @property
    def to_promote(self) -> Model:
        """The model that a promotion of the decision puts in use: the candidate, or its refit."""
        refit = self.decision.refit
        return self.refitted if refit is not None and refit.agrees else self.candidate

    @cached_property
    def refitted(self) -> Model:
        """The candidate's recipe, fitted again after the verdict."""
        return Model(self.work / REFIT / "candidate", self.use_case.trusted_types)

    @cached_property
    def windows(self) -> Windows:
        """Time windows of this tick: train, tune, gate."""
        return plan_windows(
            self.snapshot.learnable["event_time"],
            self.use_case.settings.window,
            self.as_of,
            self.champion.card.contender.seen_until(),
            self.snapshot.maturity.measured_days,
            self.use_case.settings.objective.min_days,
        )

    def begin(self, snapshot: Snapshot) -> None:
        """Go on with rows that were just frozen; what hung on others is forgotten."""
        made = ("champion", "anchor", "candidate", "refitted")
        for name in (*made, "windows", "decided_before"):
            vars(self).pop(name, None)
        self.snapshot = snapshot

    @cached_property
    def decided_before(self) -> Entry | None:
        """The recorded decision on exactly this tick's files, if DVC sees nothing to do."""
        found = standing_decision(self)
        if found is not None:
            self.entry, self.repeated = found, True
        return found

    def refuse(self, refusal: Refusal) -> Decision:
        """Take a step's refusal for the decision, and return it."""
        frozen = self.snapshot.fingerprint if self.is_frozen else ""
        notes = {
            "title": self.use_case.title,
            "use_case": self.name,
            "as_of": self.as_of.isoformat(),
            "snapshot": frozen,
            "limits": list(self.use_case.limits),
        }
        self.decision = refuse(
            refusal.reason,
            self.use_case.settings.gate(),
            check=refusal.check,
            subject=f"{self.name} {self.as_of.isoformat()} {frozen}",
            verdict=refusal.verdict,
            notes=notes,
        )
        return self.decision

    def result(self) -> RetrainResult:
        """Return what the run came to."""
        if self.choice is not None and self.choice.action == "skip":
            return RetrainResult(None, "the champion stays", choice=self.choice)
        return RetrainResult(self.entry, self.outcome.words, self.repeated, self.choice)

    def close(self) -> None:
        """Close what holds files open."""
        if "stages" in vars(self):
            self.stages.close()


def unknown_name(run: Run, error: KeyError) -> ConfigurationError:
    """Return what to tell the owner of a use case whose code asks for what nobody gives."""
    return ConfigurationError(
        f"use case {run.name}: its code asks for {error}, which is neither in the YAML "
        "(value, model) nor a column of the rows"
    )
