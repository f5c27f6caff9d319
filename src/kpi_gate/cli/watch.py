"""The verbs around a champion: is its promotion policy good, is it well, and how did it go?"""

import os
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from kpi_gate.cli.call_checks import require_file_target
from kpi_gate.cli.changed_history import accept_history
from kpi_gate.cli.monitor import monitor
from kpi_gate.cli.options import AsJson, UseCaseName, moment, print_json
from kpi_gate.cli.report import report
from kpi_gate.errors import ConfigurationError


def backtest(  # noqa: PLR0913, PLR0917  (options of a command)
    name: UseCaseName,
    start: Annotated[
        datetime, typer.Option("--from", parser=moment, metavar="DATE", help="First tick (UTC).")
    ],
    end: Annotated[
        datetime, typer.Option("--to", parser=moment, metavar="DATE", help="End of the stretch.")
    ],
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="As if the YAML held this value."),
    ] = None,
    axes: Annotated[
        list[str] | None,
        typer.Option("--sweep", metavar="KEY=V1,V2,...", help="What if; several make a grid."),
    ] = None,
    unheld: Annotated[
        bool, typer.Option("--unheld", help="Beside them: models trained on everything known.")
    ] = False,
    html: Annotated[Path | None, typer.Option(help="Write the page here too.")] = None,
    workers: Annotated[
        int, typer.Option(min=1, max=256, help="Processes; default one a core.")
    ] = os.cpu_count() or 1,
    as_json: AsJson = False,
) -> None:
    """Play promotion policies on history, tick by tick, with only what was known then.

    The gate, always the newest, never again, "the metric is higher", and a hindsight oracle. A play
    that was interrupted goes on where it was.
    """
    if start >= end:
        words = f"--to == {end:%Y-%m-%d}, must be after --from {start:%Y-%m-%d}"
        raise ConfigurationError(words)
    require_file_target(html, "--html")
    from kpi_gate.backtest.engine import play
    from kpi_gate.backtest.scenario import lay_out
    from kpi_gate.backtest.sensitivity import combinations, sweep
    from kpi_gate.backtest.store import keep_pages
    from kpi_gate.report.terminal import progress_bar, show_backtest
    from kpi_gate.workspace import Place

    place = Place()
    asked = _once("--set", [_setting(word, "--set") for word in changes or ()])
    axes_asked = _once("--sweep", [_axis(word) for word in axes or ()])
    tried = {key: _values(value) for key, value in axes_asked.items()}
    combinations(tried)
    scene = lay_out(name, start, end, asked, place, unheld=unheld)
    with progress_bar(f"{name}: {len(scene.ticks)} ticks") as told:
        found = play(scene, workers, told)
    what_if = None
    if tried:
        with progress_bar(f"{name}: what if") as told:
            what_if = sweep(scene, (start, end), tried, place, workers, told)
    page = keep_pages(scene, found, what_if, place)
    if html is not None:
        html.parent.mkdir(parents=True, exist_ok=True)
        html.write_text(page.read_text(encoding="utf-8"), encoding="utf-8")
    if as_json:
        print_json(found.as_json(what_if))
        return
    show_backtest(found, what_if)
    typer.echo(
        f"Page: {place.shown(page)}, and in MLflow, experiment {name}, run {found.run_name}."
    )


def _once(option: str, given: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a key that is given twice: which of the two would hold?"""
    found: dict[str, Any] = {}
    for key, value in given:
        if key in found:
            raise typer.BadParameter(f"{option} {key} is given twice, must be given once")
        found[key] = value
    return found


def _setting(word: str, option: str) -> tuple[str, Any]:
    key, equals, value = word.partition("=")
    if not (key.strip() and equals):
        raise typer.BadParameter(
            f"{option} {word!r}, must be KEY=VALUE, such as window.tune_days=14"
        )
    return key.strip(), _read(value, f"{option} {key.strip()}")


def _axis(word: str) -> tuple[str, str]:
    key, equals, values = word.partition("=")
    if not (key.strip() and equals and values.strip()):
        raise typer.BadParameter(
            f"--sweep {word!r}, must be KEY=V1,V2,..., such as objective.confidence=0.9,0.95"
        )
    return key.strip(), values


def _values(words: str) -> list[Any]:
    """Read a comma-separated list; a cron expression with commas is quoted as in YAML."""
    return list(_read(f"[{words}]", "--sweep"))


def _read(words: str, name: str) -> Any:
    """Read a value as the YAML file would hold it."""
    from kpi_gate.files.yaml_file import parse_yaml

    try:
        return parse_yaml(words, name).content
    except ConfigurationError as error:
        raise typer.BadParameter(str(error)) from None


def add_verbs(app: typer.Typer) -> None:
    """Add the commands of this module."""
    for verb in (backtest, monitor, report, accept_history):
        app.command()(verb)
