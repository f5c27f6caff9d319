"""What was served and what came of it, at the door: join labels, delete a person."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kpi_gate.cli.call_checks import require_reason, this_workspace
from kpi_gate.cli.options import (
    AsJson,
    AsOf,
    Reason,
    UseCaseName,
    at,
    file_to_write,
    helped,
    print_json,
    working,
)
from kpi_gate.errors import ConfigurationError

if TYPE_CHECKING:
    from kpi_gate.pipeline.label_join import Joined
    from kpi_gate.run.context import Run

label_app = typer.Typer(
    help="Join what was served with what came of it; delete a person from what was served.",
    no_args_is_help=True,
)


def join(  # noqa: PLR0917  (by name, at the door)
    name: UseCaseName,
    to: Annotated[
        Path | None, file_to_write("Write the rows here, .parquet; default: data/joined.")
    ] = None,
    outcomes: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Outcomes, .parquet or .csv: id (or unit, event_time, item), outcome, "
            "label_time, amounts; default: the rows of the use case.",
        ),
    ] = None,
    experiment: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Write the log of this experiment instead, as its name begins; `running` for "
            "the one that runs.",
        ),
    ] = "",
    start: Annotated[datetime | None, at("--start", words="Decisions from then on (UTC).")] = None,
    end: Annotated[datetime | None, at("--end", words="Decisions before then (UTC).")] = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Join the served decisions with the outcomes that are known by now.

    What is written are rows that `load()` can give: times, unit, outcome, propensity, action, the
    money of each decision, and the columns that `serving.log.values` names.

    Examples:
        kpi-gate label join campaign --outcomes calls.csv
        kpi-gate label join campaign --start 2026-09-01 --to data/raw/campaign/served.parquet
        kpi-gate label join campaign --experiment running --to data/exposures/campaign/log.parquet
    """
    if to is not None and to.suffix != ".parquet":
        raise typer.BadParameter(f"--to {to}: must end in .parquet")
    import pyarrow as pa

    from kpi_gate.experiment.record import ExperimentBook
    from kpi_gate.pipeline.label_join import as_exposures, join_labels
    from kpi_gate.report.label_text import joined_text
    from kpi_gate.run.opening import plan_run
    from kpi_gate.serving.log.keep import write_parquet

    with working(f"{name}: join labels"):
        run = plan_run(name, as_of)
        _require_served(run)
        found = join_labels(run, outcomes=outcomes, start=start, end=end)
        if experiment:
            wanted = "" if experiment == "running" else experiment
            plan = ExperimentBook(run).named(wanted).plan
            table = as_exposures(run, plan, found)
        else:
            table = pa.Table.from_pandas(found.rows, preserve_index=False)
        path = to or run.workspace.root / "data" / "joined" / f"{name}.parquet"
        write_parquet(table, path)
    shown = run.workspace.shown(path)
    if as_json:
        print_json(_facts(found, table.num_rows, str(shown)))
        return
    typer.echo(joined_text(found))
    typer.echo(f"Written: {shown} ({table.num_rows:,} rows)")


def forget(
    name: UseCaseName,
    unit: Annotated[str, typer.Option(help="Who, as the decisions have it.")],
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Delete all served decisions about a unit; what is left is a record that names nobody.

    It reaches the log and its table. Whatever was made of the log before (joined rows, snapshots,
    copies of your own) must be made anew.

    Examples:
        kpi-gate label forget campaign --unit c00042 --reason 'asked for it on 1 December'
    """
    reason = require_reason(reason, "a deletion")
    if not unit.strip():
        raise typer.BadParameter("--unit: is empty, must be a unit as the decisions have it")
    from kpi_gate.release.alias_move import asked_by
    from kpi_gate.serving import places
    from kpi_gate.serving.log.forget import forget as delete
    from kpi_gate.serving.log.forget import key_in

    workspace = this_workspace()
    with working(f"{name}: forget a unit"):
        found = delete(
            places.log(workspace, name),
            unit,
            key=key_in(places.root(workspace)),
            by=asked_by(),
            reason=reason,
            sql_url=workspace.serving_log_url.get_secret_value(),
        )
    if as_json:
        print_json(found._asdict())
        return
    copies = f", and {found.copies:,} in the table" if found.copies else ""
    typer.echo(f"{name}: {found.rows:,} decisions of the unit are deleted{copies}.")
    typer.echo(
        "What was made of the log before still holds them: join labels anew, and take a new "
        "snapshot."
    )


def _require_served(run: "Run") -> None:
    from kpi_gate.pipeline.served_log import folder_of

    if not folder_of(run).is_dir():
        raise ConfigurationError(
            f"{run.workspace.shown(folder_of(run))}: nothing of {run.name} was served yet; "
            f"`kpi-gate serve {run.name}` serves it, `kpi-gate score {run.name}` scores a file"
        )


def _facts(found: "Joined", rows: int, path: str) -> dict[str, object]:
    counts = found.counts._asdict()
    return {**counts, "source": found.source, "key": found.key, "rows": rows, "written": path}


for _name, _verb in (("join", join), ("forget", forget)):
    _words, _examples = helped(_verb)
    label_app.command(_name, help=_words, epilog=_examples)(_verb)
