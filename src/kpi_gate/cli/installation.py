"""What is installed, at the door: tell whether it fits the project, and take another version."""

import re
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kpi_gate import __version__
from kpi_gate.cli.call_checks import this_workspace
from kpi_gate.errors import ConfigurationError
from kpi_gate.files import project
from kpi_gate.record import installation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kpi_gate.files.project import Project
    from kpi_gate.record.ledger import Entry

TOOLS = ("prefect", "mlflow", "dvc", "great-expectations", "scikit-learn", "pandas")
_RELEASE = re.compile(r"^## \[([^\]]+)\].*?(?=^## \[|\Z)", re.MULTILINE | re.DOTALL)


def update(
    wheel: Annotated[
        Path, typer.Argument(metavar="WHEEL", help="kpi_gate-VERSION-py3-none-any.whl")
    ],
) -> None:
    """Take another version of the machine into the project: wheel, pin and lock.

    Examples:
        kpi-gate update kpi_gate-0.2.0-py3-none-any.whl
    """
    try:
        taken = installation.adopt(wheel, project.here().root)
    except ValueError as error:
        raise ConfigurationError(str(error)) from None
    typer.echo(f"kpi-gate {__version__} -> {taken}: install it (`make install`)")


def doctor() -> None:
    """Tell what is installed, whether it fits the project and its record, and what has changed.

    Exit code 1 where something does not fit.

    Examples:
        kpi-gate doctor
    """
    from kpi_gate.record.ledger import FORMAT, open_ledger
    from kpi_gate.run.provenance import PACKAGE, machine_hash

    found = project.here()
    tools = ", ".join(f"{name} {_installed(name)}" for name in TOOLS)
    typer.echo(f"kpi-gate {__version__} (machine {machine_hash()}) in {PACKAGE}\n{tools}")
    typer.echo(f"project  {found.root}, use cases in {found.shown(found.use_cases)}")
    faults = [*_project_faults(found)]
    try:
        ledger = open_ledger(this_workspace())
        entries = ledger.entries()
    except (RuntimeError, ConfigurationError) as error:
        faults.append(str(error))
    else:
        typer.echo(f"{ledger.shown}, {len(entries)} rows, format {FORMAT}")
        for words in _changed(entries, machine_hash()):
            typer.echo(words)
    for fault in faults:
        typer.echo(f"fault    {fault}", err=True)
    raise typer.Exit(1 if faults else 0)


def _installed(name: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"


def _project_faults(found: "Project") -> "Iterator[str]":
    """Yield what of a project cannot be used, or is not what is installed."""
    from kpi_gate.usecase import discovery

    for name in discovery.names():
        try:
            discovery.load(name)
        except ConfigurationError as error:
            yield str(error)
    for flow in ("retrain", "monitor"):
        try:
            found.flow(flow)
        except ConfigurationError as error:
            yield str(error)
    lock = found.root / installation.LOCK
    pinned = re.findall(r"^kpi-gate==(\S+)", lock.read_text("utf-8") if lock.exists() else "", re.M)
    if pinned and pinned != [__version__]:
        yield f"{lock.name} pins kpi-gate {pinned[0]}, installed is {__version__}: make install"


def _changed(entries: "Sequence[Entry]", machine: str) -> "Iterator[str]":
    """Tell which version decided last, and what has changed in the library since."""
    decided = [entry.body for entry in entries if entry.kind == "decision"]
    made_by = decided[-1].get("replay", {}) if decided else {}
    if made_by.get("machine") in (None, machine):
        return
    before = made_by.get("version", "an earlier version")
    yield f"The last decision was made by kpi-gate {before} (machine {made_by['machine']})."
    yield "The next tick trains and decides anew, and a schedule tests its gate first."
    if before == __version__:
        yield "It was another state of the same version: see Unreleased in the changelog."
        return
    yield changes_since(before) or "The changelog names no later version than that."


def changes_since(before: str) -> str:
    """Return the changelog's sections that came after a version."""
    text = installation.shipped(installation.CHANGES)
    sections = {found[1]: found[0].strip() for found in _RELEASE.finditer(text)}
    later = takewhile(lambda name: name != before, sections)
    return "\n\n".join(sections[name] for name in later if "\n" in sections[name])
