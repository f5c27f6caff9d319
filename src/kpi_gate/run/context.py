"""One run of one use case, and how it can end."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from kpi_gate.data.snapshot import SNAPSHOT, Snapshot
from kpi_gate.decision.evidence import utc
from kpi_gate.decision.verdict import Decision
from kpi_gate.files import project
from kpi_gate.files.yaml_file import read_mapping
from kpi_gate.learning.windows import Windows, plan_windows
from kpi_gate.record import case_list
from kpi_gate.record.dvc_stages import Stages
from kpi_gate.record.ledger import Entry, Ledger, open_ledger
from kpi_gate.record.ledger_view import LedgerView
from kpi_gate.record.model_files import Model
from kpi_gate.record.registry import Registry
from kpi_gate.usecase import discovery
from kpi_gate.usecase.contract import ConfigurationError, UseCase
from kpi_gate.usecase.refusal import Refusal as Refusal  # noqa: PLC0414
from kpi_gate.workspace import Place


class Run:
    """One run of one use case: what it is about, its services, and what is known of it so far.

    Services are opened when they are first asked for, and once. What a run has made stays at hand;
    what another has made is read from disk or ledger, so that a stage that runs alone finds the
    same.

    Attributes:
        use_case: The problem.
        as_of: Nothing later is known, UTC.
        place: Where files and services are.
    """

    def __init__(
        self, use_case: UseCase, as_of: datetime, place: Place, ledger: Ledger | None = None
    ) -> None:
        self.use_case, self.as_of, self.place = use_case, as_of, place
        self._given_ledger = ledger

    def at(self, *, as_of: datetime | None = None, place: Place | None = None) -> "Run":
        """Return a run of the same use case at another moment, or over other files."""
        return Run(self.use_case, as_of or self.as_of, place or self.place, self.ledger)

    @property
    def name(self) -> str:
        """Name of the use case."""
        return self.use_case.name

    @property
    def work(self) -> Path:
        """Folder of the use case's files under DVC."""
        return self.place.work(self.name)

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger of this installation.

        Raises:
            ConfigurationError: If its key cannot be had.
        """
        return self._given_ledger or open_ledger(self.place)

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
        return Registry(self.place, self.name)

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
        return Stages(self.place.root)

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

    @cached_property
    def windows(self) -> Windows:
        """Time windows of this tick: train, tune, gate."""
        return plan_windows(
            self.snapshot.learnable["event_time"],
            self.use_case.settings.window,
            self.as_of,
            self.champion.card.contender.seen_until(),
            self.snapshot.maturity.measured_days,
        )

    def begin(self, snapshot: Snapshot) -> None:
        """Go on with rows that were just frozen; what hung on others is forgotten."""
        for name in ("champion", "anchor", "candidate", "windows"):
            vars(self).pop(name, None)
        self.snapshot = snapshot

    def close(self) -> None:
        """Close what holds files open."""
        self.stages.close()


@dataclass(frozen=True)
class Retrained:
    """What a retraining came to.

    Attributes:
        entry: The decision, as the ledger holds it.
        outcome: What became of the champion, in a sentence.
        repeated: Whether there was nothing new, and the decision is an earlier one.
    """

    entry: Entry
    outcome: str
    repeated: bool = False

    @property
    def decision(self) -> Decision:
        """The decision itself."""
        return Decision.model_validate(self.entry.body["decision"])


def open_run(name: str, as_of: datetime | None = None) -> Run:
    """Return the run of a use case as of a moment, by default now; DVC gets to know the use case.

    Raises:
        ConfigurationError: If the use case is unknown or wrong, or the moment is in the future.
    """
    moment = now() if as_of is None else utc(as_of)
    if moment > now():
        raise ConfigurationError(f"as_of == {moment:%Y-%m-%dT%H:%M}Z, must not be in the future")
    run = Run(discovery.load(name), moment, Place())
    follow_use_cases(run.place.root)
    return run


def follow_use_cases(root: Path) -> None:
    """Bring DVC's list of use cases in step with them, in the project that they lie in."""
    if project.here().root == root:
        case_list.follow(root, discovery.names())


def same_tick(use_case: UseCase, place: Place) -> Run:
    """Return the run of the tick that the last snapshot wrote down."""
    path = place.work(use_case.name) / "tick.yaml"
    if not path.exists():
        raise ConfigurationError(
            f"{path}: no tick yet; run `kpi-gate snapshot {use_case.name} --as-of DATE`"
        )
    try:
        as_of = datetime.fromisoformat(read_mapping(path).content["as_of"])
    except (ValueError, KeyError, TypeError) as error:
        again = f"run `kpi-gate snapshot {use_case.name} --as-of DATE` again"
        raise ConfigurationError(f"{path}: cannot be read; {again}") from error
    follow_use_cases(place.root)
    return Run(use_case, as_of, place)


def now() -> datetime:
    """Return the present moment in UTC, to the second."""
    return datetime.now(UTC).replace(microsecond=0)


def unknown_name(run: Run, error: KeyError) -> ConfigurationError:
    """Return what to tell the owner of a use case whose code asks for what nobody gives."""
    return ConfigurationError(
        f"use case {run.name}: its code asks for {error}, which is neither in the YAML "
        "(value, model) nor a column of the rows"
    )
