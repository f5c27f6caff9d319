"""What offline gains have been worth online, at the door."""

from datetime import UTC, datetime

import typer

from kpi_gate.cli.call_checks import this_workspace
from kpi_gate.cli.options import AsJson, AsOf, Html, UseCaseName, print_json, write_page
from kpi_gate.errors import ConfigurationError


def link(name: UseCaseName, as_of: AsOf = None, html: Html = None, as_json: AsJson = False) -> None:
    """Tell what offline gains have been worth online, and what a gain needs now.

    Every release that an experiment, a holdback, an import or the monitor has measured, and what
    follows from them for the next candidate. Nothing is loaded or started.

    Examples:
        kpi-gate link recommend
        kpi-gate link recommend --html link.html
    """
    from kpi_gate.decision.link_report import report_link
    from kpi_gate.record.ledger import open_ledger
    from kpi_gate.record.ledger_view import LedgerView
    from kpi_gate.usecase import discovery

    workspace, now = this_workspace(), datetime.now(UTC).replace(microsecond=0)
    objective = discovery.load(name).settings.objective
    history = LedgerView(open_ledger(workspace), name, as_of or now).catch_up()
    try:
        told = report_link(history.link_history(objective.unit), objective, as_of or now, name)
    except ValueError as error:
        raise ConfigurationError(
            f"{name}: the link cannot be learnt: {error}. What was imported wrongly is imported "
            "again: the newest row of a release counts"
        ) from None
    if html is not None:
        write_page(html, told.to_html())
    if as_json:
        print_json({**told.model_dump(mode="json"), "randomised": told.randomised})
        return
    typer.echo(str(told))
    if html is not None:
        typer.echo(f"Page: {workspace.shown(html)}")
