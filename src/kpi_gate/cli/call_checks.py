"""What a call must satisfy before anything is started, recorded or written."""

import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from kpi_gate.errors import ConfigurationError

if TYPE_CHECKING:
    from kpi_gate.run.context import Run
    from kpi_gate.workspace import Workspace


def this_workspace() -> "Workspace":
    """Return where files and services are, for the project at hand.

    Raises:
        ConfigurationError: If the environment says something that cannot be.
    """
    from pydantic import ValidationError

    from kpi_gate.workspace import Workspace

    try:
        return Workspace()
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(("KPI_GATE", *map(str, first["loc"]))).upper()
        given = os.environ.get(name, "")
        shown = "" if "webhook" in name.lower() or "key" in name.lower() else f" == {given!r}"
        words = first["msg"].removeprefix("Value error, ")
        raise ConfigurationError(f"environment {name}{shown}: {words}") from None


def require_reason(reason: str, act: str) -> str:
    """Return a reason without outer blanks.

    Raises:
        ConfigurationError: If there is none.
    """
    if not reason.strip():
        raise ConfigurationError(f"{act} needs a reason, which is recorded: --reason '...'")
    return reason.strip()


def require_tick(name: str) -> None:
    """Check that a snapshot of the use case was taken.

    Raises:
        ConfigurationError: If there is no tick of it yet.
    """
    workspace = this_workspace()
    path = workspace.work(name) / "tick.yaml"
    if not path.exists():
        raise ConfigurationError(
            f"{workspace.shown(path)}: no tick yet; run `kpi-gate snapshot {name} --as-of DATE`"
        )


def require_stage(name: str, made: str, verb: str) -> None:
    """Check that an earlier stage of the last tick has written its files.

    Args:
        name: The use case.
        made: What it writes, in the use case's folder.
        verb: The stage.

    Raises:
        ConfigurationError: If it has not.
    """
    workspace = this_workspace()
    path = workspace.work(name) / made
    if not path.exists():
        raise ConfigurationError(
            f"{workspace.shown(path)}: not there; run `kpi-gate {verb} {name}`"
        )


def require_decision_id(wanted: str) -> None:
    """Check that the ledger holds a decision, before a folder is made for it.

    Raises:
        ConfigurationError: If there is none, or more than one.
    """
    from kpi_gate.record.ledger import open_ledger
    from kpi_gate.record.ledger_lookup import find

    find(open_ledger(this_workspace()), wanted)


def plan(name: str, as_of: datetime | None) -> "Run":
    """Return the run of a moment; one that is asked for must have rows before it.

    Raises:
        ConfigurationError: If the use case or the moment is wrong.
    """
    from kpi_gate.run.opening import plan_run

    run = plan_run(name, as_of)
    if as_of is not None:
        require_rows(run)
    return run


def require_rows(run: "Run", option: str = "--as-of") -> None:
    """Check that there are rows before the moment; where there are none at all, a run says so.

    Args:
        run: The use case and the moment.
        option: What asks for that moment.

    Raises:
        ConfigurationError: If the first row comes later; the message has the range there is.
    """
    from kpi_gate.pipeline.loading import load_rows
    from kpi_gate.pipeline.steadiness import note_rows
    from kpi_gate.run.opening import now
    from kpi_gate.usecase.refusal import Refusal

    if _is_after_known_rows(run):
        return
    try:
        note_rows(run, load_rows(run))
    except Refusal as refusal:
        if refusal.check != "rows_present":
            return  # a run records what is wrong with the rows
        try:
            times = load_rows(run.at(as_of=now()))["event_time"]
        except Refusal:
            return
        raise ConfigurationError(
            f"{option} {run.as_of:%Y-%m-%dT%H:%M}Z: {run.name} has no rows before it; its rows are "
            f"from {times.min():%Y-%m-%d} to {times.max():%Y-%m-%d}"
        ) from None


def _is_after_known_rows(run: "Run") -> bool:
    """Tell whether the last snapshot has rows before the moment; it is read in no time."""
    import pandas as pd

    path = run.work / "snapshot.parquet"
    if not path.exists():
        return False
    try:
        first = pd.read_parquet(path, columns=["event_time"])["event_time"].min()
    except (ValueError, OSError):
        return False
    return bool(first < run.as_of)


def require_champion(name: str) -> None:
    """Check that the use case has had a champion; after a rollback to none it still is watched.

    Raises:
        ConfigurationError: If it never had one.
    """
    from kpi_gate.record.ledger import open_ledger

    if not open_ledger(this_workspace()).entries(name, "done"):
        raise ConfigurationError(
            f"{name} has no champion to look at: none was ever promoted; run "
            f"`kpi-gate retrain {name}`"
        )


def require_file_target(param: typer.CallbackParam, path: Path | None) -> Path | None:
    """Check that a file can be written where an option says.

    Raises:
        ConfigurationError: If a folder is there, or a file where a folder must be.
    """
    if path is None:
        return None
    option = param.opts[0]
    if path.is_dir():
        raise ConfigurationError(f"{option} {path}: is a folder, must be a file to write")
    above = next(folder for folder in path.absolute().parents if folder.exists())
    if not above.is_dir():
        raise ConfigurationError(f"{option} {path}: {above} is a file, must be a folder")
    return path
