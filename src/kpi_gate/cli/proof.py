"""What proves a gate and its decisions: the self-test, and a decision made again."""

from pathlib import Path
from typing import Annotated

import typer

from kpi_gate.cli.call_checks import plan, require_decision_id, this_workspace
from kpi_gate.cli.options import AsJson, AsOf, Html, UseCaseName, print_json, refuse, write_page
from kpi_gate.cli.show import DecisionName

UNEXPECTED = 1


def selftest(
    name: UseCaseName, as_of: AsOf = None, html: Html = None, as_json: AsJson = False
) -> None:
    """Let candidates that must not pass ask the gate, on the use case's own data.

    Exit code 1 where the gate decided wrong. A scheduled retrain promotes nothing until it passes.

    Examples:
        kpi-gate selftest campaign
        kpi-gate selftest campaign --html selftest.html
    """
    from kpi_gate import pipeline
    from kpi_gate.proof.record import page_of
    from kpi_gate.report.terminal import show_selftest

    run = plan(name, as_of)
    try:
        with show_selftest(quiet=as_json) as each:
            result = pipeline.selftest(run, each)
    except pipeline.Refusal as refusal:
        refuse(run, refusal, as_json)
    if html is not None:
        write_page(html, result.to_html())
    if as_json:
        print_json({"passed": result.passed, **result.model_dump(mode="json")})
    else:
        typer.echo(f"{name}: {result.sentence()}. Page: {run.workspace.shown(page_of(run))}")
    raise typer.Exit(0 if result.passed else UNEXPECTED)


def reproduce(
    decision: DecisionName,
    keep: Annotated[
        Path | None, typer.Option(help="Restore into this folder, and keep it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run a decision again from its data, code and settings; say same (0) or different (1).

    Examples:
        kpi-gate reproduce 3f9a21
        kpi-gate reproduce 3f9a21 --keep restored
    """
    require_decision_id(decision)
    from rich.console import Console

    from kpi_gate.reproduce.rerun import reproduce as run_again
    from kpi_gate.reproduce.sandbox import scratch_folder

    with scratch_folder(keep) as folder, Console(stderr=True).status("") as status:
        found = run_again(this_workspace(), decision, folder, status.update)
    if as_json:
        print_json(found.as_json())
    else:
        Console().print(found.table())
        for line in (*found.notes, *(f"warning: {words}" for words in found.warnings)):
            typer.echo(line)
        typer.echo(found.sentence())
    raise typer.Exit(0 if found.same else UNEXPECTED)
