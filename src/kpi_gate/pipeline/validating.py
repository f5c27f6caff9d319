"""Refuse frozen rows that break the contract, or whose history is another than it was."""

import json
import tempfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from kpi_gate.data.history import HistoryChange, compare_history
from kpi_gate.decision.verdict import Verdict
from kpi_gate.evaluation.evidence_files import SET_ASIDE
from kpi_gate.pipeline.ticks import days_of, outside_quarantine, read_tick
from kpi_gate.record import dvc_stages
from kpi_gate.release import quarantine
from kpi_gate.run.context import Run, read_snapshot
from kpi_gate.usecase.refusal import Refusal


def validate_snapshot(run: Run) -> None:
    """Refuse the frozen rows if they break the contract or the expectations; write the report.

    The days in quarantine are not looked at: nothing is learned from them. Where the settings
    tolerate it, single bad rows are set aside in quarantine and the rest goes on.

    Raises:
        Refusal: If they do, or if too much of what was known at the last tick is another now.
    """
    from kpi_gate.data.validation.engine import PreviousSnapshot, validate_rows
    from kpi_gate.data.validation.page import render_page

    tick, frozen, previous = read_tick(run), read_snapshot(run), None
    rows, before = outside_quarantine(frozen, tick), tick["previous"]
    if before:
        then = datetime.fromisoformat(before["as_of"])
        left_out = (frozen["event_time"] < then).sum() - (rows["event_time"] < then).sum()
        previous = PreviousSnapshot(then, before["rows"] - int(left_out))
    report = validate_rows(rows, run.use_case, run.as_of, previous)
    history = _history(run, tick, frozen)
    summary = {**report.summary, **({} if history is None else {"history": history})}
    folder = run.work / "validation"
    dvc_stages.clear(folder)
    page = render_page(summary, report.bad_rows)
    (folder / "report.html").write_text(page, encoding="utf-8")
    (folder / "report.json").write_text(json.dumps(summary, indent=2), encoding="utf-8")
    kept = _quarantine(run, report.bad_rows)
    if not report.passed:
        reasons = "; ".join(failure.reason for failure in report.failures)
        if all(failure.quiet for failure in report.failures):  # nothing is wrong, and nothing new
            raise Refusal("rows_fresh", reasons, Verdict.INSUFFICIENT_EVIDENCE)
        raise Refusal("data_valid", f"{reasons}.{kept}")
    if history is not None and not history["passed"]:
        raise Refusal("history_unchanged", history["reason"])
    aside = {"positions": list(report.set_aside), **report.summary["set_aside"]}
    (folder / SET_ASIDE).write_text(json.dumps(aside), encoding="utf-8")


def _quarantine(run: Run, bad: pd.DataFrame) -> str:
    """Keep the bad rows with their reasons; say where."""
    if bad.empty:
        return ""
    path = run.place.home / "quarantine" / run.name / f"{run.as_of:%Y-%m-%dT%H%M}.parquet"
    dvc_stages.write_rows(bad.astype({"reason": str}), path)
    return f" {len(bad)} rows are in quarantine: {path.name}"


def _history(run: Run, tick: Mapping[str, Any], frozen: pd.DataFrame) -> dict[str, Any] | None:
    """Return what became of the rows of the last tick; None where there was none before."""
    before = tick["previous"]
    if not before or not before.get("snapshot"):
        return None
    bound = run.use_case.settings.validation.changed_history_share
    change = _change(run, tick, frozen)
    accepted = bool(tick.get("history_accepted"))
    told = f"{change.sentence()}; a share of {change.share:.2%} against {bound:.2%} tolerated"
    say = f"If that is right: kpi-gate accept-history {run.name} --reason '...'"
    return {
        "passed": accepted or change.share <= bound,
        "accepted": accepted,
        "bound": bound,
        "since": before["as_of"],
        "reason": change.sentence() if not change.checked else f"{told}. {say}",
        "change": change.model_dump(mode="json"),
    }


def _change(run: Run, tick: Mapping[str, Any], frozen: pd.DataFrame) -> HistoryChange:
    use_case, times = run.use_case, run.use_case.times
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "previous.parquet"
        try:
            dvc_stages.restore(run.place.root, tick["previous"]["snapshot"], path)
        except dvc_stages.SnapshotError:
            return HistoryChange(checked=False)
        then = pd.read_parquet(path)
    mended = days_of(tick, "quarantined") | days_of(tick, "released")  # other rows are wanted there
    late = set(times.with_outcome)
    return compare_history(
        quarantine.outside(then, mended),
        frozen,
        late=("outcome", "label_time", *use_case.amounts, *times.late_amounts),
        values=[name for name in use_case.value.columns if name not in late],
        features=use_case.feature_names,
    )
