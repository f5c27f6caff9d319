"""The record over time at the door: one page across use cases, from the ledger alone."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kpi_gate.cli.call_checks import this_workspace
from kpi_gate.cli.options import AsJson, file_to_write, print_json, write_page
from kpi_gate.errors import ConfigurationError

if TYPE_CHECKING:
    from kpi_gate.record.ledger import Entry
    from kpi_gate.watch.history.result import History


def report(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[USE_CASE]...", help="Default: all, also those in the ledger."),
    ] = None,
    to: Annotated[
        Path | None, file_to_write("Page to write; default report.html in .kpi-gate.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make one page of what became of every use case: promises, rollbacks, alarms, lead times.

    Examples:
        kpi-gate report
        kpi-gate report campaign fraud --to report.html
    """
    from kpi_gate.record.ledger import WHOLE, open_ledger
    from kpi_gate.report.history_page import page
    from kpi_gate.report.history_wording import lead
    from kpi_gate.usecase import discovery

    workspace, now = this_workspace(), datetime.now(UTC)
    entries = open_ledger(workspace).whole()
    known = sorted({*discovery.names(), *(one.use_case for one in entries)} - {WHOLE})
    for name in names or ():
        if name not in known:
            raise ConfigurationError(
                f"no use case {name!r}; there are: {', '.join(known) or 'none'}"
            )
    asked = list(dict.fromkeys(names or known))
    told = [_history(name, [one for one in entries if one.use_case == name], now) for name in asked]
    path = workspace.home / "report.html" if to is None else to
    write_page(path, page(told, now))
    if as_json:
        print_json(
            {one.use_case: {**one.model_dump(mode="json"), "kept": one.kept} for one in told}
        )
        return
    for one in told:
        typer.echo(f"{one.use_case}: {lead(one)}")
    typer.echo(f"Page: {workspace.shown(path)}")


def _history(name: str, entries: "list[Entry]", now: datetime) -> "History":
    """Tell the history of a use case; one that cannot be loaded still has its past."""
    from kpi_gate.usecase import discovery
    from kpi_gate.watch.history.track_record import history

    try:
        return history(name, entries, now, title=discovery.load(name).title)
    except ConfigurationError as error:
        return history(name, entries, now, fault=str(error))
