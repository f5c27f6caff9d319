"""What was decided, printed again or opened in a browser."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from kpi_gate.cli.call_checks import this_workspace
from kpi_gate.cli.options import AsJson, UseCaseName, Whole, print_decision
from kpi_gate.errors import ConfigurationError

DecisionName = Annotated[
    str,
    typer.Argument(
        metavar="DECISION", help="Its id, the first 6 characters, or its row in `ledger show`."
    ),
]


def show(
    decision: DecisionName,
    page: Annotated[bool, typer.Option("--open", help="Open its page in the browser.")] = False,
    whole: Whole = False,
    as_json: AsJson = False,
) -> None:
    """Print a recorded decision again: why, how much money, and what next.

    Examples:
        kpi-gate show 3f9a21
        kpi-gate show 12 --open
        kpi-gate show 3f9a21 --all
    """
    from kpi_gate.cli.decision_links import links, page_of
    from kpi_gate.decision.verdict import Decision
    from kpi_gate.record.ledger import open_ledger
    from kpi_gate.record.ledger_lookup import find

    workspace = this_workspace()
    entry, _ = find(open_ledger(workspace), decision)
    found = Decision.model_validate(entry.body["decision"])
    when = f"Decided {entry.at:%Y-%m-%d %H:%M} UTC on {entry.use_case} as of "
    after = [f"{when}{entry.body['as_of'][:10]}, row {entry.number}.", *links(workspace, entry)]
    print_decision(found, as_json, whole=whole, after=after)
    if page:
        browse(page_of(workspace, entry))


def open_newest(
    name: UseCaseName,
    run: Annotated[bool, typer.Option("--run", help="Open its run in MLflow instead.")] = False,
) -> None:
    """Open the newest decision of a use case: its page, or its run in MLflow.

    Where there is no browser, only the path or the address is printed.

    Examples:
        kpi-gate open campaign
        kpi-gate open campaign --run
    """
    from kpi_gate.cli.decision_links import page_of
    from kpi_gate.record.ledger import open_ledger
    from kpi_gate.record.run_links import are_served, run_link

    workspace = this_workspace()
    entries = open_ledger(workspace).entries(name, "decision")
    if not entries:
        raise ConfigurationError(f"{name} has no decision yet; run `kpi-gate retrain {name}`")
    if not run:
        browse(page_of(workspace, entries[-1]))
        return
    link = run_link(workspace, entries[-1].body["run_id"])
    if not are_served(workspace):
        typer.echo(f"{link}   MLflow's pages are not served: start `kpi-gate ui`")
        return
    browse(link)


def browse(target: Path | str) -> None:
    """Print where something is, and open it where a person has a browser at hand."""
    typer.echo(str(target))
    at_hand = any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))
    if at_hand or sys.platform in ("darwin", "win32"):
        import webbrowser

        webbrowser.open(target.as_uri() if isinstance(target, Path) else target)
