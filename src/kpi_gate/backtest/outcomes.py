"""What each model earned in each period, known when all is over."""

import os
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kpi_gate.backtest.policies import BASELINE
from kpi_gate.backtest.scenario import Scenario
from kpi_gate.backtest.snapshots import keep, read_json, write_json
from kpi_gate.data.snapshot import write_rows
from kpi_gate.evaluation.evidence_files import DAY_US
from kpi_gate.evaluation.scored_model import make_side
from kpi_gate.evaluation.valuation import estimate
from kpi_gate.learning.scoring import ScoringError
from kpi_gate.learning.windows import never_known
from kpi_gate.pipeline import loading
from kpi_gate.record.model_files import Model
from kpi_gate.run.champion import stand_in

Floats = NDArray[np.float64]


def look_up(scenario: Scenario) -> None:
    """Freeze the rows of every period with the outcomes that became known later."""
    last = period_path(scenario, len(scenario.ticks) - 1)
    if last.exists():
        return
    run = scenario.afterwards
    rows = loading.load_rows(run)
    for number, start in enumerate(scenario.ticks):
        event = rows["event_time"]
        part = rows[(event >= start) & (event < scenario.until(number))]
        settled = part["outcome"].notna() | never_known(part)
        path = period_path(scenario, number)
        due = {"decisions": len(part), "settled": int(settled.sum())}
        write_json(path.with_suffix(".json"), due)  # first: the last table says that all is there
        write_rows(part[settled].reset_index(drop=True), path)


def period_path(scenario: Scenario, number: int) -> Path:
    """Return where the rows of a period lie."""
    return scenario.folder / "periods" / f"{number:04d}.parquet"


def value_models(scenario: Scenario, number: int, names: Iterable[str]) -> None:
    """Let models decide on the rows of a period, and keep what each row then earned."""
    folder = scenario.folder / "earned"
    wanted = [name for name in names if not earned_path(scenario, number, name).exists()]
    if not wanted:
        return
    folder.mkdir(parents=True, exist_ok=True)
    rows = pd.read_parquet(period_path(scenario, number))
    for name in wanted:
        earned = _earned_or_baseline(scenario, name, rows)
        path = earned_path(scenario, number, name)
        partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
        with partial.open("wb") as file:
            np.save(file, earned)
        partial.replace(path)


def earned_path(scenario: Scenario, number: int, name: str) -> Path:
    """Return where it is kept what a model earned in a period; no name is the baseline."""
    return scenario.folder / "earned" / f"{number:04d}-{name or BASELINE}.npy"


def earned(scenario: Scenario, number: int, name: str) -> Floats:
    """Return what a model earned with each row of a period, shape `(n,)`."""
    found: Floats = np.load(earned_path(scenario, number, name))
    return found


def earned_between(
    scenario: Scenario, number: int, name: str, start: datetime, end: datetime
) -> float:
    """Return what a model earned with those rows of a period that lie in `[start, end)`."""
    time = pd.read_parquet(period_path(scenario, number), columns=["event_time"])["event_time"]
    inside = ((time >= start) & (time < end)).to_numpy()
    return float(earned(scenario, number, name)[inside].sum())


def clusters(scenario: Scenario, number: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the unit and the day of each row of a period; units by a hash of their names."""
    rows = pd.read_parquet(period_path(scenario, number), columns=["unit", "event_time"])
    unit = pd.util.hash_pandas_object(rows["unit"], index=False).to_numpy().view(np.int64)
    time = rows["event_time"].dt.as_unit("us").astype(np.int64).to_numpy()
    return unit, time // DAY_US


def counts(scenario: Scenario, number: int) -> tuple[int, int]:
    """Return the decisions of a period, and how many of them are settled by now."""
    found = read_json(period_path(scenario, number).with_suffix(".json"))
    return int(found["decisions"]), int(found["settled"])


def _earned_or_baseline(scenario: Scenario, name: str, rows: pd.DataFrame) -> Floats:
    """Return each row's share; a day that the model cannot score goes on without a model."""
    try:
        return _earned(scenario, name, rows)
    except ScoringError:
        if not name:
            raise
    found, day = np.empty(len(rows)), rows["event_time"].dt.floor("D").to_numpy()
    for one in np.unique(day):
        part = rows[day == one].reset_index(drop=True)
        try:
            found[day == one] = _earned(scenario, name, part)
        except ScoringError:
            found[day == one] = _earned(scenario, "", part)
    return found


def _earned(scenario: Scenario, name: str, rows: pd.DataFrame) -> Floats:
    """Return each row's share of the KPI; a weighed log counts as much as it has rows."""
    if rows.empty:
        return np.empty(0)
    use_case = scenario.use_case
    if name:
        folder = scenario.model(name)
    else:
        folder = scenario.folder / "models" / BASELINE
        keep(folder, lambda partial: stand_in(scenario.afterwards, partial))
    model = Model(folder, use_case.trusted_types)
    # the baseline's probability is not asked for: any will do
    rate = model.card.outcome_rate if name else 0.5
    side = make_side(name or BASELINE, model, use_case, rows, rate)
    parameters = use_case.settings.base_values()
    found = estimate(use_case, rows, (side.action,) * 2, (side.value,) * 2, parameters)
    values: Floats = np.asarray(found.candidate, dtype=np.float64)
    if use_case.settings.estimator.kind != "snips" or found.bases is None:
        return values
    weights = np.asarray(found.bases[1], dtype=np.float64)
    weighed: Floats = values * (weights.size / weights.sum())
    return weighed
