"""How every use case stands, from the ledger, its YAML and its last snapshot."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kpi_gate.cli.call_checks import this_workspace
from kpi_gate.cli.options import AsJson, print_json
from kpi_gate.errors import ConfigurationError
from kpi_gate.usecase.names import names, require_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kpi_gate.record.ledger import Entry, Ledger
    from kpi_gate.record.ledger_view import LedgerView
    from kpi_gate.usecase.contract import UseCase
    from kpi_gate.workspace import Workspace

WRONG_CALL = 2


def list_use_cases(as_json: AsJson = False) -> None:
    """List the use cases: KPI, schedule and title.

    Examples:
        kpi-gate list
        kpi-gate list --json
    """
    from kpi_gate.orchestration import work_pools

    work_pools.follow(this_workspace().root)
    rows, broken = [], []
    for case in _loaded(names()):
        if isinstance(case, str):
            broken.append(case)
            continue
        objective, schedule = case.settings.objective, case.settings.schedule
        kpi = {"kpi": objective.kpi, "unit": objective.unit, "horizon": objective.horizon}
        rows.append({"name": case.name, **kpi, **schedule.model_dump(), "title": case.title})
    if as_json:
        print_json(rows)
    for row in () if as_json else rows:
        kpi_words = f"{row['kpi']} in {row['unit']}"
        typer.echo(f"{row['name']:<14} {kpi_words:<28} retrain {row['retrain']}  {row['title']}")
    _tell(broken)


def status(
    asked: Annotated[
        list[str] | None, typer.Argument(metavar="[USE_CASE]...", help="Default: all.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tell of each use case its champion, last verdict, next tick, data and health.

    Nothing is loaded or started: it reads the ledger, the YAML and the last snapshot.

    Examples:
        kpi-gate status
        kpi-gate status campaign --json
    """
    from kpi_gate.record.ledger import open_ledger

    wanted = [require_name(name) for name in dict.fromkeys(asked or ())] or names()
    workspace, now = this_workspace(), datetime.now(UTC).replace(microsecond=0)
    ledger, found, broken = open_ledger(workspace), [], []
    for case in _loaded(wanted):
        if isinstance(case, str):
            broken.append(case)
        else:
            found.append({"use_case": case.name, "title": case.title, **_facts(case, ledger, now)})
            found[-1] |= _data(workspace, case.name)
    if as_json:
        print_json(found)
    else:
        from rich.console import Console

        from kpi_gate.report.standing import show_standing

        show_standing(found, Console(highlight=False))
    _tell(broken)


def _loaded(wanted: list[str]) -> "Iterator[UseCase | str]":
    """Yield each use case, or what is wrong with it."""
    from kpi_gate.usecase import discovery

    for name in wanted:
        try:
            yield discovery.load(name)
        except ConfigurationError as error:
            yield str(error)


def _tell(broken: list[str]) -> None:
    """Tell what cannot be loaded, and end with the exit code of a wrong call."""
    for words in broken:
        typer.echo(f"kpi-gate: {words}", err=True)
    if broken:
        raise typer.Exit(WRONG_CALL)


def _facts(case: "UseCase", ledger: "Ledger", now: datetime) -> dict[str, Any]:
    """Return what ledger and YAML say of a use case."""
    from kpi_gate.record.ledger_view import LedgerView

    history = LedgerView(ledger, case.name, now).catch_up()
    decided, looks = history.of_kind("decision"), history.of_kind("monitor")
    schedule = case.settings.schedule
    made = history.decision_on(history.champion)
    return {
        "champion": history.champion or "the rule of thumb",
        "champion_since": history.standing[-1].at.isoformat() if history.standing else None,
        "champion_decision": made.subject if made else None,
        "verdict": decided[-1].body["verdict"] if decided else None,
        "decision": decided[-1].subject if decided else None,
        "as_of": decided[-1].body["as_of"] if decided else None,
        "reason": _reason(decided[-1]) if decided else None,
        "waits_for_approval": [entry.body["version"] for entry in history.pending_reviews],
        "next_retrain": _next(schedule.retrain, schedule.timezone, now),
        "next_monitor": _next(schedule.monitor, schedule.timezone, now),
        "health": _health(looks[-1]) if looks else None,
        "promotions_wait": history.standing_alarm or None,
        "experiment": _experiment(history),
    }


def _experiment(history: "LedgerView") -> str | None:
    """Return how far the experiment is that runs, or what waits for a person after one."""
    if history.shipped:
        version = history.shipped[-1].body["version"]
        return f"{version} may be promoted: kpi-gate promote {history.use_case}"
    found = history.experiments
    waits = [name for name in found.planned if name not in found.started]
    wanted = found.running or (waits[-1] if waits else "")
    if not wanted:
        return None
    from kpi_gate.experiment.record import read_experiment
    from kpi_gate.report.experiment_text import standing_text

    return standing_text(read_experiment(found, wanted))


def _reason(entry: "Entry") -> str:
    from kpi_gate.decision.verdict import Decision
    from kpi_gate.report.decision_brief import first_cause, money_sentence

    decision = Decision.model_validate(entry.body["decision"])
    words, money = first_cause(decision), money_sentence(decision)
    return f"{words} {money[:1].upper()}{money[1:]}".strip()


def _health(look: "Entry") -> str:
    words = str(look.body["sentence"]).partition(": ")[2]
    return f"{look.body['as_of'][:10]} {'SEVERE: ' if look.body['severe'] else ''}{words}"


def _next(cron: str | None, timezone: str, now: datetime) -> str | None:
    """Return when a cron expression fires next; None where there is none, or it never does."""
    from kpi_gate.usecase.cron import next_firing

    found = next_firing(cron, timezone, now) if cron else None
    return found.isoformat() if found else None


def _data(workspace: "Workspace", name: str) -> dict[str, Any]:
    """Return the span of the rows of the last snapshot, from its file's own statistics."""
    path = workspace.work(name) / "snapshot.parquet"
    none = {"rows": None, "first_row": None, "last_row": None}
    return _span(path) if path.is_file() else none


def _span(path: Path) -> dict[str, Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        told = pq.read_metadata(path)
        column = told.schema.names.index("event_time")
        groups = [told.row_group(number).column(column) for number in range(told.num_row_groups)]
        spans = [group.statistics for group in groups if group.statistics is not None]
        first, last = min(span.min for span in spans), max(span.max for span in spans)
    except (OSError, ValueError, pa.ArrowException):  # no rows, or no such file
        return {"rows": None, "first_row": None, "last_row": None}
    return {
        "rows": told.num_rows,
        "first_row": first.date().isoformat(),
        "last_row": last.date().isoformat(),
    }
