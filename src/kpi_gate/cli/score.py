"""Score a file at the door, by what serves."""

from pathlib import Path
from typing import Annotated

import typer

from kpi_gate.cli.options import AsJson, UseCaseName, file_to_write, print_json, working


def score(
    name: UseCaseName,
    rows: Annotated[
        Path,
        typer.Option(
            metavar="IN", help="Rows as a request has them: .parquet, .csv, or a folder of these."
        ),
    ],
    to: Annotated[Path, file_to_write("Write the decisions here, .parquet, in the order of IN.")],
    log: Annotated[
        bool, typer.Option("--log/--no-log", help="Keep the decisions beside those of the server.")
    ] = True,
    version: Annotated[
        str, typer.Option(help="By this version alone, as a trial; nothing is logged.")
    ] = "",
    set_aside: Annotated[
        Path | None, file_to_write("Write rows with faults here, as JSON lines, and go on.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Decide on many rows as the server would: holdout, experiment, budget and log included.

    Examples:
        kpi-gate score campaign --rows clients.parquet --to calls.parquet
        kpi-gate score campaign --rows clients.csv --to trial.parquet --version v2
    """
    if to.suffix != ".parquet":
        raise typer.BadParameter(f"--to {to}: must end in .parquet")
    from kpi_gate.pipeline.score import score as decide
    from kpi_gate.run.opening import plan_run

    with working(f"{name}: score") as tell:
        run = plan_run(name)
        found = decide(run, rows, to, log=log, version=version, set_aside=set_aside, told=tell)
    if as_json:
        print_json({**found._asdict(), "written": str(to)})
        return
    typer.echo(f"{name}: {found.rows:,} rows are decided, champion {found.champion}.")
    if found.ruled:
        typer.echo(f"For {found.ruled:,} the rule of thumb stands in: `fault` says why.")
    if found.set_aside:
        typer.echo(f"{found.set_aside:,} have faults, and are in {set_aside}.")
    typer.echo(f"Written: {to}{'' if found.logged else '; nothing was logged'}")
