"""One run of one use case, and how it can end."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from kpi_gate.decision.evidence import utc
from kpi_gate.decision.verdict import Decision
from kpi_gate.files import project
from kpi_gate.files.yaml_file import read_mapping
from kpi_gate.learning.label_maturity import Maturity, measure_maturity
from kpi_gate.learning.windows import Windows, plan_windows
from kpi_gate.record import case_list
from kpi_gate.record.ledger import Entry, Ledger
from kpi_gate.record.model_files import ModelCard
from kpi_gate.usecase import discovery
from kpi_gate.usecase.contract import ConfigurationError, UseCase
from kpi_gate.usecase.refusal import Refusal as Refusal  # noqa: PLC0414
from kpi_gate.workspace import Place


@dataclass(frozen=True)
class Run:
    """One run of one use case.

    Attributes:
        use_case: The problem.
        as_of: Nothing later is known, UTC.
        place: Where files and services are.
    """

    use_case: UseCase
    as_of: datetime
    place: Place

    @property
    def name(self) -> str:
        """Name of the use case."""
        return self.use_case.name

    @property
    def work(self) -> Path:
        """Folder of the use case's files under DVC."""
        return self.place.work(self.name)

    @property
    def ledger(self) -> Ledger:
        """The ledger of this installation."""
        return self.place.ledger

    def stage(self, verb: str) -> str:
        """Name of the DVC stage of a verb."""
        return f"{verb}@{self.name}"


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


def plan(run: Run, rows: pd.DataFrame) -> Windows:
    """Lay out the windows of this tick."""
    seen = ModelCard.read(run.work / "champion").contender.seen_until()
    window, measured = run.use_case.settings.window, maturity(run, rows).measured_days
    return plan_windows(rows["event_time"], window, run.as_of, seen, measured)


def maturity(run: Run, rows: pd.DataFrame) -> Maturity:
    """Measure how the labels of this tick's rows mature."""
    return measure_maturity(rows, run.as_of, run.use_case.settings.window.label_delay_days)


def read_snapshot(run: Run) -> pd.DataFrame:
    """Read the frozen rows of this tick."""
    return pd.read_parquet(run.work / "snapshot.parquet")


def unknown_name(run: Run, error: KeyError) -> ConfigurationError:
    """Return what to tell the owner of a use case whose code asks for what nobody gives."""
    return ConfigurationError(
        f"use case {run.name}: its code asks for {error}, which is neither in the YAML "
        "(value, model) nor a column of the rows"
    )
