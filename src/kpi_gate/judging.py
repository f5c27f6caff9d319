"""The gate alone, on a table of per-row values that somebody else made."""

import json
from pathlib import Path

import pandas as pd

from kpi_gate.decision.evidence import Evidence
from kpi_gate.decision.gate import decide
from kpi_gate.decision.measures import calibration_error
from kpi_gate.decision.verdict import Decision
from kpi_gate.stores.evidence import paired_rows
from kpi_gate.usecase import ConfigurationError, read_objective

REQUIRED = ("unit", "event_time", "value_champion", "value_candidate")
SIDES = ("candidate", "champion", "anchor")


def judge_table(objective: Path, rows: Path, measures: Path | None = None) -> Decision:
    """Judge a table with one row a decision.

    Columns `unit`, `event_time`, `value_champion` and `value_candidate` are required; a guardrail
    on a slice needs its column. With `outcome`, `score_champion` and `score_candidate` the
    calibration error is measured; other measures come from the JSON file.

    Raises:
        ConfigurationError: If a file cannot be read, or a column is missing or of the wrong type.
    """
    settings = read_objective(objective)
    table = _read_table(rows)
    found = _measures(table)
    for side, numbers in _read_measures(measures).items():
        found.setdefault(side, {}).update(numbers)
    slices = tuple(str(rail.slice) for rail in settings.guardrails if rail.slice)
    return decide(Evidence(rows=paired_rows(table, slices), measures=found), settings)


def _read_table(path: Path) -> pd.DataFrame:
    readers = {".parquet": pd.read_parquet, ".csv": pd.read_csv}
    if path.suffix not in readers:
        raise ConfigurationError(f"{path}: must end in .parquet or .csv")
    try:
        table = readers[path.suffix](path)
    except FileNotFoundError:
        raise ConfigurationError(f"{path}: there is no such file") from None
    except (ValueError, OSError) as error:
        raise ConfigurationError(
            f"{path}: cannot be read: {' '.join(str(error).split())}"
        ) from None
    missing = [name for name in REQUIRED if name not in table.columns]
    if missing:
        raise ConfigurationError(
            f"{path}: no column {', '.join(missing)}; it has {', '.join(table.columns)}"
        )
    holes = int(table["unit"].isna().sum())
    if holes:
        raise ConfigurationError(f"{path}: unit is missing in {holes} of {len(table)} rows")
    try:
        event_time = pd.to_datetime(table["event_time"], utc=True)
        values = {name: pd.to_numeric(table[name]).astype(float) for name in REQUIRED[2:]}
    except (ValueError, TypeError) as error:
        raise ConfigurationError(f"{path}: {' '.join(str(error).split())}") from None
    if event_time.isna().any():
        raise ConfigurationError(
            f"{path}: event_time is missing in {int(event_time.isna().sum())} rows"
        )
    return table.assign(event_time=event_time, **values)


def _measures(table: pd.DataFrame) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for side in SIDES[:2]:
        if {"outcome", f"score_{side}"} <= set(table.columns) and len(table):
            error = calibration_error(table[f"score_{side}"], table["outcome"])
            found[side] = {"calibration_error": error}
    return found


def _read_measures(path: Path | None) -> dict[str, dict[str, float]]:
    if path is None:
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {side: {k: float(v) for k, v in content.get(side, {}).items()} for side in SIDES}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ConfigurationError(
            f"{path}: must be JSON {{side: {{measure: number}}}}: {error}"
        ) from None
