"""Gather what a reviewer asks of an experiment, and hold it against the ledger."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from kpi_gate.errors import ConfigurationError
from kpi_gate.experiment.assignment import arms
from kpi_gate.experiment.audit import Audit, AuditEntry, AuditRow
from kpi_gate.experiment.plan import Plan
from kpi_gate.experiment.record import Experiment, ExperimentBook
from kpi_gate.pipeline.experiment import seen_again
from kpi_gate.pipeline.experiment_log import logged, place_of_log
from kpi_gate.record.ledger import Entry
from kpi_gate.record.ledger_view import LedgerView
from kpi_gate.run.context import Run

_ABOUT = ("decision", "intent", "done", "void", "rollback")


def audit(run: Run, *, wanted: str = "") -> Audit:
    """Return who was decided by which version when, under which plan, and with what result.

    Every row of the ledger is verified anew, and what was recorded is held against the log.

    Args:
        run: The use case and the moment.
        wanted: How the experiment's name begins; empty for the one that runs, or the newest.

    Raises:
        ConfigurationError: If there is no such experiment.
        LedgerError: If the ledger cannot be read.
    """
    walk = run.ledger.walk()
    if walk.faults:  # nobody acts on its rows; here they are shown, with what is wrong
        faults = [f"the ledger: {fault}" for fault in walk.faults]
        view = LedgerView(run.ledger, run.name, run.as_of).take(walk.entries)
    else:
        faults, view = [], run.history
    experiment = ExperimentBook(run, view.experiments).named(wanted)
    rows: tuple[AuditRow, ...] = ()
    mark = ""
    if experiment.started is not None:
        try:
            joined = logged(run, experiment.plan, experiment.started)
        except ConfigurationError as error:
            faults.append(f"the log: {error}")
        else:
            part = _between(joined.table, experiment, run.as_of)
            rows, mark = _rows(part, experiment.plan), log_hash(joined.table)
            faults += _log_faults(part, experiment.plan, rows)
            again = seen_again(run, experiment, joined)
            faults += [f.reason for f in again.faults if f.fatal]
    mine = [*experiment.rows, *_about(view.entries, experiment.plan.decision)]
    last = walk.entries[-1] if walk.entries else None
    return Audit(
        **_story(run, experiment),
        rows=rows,
        entries=tuple(map(_entry, sorted(mine, key=lambda row: row.number))),
        log=place_of_log(run),
        log_hash=mark,
        ledger_hash=last.hash if last else "",
        verified=not faults,
        faults=tuple(faults),
    )


def _story(run: Run, experiment: Experiment) -> dict[str, Any]:
    """Return what the ledger says of the experiment."""
    start, end = experiment.start, experiment.end
    lift = (end.body.get("lift") if end else None) or {}
    return {
        "use_case": run.name,
        "title": run.use_case.title,
        "experiment": experiment.name,
        "plan": experiment.plan,
        "state": experiment.state,
        "as_of": run.as_of,
        "planned_at": experiment.planned.at,
        "started": experiment.started,
        "ended": datetime.fromisoformat(end.body["ended"]) if end else None,
        "stopped_by": end.body["stopped_by"] if end else "",
        "asked_by": start.body["asked_by"] if start else "",
        "reason": end.body["reason"] if end else "",
        "verdict": end.body["verdict"] if end else "",
        "lift": lift.get("estimate"),
        "lift_error": lift.get("standard_error"),
        "looks": experiment.looks,
    }


def _about(entries: list[Entry], decision: str) -> list[Entry]:
    return [row for row in entries if decision and row.subject == decision and row.kind in _ABOUT]


def _entry(row: Entry) -> AuditEntry:
    body = row.body
    return AuditEntry(
        number=row.number,
        at=row.at,
        kind=row.kind,
        what=str(body.get("sentence") or body.get("reason") or body.get("version") or ""),
        asked_by=str(body.get("asked_by") or ""),
        hash=row.hash,
    )


def _between(log: pa.Table, experiment: Experiment, as_of: datetime) -> pa.Table:
    """Return the rows of the log from the start until the end, or until now."""
    until = as_of
    if experiment.end is not None:
        until = datetime.fromisoformat(experiment.end.body["ended"])
    at = pc.field("time")
    return log.filter((at >= pa.scalar(experiment.started)) & (at < pa.scalar(until)))


def _rows(log: pa.Table, plan: Plan) -> tuple[AuditRow, ...]:
    """Count the log by day, arm and version."""
    seen: Any = pa.repeat(True, len(log))
    if "exposed" in log.column_names:
        seen = log["exposed"].fill_null(True)
    name = plan.metric.numerator
    known: Any = log[name] if name in log.column_names else pa.nulls(len(log), pa.float64())
    table = pa.table(
        {
            "day": pc.floor_temporal(log["time"], unit="day"),
            "arm": log["arm"],
            "policy_version": log["policy_version"],
            "exposures": seen.cast(pa.int64()),
            "assigned_only": pc.invert(seen).cast(pa.int64()),
            "unit": pc.if_else(seen, log["unit"], pa.scalar(None, pa.string())),
            "total": pc.if_else(seen, known, pa.scalar(None, pa.float64())),
        }
    )
    only = pc.CountOptions(mode="only_valid")
    sums = table.group_by(["day", "arm", "policy_version"]).aggregate(
        [
            ("exposures", "sum"),
            ("assigned_only", "sum"),
            ("unit", "count_distinct", only),
            ("total", "count"),
            ("total", "sum"),
        ]
    )
    found = sums.sort_by([(key, "ascending") for key in ("day", "arm", "policy_version")])
    return tuple(
        AuditRow(
            day=row["day"].astimezone(UTC).date(),
            arm=row["arm"],
            policy_version=row["policy_version"],
            exposures=row["exposures_sum"],
            assigned_only=row["assigned_only_sum"],
            units=row["unit_count_distinct"],
            known=row["total_count"],
            total=row["total_sum"],
            as_planned=plan.versions[row["arm"]] == row["policy_version"],
        )
        for row in found.to_pylist()
    )


def _log_faults(log: pa.Table, plan: Plan, rows: tuple[AuditRow, ...]) -> Iterator[str]:
    """Yield where decisions were taken otherwise than planned."""
    others = [row for row in rows if not row.as_planned]
    if others:
        first, many = others[0], sum(row.exposures for row in others)
        yield (
            f"{many:,} exposures were decided by a version that the plan does not have for their "
            f"arm: on {first.day} {first.policy_version} decided for {first.arm}, planned is "
            f"{plan.versions[first.arm]}"
        )
    pairs = log.select(["unit", "arm"]).group_by(["unit", "arm"]).aggregate([])
    dealt = arms(pairs["unit"].to_pylist(), plan)
    wrong = int((dealt != pairs["arm"].to_numpy().astype(str)).sum())
    if wrong:
        yield (
            f"{wrong:,} of {len(pairs):,} units were in another arm than the plan's salted hash "
            "gives them"
        )


def log_hash(log: pa.Table) -> str:
    """Hash the rows of a log in their order."""
    rows = pd.util.hash_pandas_object(log.to_pandas(), index=False).to_numpy()
    return hashlib.sha256("|".join(log.column_names).encode() + rows.tobytes()).hexdigest()
