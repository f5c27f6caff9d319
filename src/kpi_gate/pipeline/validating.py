"""Refuse frozen rows that break the contract, or whose history is another than it was."""

import json
import tempfile
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from kpi_gate.data.history import HistoryChange, compare_history
from kpi_gate.data.quarantine import outside
from kpi_gate.data.snapshot import SET_ASIDE, write_rows
from kpi_gate.decision.verdict import Verdict
from kpi_gate.record.dvc_stages import SnapshotError, clear
from kpi_gate.render import render
from kpi_gate.run.context import Run
from kpi_gate.usecase.refusal import Refusal


def validate_snapshot(run: Run) -> None:
    """Refuse the frozen rows if they break the contract or the expectations; write the report.

    The days in quarantine are not looked at: nothing is learned from them. Where the settings
    tolerate it, single bad rows are set aside in quarantine and the rest goes on.

    Raises:
        Refusal: If they do, or if too much of what was known at the last tick is another now.
    """
    from kpi_gate.data.validation.engine import PreviousSnapshot, validate_rows

    frozen, rows, previous = run.snapshot.frozen, run.snapshot.counted, None
    before = run.snapshot.tick["previous"]
    if before:
        then = datetime.fromisoformat(before["as_of"])
        left_out = (frozen["event_time"] < then).sum() - (rows["event_time"] < then).sum()
        previous = PreviousSnapshot(then, before["rows"] - int(left_out))
    report = validate_rows(rows, run.use_case, run.as_of, previous)
    history = _history(run)
    if history is not None:
        report = replace(report, summary={**report.summary, "history": history})
    folder = run.work / "validation"
    clear(folder)
    (folder / "report.html").write_text(render(report, "html", _places(run)), encoding="utf-8")
    (folder / "report.json").write_text(json.dumps(report.summary, indent=2), encoding="utf-8")
    kept = _quarantine(run, report.bad_rows)
    if not report.passed:
        reasons = "; ".join(failure.told for failure in report.failures)
        if all(failure.quiet for failure in report.failures):  # nothing is wrong, and nothing new
            raise Refusal("rows_fresh", reasons, Verdict.INSUFFICIENT_EVIDENCE)
        raise Refusal("data_valid", f"{reasons}.{kept}")
    if history is not None and not history["passed"]:
        raise Refusal("history_unchanged", history["reason"])
    aside = {"positions": list(report.set_aside), **report.summary["set_aside"]}
    (folder / SET_ASIDE).write_text(json.dumps(aside), encoding="utf-8")


def _places(run: Run) -> dict[str, str]:
    """Return where the page of the validation says that one can look further."""
    kept = run.workspace.shown(_quarantined(run))
    return {
        "the decision": "decision/decision.html in the same run of MLflow",
        "rows in quarantine": f"{kept}, where there are any",
        "expectations": f"validation, in the YAML of {run.name}",
    }


def _quarantined(run: Run) -> Path:
    """Return the file that bad rows of this moment go to."""
    return run.workspace.home / "quarantine" / run.name / f"{run.as_of:%Y-%m-%dT%H%M}.parquet"


def _quarantine(run: Run, bad: pd.DataFrame) -> str:
    """Keep the bad rows with their reasons; say where."""
    if bad.empty:
        return ""
    path = _quarantined(run)
    write_rows(bad.astype({"reason": str}), path)
    return f" {len(bad)} rows are in quarantine: {path.name}"


def _history(run: Run) -> dict[str, Any] | None:
    """Return what became of the rows of the last tick; None where there was none before."""
    tick = run.snapshot.tick
    before = tick["previous"]
    if not before or not before.get("snapshot"):
        return None
    bound = run.use_case.settings.validation.changed_history_share
    change = _change(run, before["snapshot"])
    accepted = bool(tick.get("history_accepted"))
    told = f"{change.sentence()}; a share of {change.share:.2%} against {bound:.2%} tolerated"
    say = f"If that is right: kpi-gate accept-history {run.name} --reason '...'"
    passed = accepted or change.share <= bound
    return {
        "passed": passed,
        "accepted": accepted,
        "bound": bound,
        "since": before["as_of"],
        "reason": change.sentence() if not change.checked else told if passed else f"{told}. {say}",
        "change": change.model_dump(mode="json"),
    }


def _change(run: Run, before: str) -> HistoryChange:
    use_case, times = run.use_case, run.use_case.times
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "previous.parquet"
        try:
            run.stages.restore(before, path)
        except SnapshotError:
            return HistoryChange(checked=False)
        then = pd.read_parquet(path)
    # other rows are wanted there
    mended = run.snapshot.days("quarantined") | run.snapshot.days("released")
    late = set(times.with_outcome)
    return compare_history(
        outside(then, mended),
        run.snapshot.frozen,
        late=("outcome", "label_time", *use_case.amounts, *times.late_amounts),
        values=[name for name in use_case.value.columns if name not in late],
        features=use_case.feature_names,
    )
