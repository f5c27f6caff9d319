"""Read a table that somebody else made: every column typed, or an error that names it."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kpi_gate.settings_file import ConfigurationError
from kpi_gate.stores.evidence import CORNER, as_text

ROW_ID = "row_id"
NEVER = 1e-6  # chance at which agreement is none
_OFFSET = re.compile(r"(?:[Tt ]\d\d.*?)(Z|z|[+-]\d\d(?::?\d\d)?)$")
_KINDS = ("floating", "integer", "mixed-integer-float", "decimal")
_TRUTHS = ("observed", "hidden")


def read_table(path: Path, required: Sequence[str], numbers: Sequence[str]) -> pd.DataFrame:
    """Read a Parquet or CSV file with one row a decision.

    Args:
        path: The file.
        required: Columns that it must have; `unit` and `event_time` are among them.
        numbers: Columns that hold numbers, where the table has them.

    Raises:
        ConfigurationError: If it cannot be read, or a column is missing or of the wrong type.
    """
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
    missing = [name for name in required if name not in table.columns]
    if missing:
        raise ConfigurationError(
            f"{path}: no column {', '.join(missing)}; it has {', '.join(map(str, table.columns))}"
        )
    corners = [name for name in table.columns if str(name).startswith(CORNER)]
    typed = [name for name in (*numbers, *corners) if name in table.columns]
    try:
        holes = int(as_text(table["unit"]).isna().sum())
        if holes:
            raise ValueError(f"unit is missing in {holes} of {len(table)} rows")
        event_time = _times(table["event_time"])
        values = {name: _numbers(table[name]) for name in typed}
    except (ValueError, TypeError, OverflowError) as error:
        raise ConfigurationError(f"{path}: {' '.join(str(error).split())}") from None
    return table.assign(event_time=event_time, **values)


def row_codes(table: pd.DataFrame, values: Sequence[str]) -> NDArray[np.int64]:
    """Number the decisions of a table; a row that was counted twice gets the same number twice.

    `row_id` tells decisions apart where the table has it. Without it two rows that agree in every
    column are one row that came twice, but where a unit may well decide twice alike at a moment
    (a slate, a day, a batch): there only more agreement than chance explains is told.

    Args:
        table: The table.
        values: Columns that tell what a row is worth.
    """
    if ROW_ID in table.columns:
        return np.asarray(pd.factorize(as_text(table[ROW_ID]))[0], dtype=np.int64)
    words = table.astype({name: str for name in table.columns if name != "event_time"})
    whole = pd.util.hash_pandas_object(words, index=False).to_numpy()
    if _pairs(whole) == 0 or not _too_alike(words, whole, values):
        return np.arange(len(table))
    return np.asarray(pd.factorize(whole)[0], dtype=np.int64)


def _pairs(codes: NDArray[Any]) -> float:
    """Count the pairs of rows that have the same code."""
    sizes = np.unique(codes, return_counts=True)[1].astype(np.float64)
    return float((sizes * (sizes - 1)).sum()) / 2


def _too_alike(words: pd.DataFrame, whole: NDArray[np.uint64], values: Sequence[str]) -> bool:
    """Tell whether rows of one unit and moment agree far more often than other rows do.

    Rows on which both sides are worth the same weigh nothing, and are left out.
    """
    place = ["unit", "event_time"]
    moments = pd.util.hash_pandas_object(words[place], index=False).to_numpy()
    times = words["event_time"]
    daily = (times - times.dt.floor("D")).nunique() == 1
    if not daily and _pairs(moments) == _pairs(whole):
        return True  # whenever a unit comes twice at a moment, it is the very same row
    if {"value_champion", "value_candidate"} <= set(words.columns):
        differ = (words["value_champion"] != words["value_candidate"]).to_numpy()
        words, whole, moments = words[differ], whole[differ], moments[differ]
    if len(words) < 2:
        return False
    groups = words.groupby(place, sort=False)
    fixed = groups.nunique(dropna=False).max() <= 1  # the same for all that a unit does at once
    told = [n for n in words if n in values or not (n in place or fixed.get(n, False))]
    content = pd.util.hash_pandas_object(words[told], index=False).to_numpy()
    by_unit = pd.util.hash_pandas_object(words["unit"], index=False).to_numpy()
    alike = _pairs(content ^ (by_unit * np.uint64(31)))
    found, at_once = _pairs(content ^ (moments * np.uint64(31))), _pairs(moments)
    elsewhere = _pairs(by_unit) - at_once
    chance = _pairs(content) / (len(words) * (len(words) - 1) / 2)
    if elsewhere > 0:  # what a unit does at other moments tells what it does
        chance = max(chance, (alike - found) / elsewhere)
    expected = chance * at_once
    always = found == at_once and chance**at_once < NEVER
    return bool(always or found > 2 * expected + 4 * np.sqrt(expected))


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
    truth = kind == "boolean" and column.name in _TRUTHS
    if not len(column) or truth or kind in _KINDS:
        return pd.Series(column.to_numpy(dtype=np.float64, na_value=np.nan), column.index)
    if kind in ("string", "empty"):
        words = column.where(column.notna(), "nan").astype(str).str.strip()
        if column.name in _TRUTHS:
            words = words.str.lower().replace({"true": "1", "false": "0"})
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
    zones = _zones(column, kind)
    if len(zones) > 1:
        rows = "; ".join(f"{zone} such as {example}" for zone, example in sorted(zones.items()))
        raise ValueError(f"event_time mixes time zones: {rows}. Write every time in UTC")
    try:
        moments = pd.to_datetime(column, utc=True, format="ISO8601")
    except ValueError as error:
        raise ValueError(f"event_time: {str(error).splitlines()[0]}") from None
    if moments.isna().any():
        raise ValueError(f"event_time is missing in {int(moments.isna().sum())} rows")
    return moments


def _zones(column: pd.Series, kind: str) -> dict[str, str]:
    """Return an example of each offset from UTC; times without one are `no zone`."""
    if kind not in ("string", "datetime"):
        return {}  # one type, one zone
    found: dict[str, str] = {}
    for value in column.dropna().unique():
        if kind == "string":
            match = _OFFSET.search(str(value).strip())
            offset = match[1].upper() if match else "no zone"
        else:
            delta = value.utcoffset()
            offset = "no zone" if delta is None else f"{value:%z}"
        name = "+0000" if offset in ("Z", "+00") else offset.replace(":", "")
        found.setdefault(name, str(value))
    return found
