"""What is played: a use case with its settings, a stretch of its history, and the folder of it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from kpi_gate.decision.fingerprint import digest
from kpi_gate.errors import ConfigurationError
from kpi_gate.pipeline import raw_folder
from kpi_gate.proof.record import code_hash
from kpi_gate.record.ledger import open_ledger
from kpi_gate.run.context import Run
from kpi_gate.usecase import discovery
from kpi_gate.usecase.contract import UseCase
from kpi_gate.usecase.cron import fires
from kpi_gate.workspace import Workspace

LEAST_TICKS = 2


@dataclass(frozen=True)
class Scenario:
    """A use case with its settings, a stretch of its history, and the folder of it.

    Attributes:
        name: The use case.
        changes: Values of its YAML that are other than the file's, by dotted key.
        folder: Where everything that is played is kept, so that it can go on.
        shared: Where rows and models are kept that other settings share.
        source: Place whose raw rows are read.
        ticks: Moments at which a retraining is due, UTC.
        end: End of the stretch: decisions from the first tick until here are counted.
        known: Nothing later is known when all is over: outcomes until here are looked up.
        quarantines: What the ledger of the installation says of days in quarantine, oldest first.
    """

    name: str
    changes: tuple[tuple[str, Any], ...]
    folder: Path
    shared: Path
    source: Workspace
    ticks: tuple[datetime, ...]
    end: datetime
    known: datetime
    quarantines: tuple[dict[str, Any], ...] = ()

    @cached_property
    def use_case(self) -> UseCase:
        """The problem, as if its YAML held the changes."""
        return discovery.load_as_if(self.name, dict(self.changes))

    def __getstate__(self) -> dict[str, Any]:
        """Leave the use case out: its functions cannot be sent to another process."""
        return {name: value for name, value in vars(self).items() if name != "use_case"}

    def run(self, number: int, policy: str = "") -> Run:
        """Return the run of a tick: of a policy in a folder of its own, else over the raw rows."""
        return Run(self.use_case, self.ticks[number], self._place(policy))

    @property
    def afterwards(self) -> Run:
        """The run that knows how it all ended."""
        return Run(self.use_case, self.known, self._place(""))

    def _place(self, policy: str) -> Workspace:
        if not policy:
            return self.source
        root = self.folder / policy
        (root / "home").mkdir(parents=True, exist_ok=True)
        return Workspace(
            root=root, home=root / "home", ledger_url=f"sqlite:///{root}/home/ledger.db"
        )

    def quarantined(self, number: int) -> list[dict[str, Any]]:
        """Return what was recorded of days in quarantine until a tick."""
        moment = self.ticks[number]
        return [
            body for body in self.quarantines if datetime.fromisoformat(body["as_of"]) <= moment
        ]

    def until(self, number: int) -> datetime:
        """Return the end of the period that a tick begins."""
        return self.ticks[number + 1] if number + 1 < len(self.ticks) else self.end

    def snapshot(self, number: int) -> Path:
        """Return where the rows that were known at a tick are frozen."""
        return self.shared / f"{self.ticks[number]:%Y-%m-%dT%H%M}.parquet"

    @property
    def shelf(self) -> Path:
        """Folder of the models that were trained, by all that they depend on."""
        return self.shared / "shelf"

    def model(self, name: str) -> Path:
        """Return the folder of a model by its name."""
        return self.folder / "models" / name

    def facts(self, number: int) -> Path:
        """Return the file that says how freezing a tick went."""
        return self.folder / "ticks" / f"{number:04d}.json"


def lay_out(
    name: str, start: datetime, end: datetime, changes: dict[str, Any], workspace: Workspace
) -> Scenario:
    """Return the scenario of a stretch of history.

    Args:
        name: The use case.
        start: Earliest tick; the ticks are those of the YAML's `schedule.retrain`.
        end: End of the stretch.
        changes: Values of the YAML that are to be other than the file's, by dotted key.
        workspace: Where files and services are.

    Raises:
        ConfigurationError: If a key or value is wrong, or the stretch has fewer than two ticks.
    """
    use_case = discovery.load_as_if(name, changes)
    now = datetime.now(UTC).replace(microsecond=0)
    if end <= start:
        raise ConfigurationError(f"--to == {end:%Y-%m-%d}, must be after --from {start:%Y-%m-%d}")
    if end > now:
        raise ConfigurationError(f"--to == {end:%Y-%m-%d}, must not be in the future")
    plan = use_case.settings.schedule
    ticks = fires(plan.retrain, plan.timezone, start, end)
    if len(ticks) < LEAST_TICKS:
        raise ConfigurationError(
            f"schedule.retrain == {plan.retrain!r} ({plan.timezone}) has {len(ticks)} ticks in "
            f"[{start:%Y-%m-%d}, {end:%Y-%m-%d}), at least {LEAST_TICKS} are needed"
        )
    settings, source = use_case.settings, _source(use_case, changes, workspace)
    if use_case.fetch is not None:  # once, before several processes want to; and it names the play
        raw_folder.fetch_once(source.raw(name), use_case.fetch, settings.data)
    known = _all_over(now, end, settings.window.label_delay_days)
    rows = [
        settings.data,
        settings.window.label_delay_days,
        code_hash(name),
        _raw(source.raw(name)),
    ]
    span = [moment.isoformat() for moment in (*ticks, end, known)]
    quarantines = _quarantines(name, end, workspace)
    home = workspace.home / "backtest" / name
    return Scenario(
        name=name,
        changes=tuple(sorted(changes.items())),
        folder=home / digest([rows, settings.model_dump(mode="json"), span, quarantines])[:12],
        shared=home / f"rows-{digest(rows)[:12]}",
        source=source,
        ticks=tuple(ticks),
        end=end,
        known=known,
        quarantines=tuple(quarantines),
    )


def _quarantines(name: str, end: datetime, workspace: Workspace) -> list[dict[str, Any]]:
    """Return what is recorded of days in quarantine, in the order in which it came to hold."""
    workspace.home.mkdir(
        parents=True, exist_ok=True
    )  # where the ledger lies, unless told otherwise
    ledger = open_ledger(workspace)
    rows = ledger.entries(name, "quarantine") if ledger.exists() else []
    bodies = [dict(row.body) for row in rows if row.body["as_of"] < end.isoformat()]
    return sorted(bodies, key=lambda body: str(body["as_of"]))


def _all_over(now: datetime, end: datetime, delay_days: float) -> datetime:
    """Return when nearly all outcomes are known; before that, the same moment all day long.

    A play that is interrupted goes on; on a later day it looks anew for outcomes of young rows.
    """
    today = now.replace(hour=0, minute=0, second=0)
    return min(max(today, end), end + timedelta(days=3 * delay_days + 1))


def _source(use_case: UseCase, changes: dict[str, Any], workspace: Workspace) -> Workspace:
    """Return where raw rows are read; those of other `data` settings are fetched elsewhere."""
    other = {key: value for key, value in changes.items() if key.split(".")[0] == "data"}
    if not other or use_case.fetch is None:
        return workspace
    root = workspace.home / "backtest" / use_case.name / f"data-{digest(sorted(other.items()))[:8]}"
    return workspace.model_copy(update={"root": root})


def _raw(raw: Path) -> list[Any]:
    """Say which raw files there are; their content is not read, which could take minutes."""
    found = [(path, path.stat()) for path in sorted(raw.rglob("*")) if path.is_file()]
    return [[str(path.relative_to(raw)), it.st_size, it.st_mtime_ns] for path, it in found]
