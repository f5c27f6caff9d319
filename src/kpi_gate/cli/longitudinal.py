"""Evidence over months, at the door: a holdback, and a rollout for which nobody drew lots."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kpi_gate.cli.options import AsJson, AsOf, Html, UseCaseName, at, print_json, write_page
from kpi_gate.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kpi_gate.experiment.holdback import Win
    from kpi_gate.run.context import Run

FAULTY = 1
LARGEST_SHARE = 0.2


def holdback(  # noqa: PLR0913, PLR0917  (options of a verb)
    name: UseCaseName,
    log: Annotated[Path, typer.Option(help="File or folder of its log, as an experiment's.")],
    frozen: Annotated[str, typer.Option(help="Version that is held back; `baseline` for none.")],
    since: Annotated[datetime, at("--since", words="Since when it is frozen (UTC).")],
    share: Annotated[
        float, typer.Option(help="Share of the units that stay on it.", min=0, max=LARGEST_SHARE)
    ] = 0.02,
    salt: Annotated[str, typer.Option(help="What units were hashed with.")] = "holdback",
    as_of: AsOf = None,
    html: Html = None,
    as_json: AsJson = False,
) -> None:
    """Tell what all promotions since were worth together, and how much of what was booked arrived.

    The units that are held back are the log's `control`. Exit code 1 where the log allows no
    conclusion.

    Examples:
        kpi-gate experiment holdback campaign --log data/holdback --frozen v1 --since 2026-01-05
    """
    from kpi_gate.experiment.holdback import hold_back
    from kpi_gate.experiment.log import read_log
    from kpi_gate.experiment.plan import Metric
    from kpi_gate.run.opening import plan_run

    run = plan_run(name, as_of)
    settings = run.use_case.settings
    ratio = settings.estimator.kind == "ratio"
    metric = Metric(numerator="outcome", denominator="action") if ratio else Metric()
    found = hold_back(
        read_log(log, None),
        use_case=name,
        unit=settings.objective.unit,
        frozen=frozen,
        share=share,
        salt=salt,
        started=since,
        as_of=run.as_of,
        horizon_decisions=settings.objective.horizon_decisions,
        horizon=settings.objective.horizon,
        metric=metric,
        label_delay_days=settings.window.label_delay_days,
        wins=wins_of(run),
    )
    if html is not None:
        write_page(html, found.to_html())
    if as_json:
        print_json(found.model_dump(mode="json"))
    else:
        typer.echo(found.sentence)
        if html is not None:
            typer.echo(f"Page: {run.workspace.shown(html)}")
    raise typer.Exit(FAULTY if found.invalid else 0)


def wins_of(run: "Run") -> "Iterator[Win]":
    """Yield the promotions on record that no rollback has taken back, with what was booked."""
    from kpi_gate.experiment.holdback import Win

    for done in run.history.standing:
        decision = run.history.decisions[done.subject]
        gain = decision.body["decision"]["gain"]
        if gain is not None:
            moment = datetime.fromisoformat(decision.body["as_of"])
            yield Win(moment, str(done.body["version"]), float(gain["shrunk"]))


def rollout(
    panel: Annotated[Path, typer.Argument(help="CSV or Parquet, a row for each unit and period.")],
    unit: Annotated[str, typer.Option(help="Currency of the values, such as EUR.")],
    decisions: Annotated[
        int | None, typer.Option(help="Decisions over which the effect is told.", min=1)
    ] = None,
    html: Html = None,
    as_json: AsJson = False,
) -> None:
    """Compare a staggered rollout by difference-in-differences, where nobody drew lots.

    The table has `unit`, `period`, `value` and `treated_from` (empty where never), and `decisions`
    where rows do not count alike. It needs the extra `longitudinal`.

    Examples:
        kpi-gate experiment rollout shops.csv --unit EUR --html rollout.html
    """
    import pandas as pd

    from kpi_gate.experiment.rollout import difference_in_differences

    if not panel.is_file():
        raise ConfigurationError(f"{panel}: there is no such file")
    if panel.suffix not in (".csv", ".parquet"):
        raise ConfigurationError(f"{panel}: must end in .csv or .parquet")
    try:
        rows = pd.read_csv(panel) if panel.suffix == ".csv" else pd.read_parquet(panel)
    except (ValueError, OSError) as error:
        raise ConfigurationError(f"{panel}: cannot be read: {error}") from None
    found = difference_in_differences(rows, unit=unit, horizon_decisions=decisions)
    if html is not None:
        write_page(html, found.to_html())
    if as_json:
        print_json(found.model_dump(mode="json"))
    else:
        typer.echo(found.sentence)
