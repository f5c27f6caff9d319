"""A tick as it was: its rows frozen, and what is trained on them, once for all who need it."""

import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd

from kpi_gate.backtest.scenario import Scenario
from kpi_gate.data.snapshot import write_rows
from kpi_gate.decision.fingerprint import digest
from kpi_gate.learning.windows import plan_windows, without_gate
from kpi_gate.pipeline import loading, stages
from kpi_gate.pipeline.fresh_rows import require_fresh_rows
from kpi_gate.pipeline.refit import fit_again
from kpi_gate.record.dvc_stages import clear
from kpi_gate.record.model_files import Model
from kpi_gate.run.candidate import train_candidate
from kpi_gate.run.context import Run
from kpi_gate.usecase.refusal import Refusal

UNHELD = "everything"
AFTERWARDS = ("refit", "refit_may_change", "refit_may_lose")  # the candidate is trained before


def freeze(scenario: Scenario, number: int) -> None:
    """Freeze the rows that were known at a tick."""
    facts, path = scenario.facts(number), scenario.snapshot(number)
    if facts.exists():
        return
    run = scenario.run(number)
    try:
        if not path.exists():
            rows = loading.load_rows(run)
            with loading.must_be_kept(run):
                write_rows(rows, path)
    except Refusal as refusal:
        write_json(facts, {"refused": [refusal.check, str(refusal)]})
        return
    frozen = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    write_json(facts, {"rows": len(pd.read_parquet(path)), "fingerprint": frozen})


def train_on_all_once(run: Run, shelf: Path) -> Path:
    """Return the model trained on everything that a tick may learn from.

    Raises:
        Refusal: If there is too little to train on.
    """
    frozen = run.snapshot.fingerprint
    shelved = shelf / digest([UNHELD, frozen, _left_out(run), _what_trains(run)])[:16]
    keep(shelved, lambda folder: _train_on_all(run, run.snapshot.learnable, folder, frozen))
    return shelved


def _train_on_all(run: Run, rows: pd.DataFrame, folder: Path, frozen: str) -> None:
    """Train on everything that is mature, so that nothing is left to judge the model by."""
    settings, event_time = run.use_case.settings.window, rows["event_time"]
    measured_days = run.snapshot.maturity.measured_days
    windows = plan_windows(event_time, settings, run.as_of, None, measured_days)
    all_mature = without_gate(event_time, settings, windows)
    train_candidate(run, rows, all_mature, folder, frozen)


def train_once(run: Run, shelf: Path) -> None:
    """Train a policy's candidate, or take it from the shelf where another has trained the same."""
    frozen, windows = run.snapshot.fingerprint, run.windows.model_dump(mode="json")
    name = digest([frozen, _left_out(run), windows, _what_trains(run)])[:16]
    shelved, mine = shelf / name, run.work / "candidate"
    if not shelved.exists():
        stages.train_on_snapshot(run)
        keep(shelved, lambda folder: copy(mine, folder))
        return
    require_fresh_rows(run)  # refuses as training would
    clear(mine)
    copy(shelved, mine)


def _left_out(run: Run) -> list[Any]:
    """Say which of the frozen rows are not learned from."""
    days = sorted(day.isoformat() for day in run.snapshot.days("quarantined"))
    return [days, run.snapshot.set_aside.get("positions", [])]


def refit_once(shelf: Path, run: Run, folder: Path) -> Model:
    """Fit the recipe of the tick's candidate on all that is mature, or take it from the shelf."""
    twin, how = run.candidate.card.contender.digest, run.use_case.settings.window.refit
    windows = run.windows.model_dump(mode="json")
    shelved = shelf / digest([how, twin, _left_out(run), windows, _what_trains(run)])[:16]
    keep(shelved, lambda partial: fit_again(run, partial))
    copy(shelved, folder)
    return Model(folder, run.use_case.trusted_types)


def _what_trains(run: Run) -> dict[str, Any]:
    names = {"model", "window", "policy", "value", "calibration", "data", "estimator"}
    trains = run.use_case.settings.model_dump(mode="json", include=names)
    for name in AFTERWARDS:
        del trains["window"][name]
    return {**trains, "slices": [rail.slice for rail in run.use_case.settings.guardrails]}


def keep(folder: Path, fill: Any) -> None:
    """Fill a folder and only then give it its name: half of it is never taken for the whole."""
    if folder.exists():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=folder.parent))
    try:
        fill(partial)
        partial.replace(folder)
    except OSError:
        if not folder.exists():  # else another process was faster, with the same content
            raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def copy(source: Path, target: Path) -> None:
    """Copy a model's folder over another."""
    shutil.copytree(source, target, dirs_exist_ok=True)


def write_json(path: Path, content: Any) -> None:
    """Write JSON so that a reader sees all of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    partial.write_text(json.dumps(content, indent=1, allow_nan=False), encoding="utf-8")
    partial.replace(path)


def read_json(path: Path) -> Any:
    """Read JSON; None where there is no file."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
