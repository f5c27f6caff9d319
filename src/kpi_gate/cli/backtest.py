"""Promotion policies on a use case's own history: is the gate good, and what if it were another?"""

import os
from datetime import datetime
from typing import Annotated, Any

import typer

from kpi_gate.cli.call_checks import require_rows, this_workspace
from kpi_gate.cli.options import AsJson, Html, UseCaseName, at, print_json, write_page
from kpi_gate.errors import ConfigurationError


def backtest(  # noqa: PLR0917  (options of a command)
    name: UseCaseName,
    start: Annotated[datetime, at("--from", words="First tick (UTC).")],
    end: Annotated[datetime, at("--to", words="End of the stretch.")],
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="As if the YAML held this value."),
    ] = None,
    axes: Annotated[
        list[str] | None,
        typer.Option("--sweep", metavar="KEY=V1,V2,...", help="What if; several make a grid."),
    ] = None,
    html: Html = None,
    workers: Annotated[
        int, typer.Option(min=1, max=256, help="Processes; default one a core.")
    ] = os.cpu_count() or 1,
    as_json: AsJson = False,
) -> None:
    """Play promotion policies on history, tick by tick, with only what was known then.

    The gate, always the newest, "the metric is higher", trained on everything, never again, the
    rule of thumb, and a hindsight oracle. A play that was interrupted goes on where it was.

    Examples:
        kpi-gate backtest campaign --from 2008-11-01 --to 2010-11-01
        kpi-gate backtest campaign --from 2009-05-01 --to 2009-08-01 --sweep window.tune_days=14,28
    """
    if start >= end:
        words = f"--to == {end:%Y-%m-%d}, must be after --from {start:%Y-%m-%d}"
        raise ConfigurationError(words)
    from kpi_gate.backtest.engine import play
    from kpi_gate.backtest.scenario import lay_out
    from kpi_gate.backtest.sensitivity import combinations, sweep
    from kpi_gate.backtest.store import keep_pages
    from kpi_gate.report.backtest_page import page as render_page
    from kpi_gate.report.backtest_wording import in_words
    from kpi_gate.report.terminal import progress_bar, show_backtest
    from kpi_gate.run.opening import plan_run
    from kpi_gate.usecase import discovery

    workspace = this_workspace()
    asked = {
        key: _read(value, f"--set {key}")
        for key, value in _pairs("--set", changes, "KEY=VALUE, such as window.tune_days=14")
    }
    example = "KEY=V1,V2,..., such as objective.confidence=0.9,0.95"
    # a list as YAML has it: a cron expression with commas is quoted
    tried = {
        key: list(_read(f"[{values}]", "--sweep"))
        for key, values in _pairs("--sweep", axes, example, empty=False)
    }
    for each in combinations(tried):  # what cannot be is told before hours of play
        discovery.load_as_if(name, {**asked, **each})
    scenario = lay_out(name, start, end, asked, workspace)
    require_rows(plan_run(name, start), "--from")
    with progress_bar(f"{name}: {len(scenario.ticks)} ticks") as told:
        found = play(scenario, workers, told)
    what_if = None
    if tried:
        with progress_bar(f"{name}: what if") as told:
            what_if = sweep(scenario, (start, end), tried, workspace, workers, told)
    page = render_page(found, what_if)
    kept = keep_pages(scenario, found, what_if, (page, in_words(found, what_if)), workspace)
    if html is not None:
        write_page(html, page)
    if as_json:
        print_json(found.as_json(what_if))
        return
    show_backtest(found, what_if)
    typer.echo(
        f"Page: {workspace.shown(kept)}, and in MLflow, experiment {name}, run {found.run_name}."
    )


def _pairs(
    option: str, words: list[str] | None, form: str, *, empty: bool = True
) -> list[tuple[str, str]]:
    """Read KEY=VALUE words; a key that is given twice is refused: which of the two would hold?"""
    found: dict[str, str] = {}
    for word in words or ():
        key, equals, value = word.partition("=")
        key = key.strip()
        if not (key and equals and (empty or value.strip())):
            raise typer.BadParameter(f"{option} {word!r}, must be {form}")
        if key in found:
            raise typer.BadParameter(f"{option} {key} is given twice, must be given once")
        found[key] = value
    return list(found.items())


def _read(words: str, name: str) -> Any:
    """Read a value as the YAML file would hold it."""
    from kpi_gate.files.yaml_file import parse_yaml

    try:
        return parse_yaml(words, name).content
    except ConfigurationError as error:
        raise typer.BadParameter(str(error)) from None
