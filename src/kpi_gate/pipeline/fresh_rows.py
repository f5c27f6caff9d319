"""Refuse a quiet tick before anything is trained: without fresh rows there is nothing to judge."""

import pandas as pd

from kpi_gate.decision.evidence import Window
from kpi_gate.decision.verdict import Verdict
from kpi_gate.evaluation.comparison import gate_rows
from kpi_gate.learning.label_maturity import missing_by_day
from kpi_gate.learning.windows import within
from kpi_gate.run.context import Run
from kpi_gate.usecase.refusal import Refusal


def require_fresh_rows(run: Run) -> None:
    """Refuse a tick at which no decision is there that both sides could be compared on.

    Raises:
        Refusal: As too little evidence; as invalid where outcomes are due and missing.
    """
    rows, windows, seen = run.snapshot.learnable, run.windows, run.champion.card.contender
    until = seen.seen_until()
    if until is not None and windows.gate.end > run.as_of:
        raise _nothing_fresh(
            f"champion {seen.name} has seen rows until {until:%Y-%m-%d}, after this tick: there "
            f"is nothing fresh to compare on as of {run.as_of:%Y-%m-%d}; choose a later --as-of"
        )
    if len(gate_rows(rows, windows)):
        return
    due = rows[within(rows, windows.gate)]
    missing = missing_by_day(due)
    if missing:
        raise Refusal(
            "labels_mature",
            f"none of the {len(due)} outcomes of the gate window {windows.gate} is known, though "
            f"all are due; the oldest is of {min(missing)}: see where labels come from",
        )
    raise _nothing_fresh(_in_words(run, rows, windows.gate, until is not None))


def _nothing_fresh(reason: str) -> Refusal:
    return Refusal("rows_fresh", reason, Verdict.INSUFFICIENT_EVIDENCE)


def _in_words(run: Run, rows: pd.DataFrame, gate: Window, has_champion: bool) -> str:
    newest = f"the newest row is of {rows['event_time'].max():%Y-%m-%d}"
    since = f" since {gate.start:%Y-%m-%d}" if has_champion else ""
    return (
        f"no decision{since} has an outcome that is known and was not used before, as of "
        f"{run.as_of:%Y-%m-%d} (gate window {gate}); {newest}: wait for more"
    )
