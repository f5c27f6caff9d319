"""The look at a champion in use at the door, and the way out of quarantine."""

from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, cast

import typer

from kpi_gate.cli.call_checks import plan, require_champion, require_reason
from kpi_gate.cli.options import AsJson, AsOf, Reason, UseCaseName, print_json, working

if TYPE_CHECKING:
    from kpi_gate.watch.result import Watched

SEVERE = 20


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no day; write 2009-07-01") from None


def monitor(
    name: UseCaseName,
    as_of: AsOf = None,
    release: Annotated[
        date | None,
        typer.Option(parser=_day, metavar="DAY", help="Let a day out of quarantine instead."),
    ] = None,
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Look at the champion in use: health, value, drift; exit code 20 where something is severe.

    A severe finding stops promotions until a later look finds none. Days whose rows are unusable
    go into quarantine: they count neither for training nor for judging, until they are released.

    Examples:
        kpi-gate monitor campaign
        kpi-gate monitor campaign --as-of 2009-10-02
        kpi-gate monitor campaign --release 2009-06-03 --reason 'the file was mended'
    """
    if release is not None:
        _release(name, as_of, release, require_reason(reason, "a release from quarantine"))
        return
    require_champion(name)
    from kpi_gate.files import project
    from kpi_gate.orchestration import work_pools
    from kpi_gate.orchestration.temporary_server import prefect_at_hand

    with working(f"{name}: monitor") as tell:
        run = plan(name, as_of)  # a wrong call is told before anything is started
        work_pools.follow(run.workspace.root, name)
        with prefect_at_hand(run.workspace):
            from kpi_gate.orchestration.ending import call_flow
            from kpi_gate.pipeline.respond import page_of

            seen = cast("Watched", call_flow(project.here().flow("monitor"), name, as_of, tell))
    if as_json:
        print_json({**seen.model_dump(mode="json"), "severe": seen.severe})
    else:
        _show(seen)
        typer.echo(f"Page: {run.workspace.shown(page_of(run))}, and in MLflow.")
    raise typer.Exit(SEVERE if seen.severe else 0)


def _release(name: str, as_of: datetime | None, day: date, reason: str) -> None:
    """Let a day out of quarantine."""
    from kpi_gate.release import quarantine
    from kpi_gate.run.opening import open_run

    with open_run(name, as_of) as run:
        quarantine.put(run, [day], quarantine.RELEASE, reason)
    typer.echo(f"{name}: {day} is out of quarantine; it counts from now on.")


def _show(seen: "Watched") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for word in ("", "layer", "check", "what"):
        table.add_column(word, overflow="fold")
    for found in seen.findings:
        where = f"{found.check} {found.column}".strip()
        table.add_row(found.severity, found.layer, where, Text(found.sentence))
    console = Console(highlight=False, width=100)
    console.print(Text(f"{seen.sentence}."))
    console.print(table)
    if seen.action:
        console.print(Text(f"Done: {seen.action}."))
    if seen.choice is not None:
        console.print(Text(seen.choice.reason))
