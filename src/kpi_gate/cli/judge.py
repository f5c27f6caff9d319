"""The gate alone, on a table that anybody made."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from kpi_gate.cli.options import (
    AsJson,
    AsOf,
    Whole,
    at,
    end_with,
    file_to_write,
    working,
    write_page,
)


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
    releases: Annotated[
        Path | None,
        typer.Option(help="JSON: [{offline, offline_error, online, online_error}, ...] measured."),
    ] = None,
    history: Annotated[
        Path | None,
        typer.Option(help="The same columns on days before: how days stray is learnt from them."),
    ] = None,
    as_of: AsOf = None,
    trained_until: Annotated[
        datetime | None, at(words="End of what the candidate has seen.")
    ] = None,
    champion_trained_until: Annotated[
        datetime | None, at(words="End of what the champion has seen.")
    ] = None,
    label_delay_days: Annotated[
        float | None,
        typer.Option(min=0, max=10_000, help="Days until an outcome is known; proves maturity."),
    ] = None,
    html: Annotated[Path | None, file_to_write("Write the decision page here.")] = None,
    whole: Whole = False,
    as_json: AsJson = False,
) -> None:
    """Run the gate alone on a table of per-row values, whoever made it.

    With the dates of what both models have seen it also proves that the rows are fresh.

    Examples:
        kpi-gate judge --objective objective.yaml --rows rows.parquet
        kpi-gate judge --objective objective.yaml --rows rows.csv --html page.html
    """
    from kpi_gate.files.yaml_file import read_mapping

    read_mapping(objective)  # what must not be built is refused before pandas is imported
    from kpi_gate.evaluation.judge import judge as judge_rows

    said = {
        "as_of": as_of,
        "trained_until": trained_until,
        "champion_trained_until": champion_trained_until,
        "label_delay_days": label_delay_days,
    }
    known = {name: value for name, value in said.items() if value is not None}
    with working(f"judging {rows.name}"):
        decision = judge_rows(
            rows,
            objective,
            measures=measures,
            past=past or (),
            releases=releases,
            history=history,
            provenance=known or None,
        )
    if html is not None:
        write_page(html, decision.to_html())
    end_with(decision, as_json, whole=whole)
