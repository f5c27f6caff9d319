"""The command line: its verbs, and how a fault ends. Each verb lives in the module of its noun."""

import gc
import os
import sys
from collections.abc import Callable
from itertools import pairwise
from typing import Annotated, Any

import typer
from typer.exceptions import TyperException

from kpi_gate import __version__
from kpi_gate.cli import (
    backtest,
    installation,
    judge,
    link,
    monitor,
    proof,
    release,
    report,
    retrain,
    scaffold,
    score,
    serve,
    show,
    status,
)
from kpi_gate.cli.call_checks import this_workspace
from kpi_gate.cli.experiment import experiment_app
from kpi_gate.cli.label import label_app
from kpi_gate.cli.ledger import ledger_app
from kpi_gate.cli.options import helped, print_json
from kpi_gate.cli.serve_keys import key_app
from kpi_gate.errors import ConfigurationError
from kpi_gate.usecase.names import names

UNEXPECTED, WRONG_CALL = 1, 2
# the others write, and need room to
READING = frozenset(
    "list schema ledger decide judge doctor update status show open link".split()  # noqa: SIM905
)

app = typer.Typer(
    help="Retrain on a schedule; promote a model only when its offline gain is worth money.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def print_schema(asked: bool = True) -> None:
    """Print the JSON schema of a use case's YAML, for editors.

    Examples:
        kpi-gate schema > use-case.schema.json
    """
    if asked:
        from kpi_gate.usecase.schema import json_schema

        print_json(json_schema())
        raise typer.Exit


def print_version(asked: bool) -> None:
    """Print the version."""
    if asked:
        typer.echo(f"kpi-gate {__version__}")
        raise typer.Exit


@app.callback()
def require_room(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", callback=print_version, is_eager=True, help="Print the version."),
    ] = False,
    schema: Annotated[
        bool,
        typer.Option(
            "--schema", callback=print_schema, is_eager=True, help="As `kpi-gate schema` does."
        ),
    ] = False,
) -> None:
    """Refuse to begin what a full disk would end half-way."""
    from kpi_gate.record import disk

    if context.invoked_subcommand not in READING:
        disk.require_room(this_workspace())


def schema_command() -> None:
    """Print the JSON schema of a use case's YAML, for editors.

    Examples:
        kpi-gate schema > use-case.schema.json
    """
    print_schema()


VERBS: dict[str, dict[str, Callable[..., Any]]] = {
    "Every day": {
        "status": status.status,
        "retrain": retrain.retrain,
        "monitor": monitor.monitor,
        "serve": serve.serve,
        "score": score.score,
        "schedule": serve.schedule,
        "ui": serve.ui,
    },
    "Look": {
        "list": status.list_use_cases,
        "show": show.show,
        "open": show.open_newest,
        "report": report.report,
        "link": link.link,
        "doctor": installation.doctor,
        "schema": schema_command,
    },
    "Test": {
        "judge": judge.judge,
        "selftest": proof.selftest,
        "backtest": backtest.backtest,
        "reproduce": proof.reproduce,
    },
    "By hand": {
        "new": scaffold.new,
        "promote": release.promote,
        "rollback": release.rollback,
        "reanchor": release.reanchor,
        "realign": release.realign,
        "accept-history": release.accept_history,
        "update": installation.update,
    },
    "Stages, one by one": {
        "snapshot": retrain.snapshot,
        "validate": retrain.validate,
        "train": retrain.train,
        "compare": retrain.compare,
        "decide": retrain.decide,
        "refit": retrain.refit,
    },
}


for group, verbs in VERBS.items():
    for name, verb in verbs.items():
        words, examples = helped(verb)
        app.command(name, rich_help_panel=group, help=words, epilog=examples)(verb)
    if group == "Look":
        app.add_typer(ledger_app, name="ledger", rich_help_panel=group)
    if group == "Every day":
        app.add_typer(experiment_app, name="experiment", rich_help_panel=group)
        app.add_typer(key_app, name="key", rich_help_panel=group)
        app.add_typer(label_app, name="label", rich_help_panel=group)


def main() -> None:
    """Run a command; a fault is one line on stderr and an exit code, never a traceback."""
    gc.set_threshold(
        100_000, 50, 50
    )  # imports make objects that stay; looking for others costs a tenth
    workspace = None
    try:
        if not {"--help", "--version"}.isdisjoint(sys.argv) or len(sys.argv) == 1:
            app()  # needs no place
        from kpi_gate.environment import prepare_environment
        from kpi_gate.record.prefect_key import meet_prefect

        workspace = this_workspace()
        prepare_environment(workspace.home)
        meet_prefect(workspace.home)
        ended = app(standalone_mode=False)
    except typer.Abort:
        typer.echo("kpi-gate: stopped", err=True)
        sys.exit(UNEXPECTED)
    except TyperException as error:
        sys.exit(wrong_call(error))
    except Exception as error:
        if os.environ.get("KPI_GATE_TRACEBACK"):
            raise
        from kpi_gate.record.disk import crowded, full_disk

        wrong = isinstance(error, ConfigurationError)
        words = " ".join(str(error).split())
        known = type(error).__module__.startswith("kpi_gate")
        told = full_disk(error) or (words if known else f"{type(error).__name__}: {words}")
        alone = wrong or told.startswith("the disk")
        more = "" if alone or workspace is None else crowded(workspace)
        typer.echo(f"kpi-gate: {'; '.join(filter(None, (told, more)))}", err=True)
        sys.exit(WRONG_CALL if wrong else UNEXPECTED)
    sys.exit(ended if isinstance(ended, int) else 0)


def wrong_call(error: Any) -> int:
    """Say in one line what is wrong with a call, what was given and what is allowed."""
    if not hasattr(error, "format_message") or not error.format_message():
        error.show()  # the help, where no verb is given
        return int(error.exit_code)
    words = " ".join(error.format_message().replace("Value error, ", "").split()).rstrip(".")
    where, context = "", getattr(error, "ctx", None)
    while context is not None and context.parent is not None:  # the program's own name may vary
        where, context = f" {context.info_name}{where}", context.parent
    options = getattr(getattr(error, "param", None), "opts", [])
    given = next((value for option, value in pairwise(sys.argv) if option in options), None)
    shown = "" if given is None or given in words else f" (given: {given!r})"
    allowed = ""
    if "USE_CASE" in words:
        allowed = f"; there are: {', '.join(names()) or 'none'}"
    typer.echo(f"kpi-gate: {words}{shown}{allowed}; see `kpi-gate{where} --help`", err=True)
    return int(error.exit_code)
