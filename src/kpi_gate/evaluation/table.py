"""Read a table that somebody else made: every column typed, or an error that names it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kpi_gate.data.csv_table import read_csv
from kpi_gate.data.frames import as_pandas
from kpi_gate.data.given_columns import first_row, identities, moments, numbers
from kpi_gate.errors import ConfigurationError
from kpi_gate.evaluation.evidence_files import CORNER
from kpi_gate.files.small_file import require_plain_file
from kpi_gate.files.wording import shorten
from kpi_gate.learning.levels import as_text

ROW_ID = "row_id"
NEVER = 1e-6  # chance at which agreement is none
_TRUTHS = ("observed", "hidden", "outcome")
_PACKED = (".gz", ".zip", ".bz2", ".xz", ".zst", ".7z")


def read_table(
    given: object, required: Sequence[str], typed: Sequence[str], *, name: str = "rows"
) -> pd.DataFrame:
    """Return a table with one row a decision, every column of a role typed.

    Times become UTC, and a day is a day in UTC: at 00:30+02:00 it is still the day before.

    Args:
        given: A frame of pandas, polars or Arrow; or the path of a Parquet or CSV file.
        required: Columns that it must have; `unit` and `event_time` are among them.
        typed: Columns that hold numbers, where the table has them.
        name: What a frame is called.

    Raises:
        ConfigurationError: If it cannot be read, or a column is missing or of the wrong type; the
            message names column, row and value.
    """
    place = name
    if isinstance(given, str | Path):
        given, place = _read_file(Path(given), required), str(given)
    try:
        table = _with_names(as_pandas(given))
    except ValueError as error:
        raise ConfigurationError(f"{place}: {error}") from None
    missing = [name for name in required if name not in table.columns]
    if missing:
        there = ", ".join(table.columns)
        raise ConfigurationError(
            f"{place}: no column {', '.join(missing)}; it has {shorten(there, quoted=False)}"
        )
    corners = [name for name in table.columns if name.startswith(CORNER)]
    try:
        return table.assign(**_typed(table, [*typed, *corners]))
    except (ValueError, TypeError, OverflowError) as error:
        raise ConfigurationError(f"{place}: {' '.join(str(error).split())}") from None


def _read_file(path: Path, wanted: Sequence[str]) -> pd.DataFrame:
    require_plain_file(path)
    suffix = path.suffix.lower()
    if suffix not in (".parquet", ".csv"):
        more = "; unpack it first" if suffix in _PACKED else ""
        raise ConfigurationError(f"{path}: must end in .parquet or .csv{more}")
    try:
        return read_csv(path, wanted) if suffix == ".csv" else _read_parquet(path)
    except (ValueError, OSError, NotImplementedError, ImportError) as error:
        words = shorten(" ".join(str(error).split()), quoted=False)
        raise ConfigurationError(f"{path}: cannot be read: {words}") from None


def _with_names(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with roles out of its index, every column with a name of its own.

    Raises:
        ValueError: If a name is no text, or there twice.
    """
    strange = [name for name in table.columns if not isinstance(name, str)]
    if strange:
        raise ValueError(f"the column {shorten(strange[0])} has no text as its name")
    twice = table.columns[table.columns.duplicated()]
    if len(twice):
        raise ValueError(f"a column name is there twice: {shorten(twice[0])}")
    hidden = [str(name) for name in table.index.names if name in ("unit", "event_time", ROW_ID)]
    return table.reset_index(hidden) if hidden else table


def _typed(table: pd.DataFrame, typed: Sequence[str]) -> dict[str, pd.Series]:
    """Return the columns of a role as what they must hold."""
    unit = identities(table["unit"])
    if unit.isna().any():
        raise ValueError(f"unit is missing in {first_row(unit.isna().to_numpy())}")
    found = {"unit": unit, "event_time": moments(table["event_time"])}
    if ROW_ID in table.columns:
        found[ROW_ID] = identities(table[ROW_ID])
    names = [name for name in typed if name in table.columns]
    return found | {name: numbers(table[name], truths=name in _TRUTHS) for name in names}


def _read_parquet(path: Path) -> pd.DataFrame:
    with path.open("rb") as file:
        if file.read(4) != b"PAR1":
            raise ValueError("is no Parquet by its content; a text table must end in .csv")
    return pd.read_parquet(path)


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
