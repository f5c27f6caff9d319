"""What a run knows from outside, written down for DVC; and the rows that it may learn from."""

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

import pandas as pd
import yaml

from kpi_gate.decision.verdict import Verdict
from kpi_gate.evaluation.evidence_files import SET_ASIDE
from kpi_gate.files.yaml_file import read_mapping
from kpi_gate.pipeline.recording import earlier_decisions
from kpi_gate.release import accept_history, quarantine
from kpi_gate.run.context import Run, read_snapshot
from kpi_gate.run.provenance import machine_hash


def write_tick(run: Run, frozen: str = "") -> None:
    """Write down what this run knows from outside; DVC sees it as parameters.

    Args:
        run: The use case and the moment.
        frozen: Fingerprint of the snapshot, once there is one.
    """
    before = [body for body in earlier_decisions(run) if body["verdict"] != Verdict.INVALID]
    last = max(before, key=lambda body: body["as_of"], default=None)
    previous = None
    if last:
        rows, snapshot = last["snapshot_rows"], last["snapshot"]
        previous = {"as_of": last["as_of"], "rows": rows, "snapshot": snapshot}
    tick = {
        "as_of": run.as_of.isoformat(),
        "previous": previous,
        "quarantined": sorted(day.isoformat() for day in quarantine.quarantined(run)),
        "released": sorted(day.isoformat() for day in quarantine.released(run)),
        "history_accepted": accept_history.accepted(run, frozen),
        "machine": machine_hash(),
    }
    run.work.mkdir(parents=True, exist_ok=True)
    (run.work / "tick.yaml").write_text(yaml.safe_dump(tick), encoding="utf-8")


def read_tick(run: Run) -> dict[str, Any]:
    """Read what the run knew from outside."""
    found: dict[str, Any] = read_mapping(run.work / "tick.yaml").content
    return found


def read_learnable(run: Run) -> pd.DataFrame:
    """Read the frozen rows without what was in quarantine at the tick, days and single rows."""
    rows = outside_quarantine(read_snapshot(run), read_tick(run))
    path = run.work / "validation" / SET_ASIDE
    if not path.exists():
        return rows
    return rows.drop(index=json.loads(path.read_text(encoding="utf-8"))["positions"]).reset_index(
        drop=True
    )


def outside_quarantine(frozen: pd.DataFrame, tick: Mapping[str, Any]) -> pd.DataFrame:
    """Leave out the days that were in quarantine at a tick."""
    return quarantine.outside(frozen, days_of(tick, "quarantined")).reset_index(drop=True)


def days_of(tick: Mapping[str, Any], key: str) -> frozenset[date]:
    """Return the days that a tick wrote down."""
    return frozenset(date.fromisoformat(day) for day in tick.get(key, ()))
