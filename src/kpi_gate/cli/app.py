"""The verbs at the door. Nothing heavy is imported before a verb is chosen."""

import gc
import os
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from kpi_gate.cli.call_checks import require_decision_id, require_file_target, require_rows
from kpi_gate.cli.installation import add_installation
from kpi_gate.cli.ledger import ledger_app
from kpi_gate.cli.options import (
    AsJson,
    AsOf,
    UseCaseName,
    moment,
    print_json,
    refuse,
    report_decision,
)
from kpi_gate.cli.release import add_releases
from kpi_gate.cli.stages import add_stages
from kpi_gate.cli.watch import add_verbs
from kpi_gate.errors import ConfigurationError
from kpi_gate.files.yaml_file import read_mapping

if TYPE_CHECKING:
    from kpi_gate.run.result import RetrainResult

UNEXPECTED, WRONG_CALL = 1, 2
READING = (
    "list",
    "ledger",
    "decide",
    "judge",
    "doctor",
    "update",
)  # the others write, and need room to

app = typer.Typer(
    help="Retrain on a schedule; promote a model only when its offline gain is worth money.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(ledger_app, name="ledger")
add_stages(app)
add_releases(app)
add_verbs(app)
add_installation(app)


@app.callback()
def require_room(context: typer.Context) -> None:
    """Refuse to begin what a full disk would end half-way."""
    from kpi_gate.record import disk
    from kpi_gate.workspace import Place

    if context.invoked_subcommand not in READING:
        disk.require_room(Place())


@app.command("list")
def list_use_cases(as_json: AsJson = False) -> None:
    """List the use cases: KPI, schedule and title."""
    from kpi_gate.orchestration import work_pools
    from kpi_gate.usecase import discovery
    from kpi_gate.workspace import Place

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


@app.command()
def retrain(name: UseCaseName, as_of: AsOf = None, as_json: AsJson = False) -> None:
    """Snapshot, validate, train, compare, decide, record; promote only if the gate says so."""
    from kpi_gate.files import project
    from kpi_gate.orchestration import work_pools
    from kpi_gate.orchestration.temporary_server import prefect_at_hand
    from kpi_gate.pipeline.repeat import repeated
    from kpi_gate.run.opening import plan_run

    run = plan_run(name, as_of)
    if as_of is not None:
        require_rows(run)
    work_pools.follow(run.place.root, name)  # a wrong call has ended before
    result = repeated(run)
    if result is None:
        with prefect_at_hand(run.place):
            flow = project.here().flow("retrain")
            result = cast("RetrainResult", flow(name, as_of))
    decision = result.decision
    report_decision(decision, as_json, {"repeated": result.repeated, "outcome": result.outcome})
    if not as_json:
        if result.repeated and result.entry is not None:
            typer.echo(
                f"Nothing new since the decision of {result.entry.at:%Y-%m-%d %H:%M} UTC: the same "
                f"snapshot {result.entry.body['snapshot'][:12]}, settings and code. "
                "Nothing was trained."
            )
        typer.echo(f"Champion: {result.outcome}.")
    raise typer.Exit(decision.verdict.exit_code)


@app.command()
def judge(  # noqa: PLR0913, PLR0917  (options of a command)
    objective: Annotated[Path, typer.Option(help="YAML with `objective` and `guardrails`.")],
    rows: Annotated[
        Path, typer.Option(help="Parquet or CSV: unit, event_time, value_champion, value_candidate")
    ],
    measures: Annotated[
        Path | None, typer.Option(help="JSON: {candidate: {measure: number}, champion: {...}}")
    ] = None,
    past: Annotated[
        Path | None, typer.Option(help="JSON: [{gain, standard_error}, ...] of earlier candidates")
    ] = None,
    as_of: AsOf = None,
    trained_until: Annotated[
        datetime | None,
        typer.Option(parser=moment, metavar="DATE", help="End of what the candidate has seen."),
    ] = None,
    champion_trained_until: Annotated[
        datetime | None,
        typer.Option(parser=moment, metavar="DATE", help="End of what the champion has seen."),
    ] = None,
    label_delay_days: Annotated[
        float | None,
        typer.Option(min=0, max=10_000, help="Days until an outcome is known; proves maturity."),
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write the decision page here.")] = None,
    as_json: AsJson = False,
) -> None:
    """Run the gate alone on a table of per-row values, whoever made it.

    With the dates of what both models have seen it also proves that the rows are fresh.
    """
    require_file_target(html, "--html")
    read_mapping(objective)  # what must not be built is refused before pandas is imported
    from kpi_gate.evaluation.judge import judge as judge_rows

    said = {
        "as_of": as_of,
        "trained_until": trained_until,
        "champion_trained_until": champion_trained_until,
        "label_delay_days": label_delay_days,
    }
    known = {name: value for name, value in said.items() if value is not None}
    decision = judge_rows(
        rows, objective, measures=measures, past=past or (), provenance=known or None
    )
    if html is not None:
        html.parent.mkdir(parents=True, exist_ok=True)
        html.write_text(decision.to_html(), encoding="utf-8")
    report_decision(decision, as_json)
    raise typer.Exit(decision.verdict.exit_code)


@app.command()
def selftest(
    name: UseCaseName,
    as_of: AsOf = None,
    html: Annotated[Path | None, typer.Option(help="Write the page here too.")] = None,
    as_json: AsJson = False,
) -> None:
    """Let candidates that must not pass ask the gate, on the use case's own data.

    Exit code 1 where the gate decided wrong. A scheduled retrain promotes nothing until it passes.
    """
    require_file_target(html, "--html")
    from kpi_gate import pipeline
    from kpi_gate.proof.record import page_of
    from kpi_gate.report.terminal import show_selftest
    from kpi_gate.run.opening import plan_run

    run = plan_run(name, as_of)
    if as_of is not None:
        require_rows(run)
    try:
        with show_selftest(quiet=as_json) as each:
            result = pipeline.selftest(run, each)
    except pipeline.Refusal as refusal:
        refuse(run, refusal, as_json)
    if html is not None:
        html.parent.mkdir(parents=True, exist_ok=True)
        html.write_text(result.to_html(), encoding="utf-8")
    if as_json:
        print_json({"passed": result.passed, **result.model_dump(mode="json")})
    else:
        typer.echo(f"{name}: {result.sentence()}. Page: {run.place.shown(page_of(run))}")
    raise typer.Exit(0 if result.passed else UNEXPECTED)


@app.command()
def reproduce(
    decision: Annotated[
        str,
        typer.Argument(help="Its id, the first 6 or more characters, or its row in the ledger."),
    ],
    keep: Annotated[
        Path | None, typer.Option(help="Restore into this folder, and keep it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run a decision again from its data, code and settings; say same (0) or different (1)."""
    require_decision_id(decision)
    from rich.console import Console

    from kpi_gate.reproduce.rerun import reproduce as run_again
    from kpi_gate.reproduce.sandbox import scratch_folder
    from kpi_gate.workspace import Place

    with scratch_folder(keep) as folder, Console(stderr=True).status("") as status:
        found = run_again(Place(), decision, folder, status.update)
    if as_json:
        print_json(found.as_json())
    else:
        Console().print(found.table())
        for line in (*found.notes, *(f"warning: {words}" for words in found.warnings)):
            typer.echo(line)
        typer.echo(found.sentence())
    raise typer.Exit(0 if found.same else UNEXPECTED)


@app.command()
def schedule() -> None:
    """Serve every use case's flow on its cron expression, until Ctrl-C; needs a Prefect server."""
    from kpi_gate.workspace import UnreachableError

    if not os.environ.get("PREFECT_API_URL"):
        raise UnreachableError(
            "a schedule needs a Prefect server: start `kpi-gate ui`, or set PREFECT_API_URL"
        )
    from kpi_gate.orchestration import work_pools
    from kpi_gate.orchestration.waiting import wait_for_server
    from kpi_gate.workspace import Place

    place = Place()
    os.chdir(place.root)  # processes that run a flow find the project's code from there
    work_pools.follow(place.root)
    wait_for_server()  # who we are is read by Prefect when it is imported
    from kpi_gate.orchestration.schedule import serve_all

    serve_all()


@app.command()
def ui(
    mlflow_port: Annotated[int, typer.Option(min=1, max=65535)] = 5000,
    prefect_port: Annotated[int, typer.Option(min=1, max=65535)] = 4200,
) -> None:
    """Show runs and flows: MLflow and Prefect on loopback, until Ctrl-C."""
    if mlflow_port == prefect_port:
        raise typer.BadParameter(f"both pages ask for port {mlflow_port}; give two")
    from kpi_gate.orchestration.servers.pages import serve_pages
    from kpi_gate.record.prefect_key import key_file, read_key
    from kpi_gate.workspace import Place

    place = Place()

    def ready(pages: str, flows: str) -> None:
        kept = place.shown(key_file(place.home))
        shown = f"with {read_key(place.home)}   kept in" if sys.stdout.isatty() else "with"
        typer.echo(f"MLflow   {pages}   decisions, models, money\nPrefect  {flows}   flow runs")
        typer.echo(f"Sign in  to Prefect {shown} {kept}, which only you can read")
        typer.echo(f"State    {place.home}   Ctrl-C stops both")

    serve_pages(place, mlflow_port, prefect_port, ready)


def main() -> None:
    """Run a command; a fault is one line on stderr and an exit code, never a traceback."""
    from kpi_gate.environment import prepare_environment
    from kpi_gate.record.prefect_key import meet_prefect
    from kpi_gate.workspace import Place

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
