"""The gate alone, on a table of per-row values that somebody else made."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from kpi_gate.decision.evidence import Evidence
from kpi_gate.decision.gate import decide
from kpi_gate.decision.measures import calibration_error
from kpi_gate.decision.verdict import Decision
from kpi_gate.settings_file import ConfigurationError, read_objective
from kpi_gate.stores.evidence import as_text, paired_rows

REQUIRED = ("unit", "event_time", "value_champion", "value_candidate")
SCORES = ("outcome", "score_champion", "score_candidate")
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
    readers = {".parquet": _read_parquet, ".csv": _read_csv}
    if path.suffix not in readers:
        raise ConfigurationError(f"{path}: must end in .parquet or .csv")
    try:
        table = readers[path.suffix](path)
    except FileNotFoundError:
        raise ConfigurationError(f"{path}: there is no such file") from None
    except (ValueError, OSError, NotImplementedError) as error:
        raise ConfigurationError(
            f"{path}: cannot be read: {' '.join(str(error).split())}"
        ) from None
    missing = [name for name in REQUIRED if name not in table.columns]
    if missing:
        raise ConfigurationError(
            f"{path}: no column {', '.join(missing)}; it has {', '.join(map(str, table.columns))}"
        )
    holes = int(as_text(table["unit"]).isna().sum())
    if holes:
        raise ConfigurationError(f"{path}: unit is missing in {holes} of {len(table)} rows")
    numbers = [name for name in (*REQUIRED[2:], *SCORES) if name in table.columns]
    try:
        event_time = _times(table["event_time"])
        values = {name: _numbers(table[name]) for name in numbers}
    except (ValueError, TypeError, OverflowError) as error:
        raise ConfigurationError(f"{path}: {' '.join(str(error).split())}") from None
    return table.assign(event_time=event_time, **values)


def _read_parquet(path: Path) -> pd.DataFrame:
    table = pd.read_parquet(path)
    if not table.columns.is_unique:
        raise ValueError("a column name is there twice")
    return table


def _read_csv(path: Path) -> pd.DataFrame:
    """Read text as text: a unit `007` and a level `NA` are what they say."""
    names = pd.read_csv(path, header=None, nrows=1, dtype=str).loc[0]
    if not names.is_unique:
        raise ValueError("a column name is there twice")
    table = pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[""])
    if not isinstance(table.index, pd.RangeIndex):
        raise ValueError("the rows have more fields than the header")
    return table


def _numbers(column: pd.Series) -> pd.Series:
    """Return doubles; dates and truth values are no money, and what is missing is NaN."""
    kind = pd.api.types.infer_dtype(column, skipna=True)
    if not len(column) or kind in ("floating", "integer", "mixed-integer-float", "decimal"):
        return pd.Series(column.to_numpy(dtype=np.float64, na_value=np.nan), column.index)
    if kind in ("string", "empty"):
        words = column.where(column.notna(), "nan").astype(str).str.strip()
        try:
            return words.map(float)
        except ValueError as error:
            raise ValueError(f"{column.name}: {error}") from None
    raise ValueError(f"{column.name} holds {kind}, must hold numbers")


def _times(column: pd.Series) -> pd.Series:
    """Return moments in UTC; a bare number could be any unit of time and is refused."""
    kind = pd.api.types.infer_dtype(column, skipna=True)
    if len(column) and kind not in ("string", "datetime64", "datetime", "date"):
        raise ValueError(f"event_time holds {kind}, must hold times such as 2024-05-01T10:00:00Z")
    try:
        moments = pd.to_datetime(column, utc=True, format="ISO8601")
    except ValueError as error:
        raise ValueError(f"event_time: {str(error).splitlines()[0]}") from None
    if moments.isna().any():
        raise ValueError(f"event_time is missing in {int(moments.isna().sum())} rows")
    return moments


def _measures(table: pd.DataFrame) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for side in SIDES[:2]:
        if {"outcome", f"score_{side}"} <= set(table.columns) and len(table):
            scores = pd.to_numeric(table[f"score_{side}"], errors="coerce")
            outside = int(((scores < 0) | (scores > 1)).sum())
            if outside:
                words = f"score_{side}: {outside} of {len(table)} rows are not between 0 and 1"
                raise ConfigurationError(words)
            error = calibration_error(table[f"score_{side}"], table["outcome"])
            found[side] = {"calibration_error": error}
    return found


def _read_measures(path: Path | None) -> dict[str, dict[str, float]]:
    if path is None:
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if not set(content) <= set(SIDES):
            raise ValueError(f"sides are {', '.join(SIDES)}, got {', '.join(content)}")
        return {side: {k: float(v) for k, v in content.get(side, {}).items()} for side in SIDES}
    except (OSError, ValueError, TypeError, AttributeError, OverflowError) as error:
        raise ConfigurationError(
            f"{path}: must be JSON {{side: {{measure: number}}}}: {error}"
        ) from None
