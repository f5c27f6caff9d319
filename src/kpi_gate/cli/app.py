"""The command line: its verbs, and how a fault ends. Each verb lives in the module of its noun."""

import gc
import os
import sys
from typing import Annotated

import typer

from kpi_gate.cli import (
    backtest,
    installation,
    judge,
    monitor,
    proof,
    release,
    report,
    retrain,
    serve,
)
from kpi_gate.cli.ledger import ledger_app
from kpi_gate.cli.options import AsJson, print_json
from kpi_gate.errors import ConfigurationError
from kpi_gate.workspace import Place

UNEXPECTED, WRONG_CALL = 1, 2
# the others write, and need room to
READING = ("list", "schema", "ledger", "decide", "judge", "doctor", "update")

app = typer.Typer(
    help="Retrain on a schedule; promote a model only when its offline gain is worth money.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(ledger_app, name="ledger")


def print_schema(asked: bool = True) -> None:
    """Print the JSON schema of a use case's YAML, for editors."""
    if asked:
        from kpi_gate.usecase.schema import json_schema

        print_json(json_schema())
        raise typer.Exit


@app.callback()
def require_room(
    context: typer.Context,
    schema: Annotated[bool, typer.Option("--schema", callback=print_schema, is_eager=True)] = False,
) -> None:
    """Refuse to begin what a full disk would end half-way."""
    from kpi_gate.record import disk

    if context.invoked_subcommand not in READING:
        disk.require_room(Place())


@app.command("schema")
def schema_command() -> None:
    """Print the JSON schema of a use case's YAML, for editors."""
    print_schema()


@app.command("list")
def list_use_cases(as_json: AsJson = False) -> None:
    """List the use cases: KPI, schedule and title."""
    from kpi_gate.orchestration import work_pools
    from kpi_gate.usecase import discovery

    work_pools.follow(Place().root)
    rows, broken = [], []
    for name in discovery.names():
        try:
            case = discovery.load(name)
        except ConfigurationError as error:
            broken.append(str(error))
            continue
        objective, schedule = case.settings.objective, case.settings.schedule
        kpi = {"kpi": objective.kpi, "unit": objective.unit, "horizon": objective.horizon}
        rows.append({"name": case.name, **kpi, **schedule.model_dump(), "title": case.title})
    if as_json:
        print_json(rows)
    for row in () if as_json else rows:
        kpi_words = f"{row['kpi']} in {row['unit']}"
        typer.echo(f"{row['name']:<14} {kpi_words:<28} retrain {row['retrain']}  {row['title']}")
    for words in broken:
        typer.echo(f"kpi-gate: {words}", err=True)
    if broken:
        raise typer.Exit(WRONG_CALL)


for verb in (
    *(retrain.retrain, retrain.snapshot, retrain.validate, retrain.train, retrain.compare),
    *(
        retrain.decide,
        retrain.refit,
        judge.judge,
        proof.selftest,
        backtest.backtest,
        monitor.monitor,
    ),
    *(report.report, release.promote, release.rollback, release.reanchor, release.realign),
    *(release.accept_history, proof.reproduce, serve.schedule, serve.ui),
    *(installation.doctor, installation.update),
):
    app.command()(verb)


def main() -> None:
    """Run a command; a fault is one line on stderr and an exit code, never a traceback."""
    from kpi_gate.environment import prepare_environment
    from kpi_gate.record.prefect_key import meet_prefect

    gc.set_threshold(
        100_000, 50, 50
    )  # imports make objects that stay; looking for others costs a tenth
    place = None
    try:
        place = Place()
        prepare_environment(place.home)
        meet_prefect(place.home)
        app()
    except Exception as error:
        if os.environ.get("KPI_GATE_TRACEBACK"):
            raise
        from kpi_gate.record.disk import crowded, full_disk

        wrong = isinstance(error, ConfigurationError)
        words = " ".join(str(error).split())
        known = type(error).__module__.startswith("kpi_gate")
        told = full_disk(error) or (words if known else f"{type(error).__name__}: {words}")
        alone = wrong or told.startswith("the disk")
        more = "" if alone or place is None else crowded(place)
        typer.echo(f"kpi-gate: {'; '.join(filter(None, (told, more)))}", err=True)
        sys.exit(WRONG_CALL if wrong else UNEXPECTED)
