"""Any frame as a plain table: pandas, Arrow or polars, each column by what it is for."""

from collections.abc import Mapping

import pandas as pd

from kpi_gate.data.columns import Kind, plain_column
from kpi_gate.data.storage import FrameError as FrameError  # noqa: PLC0414

SHAPE = "rows_are_a_table"
_TO_PANDAS = {"pyspark": "toPandas()", "dask": "compute()", "modin": "_to_pandas()"}


def plain(found: object, kinds: Mapping[str, Kind], positive: object = None) -> pd.DataFrame:
    """Return what a user's code gave as a plain table, its columns in their order.

    The same values give the same table, whatever they were stored as: fingerprints and decisions
    do not hang on types. The row index is dropped.

    Args:
        found: A frame of pandas, Arrow or polars.
        kinds: What each column is for; others are made plain and nothing more.
        positive: Level of the outcome that counts as 1, where the owner says so.

    Raises:
        FrameError: If it is no table, or a column cannot be read; every such column is named.
    """
    rows = as_pandas(found)
    _require_names(rows, kinds)
    columns: dict[str, pd.Series] = {}
    faults: list[FrameError] = []
    rows = rows.reset_index(drop=True)
    for name in rows.columns:
        try:
            columns[name] = plain_column(rows[name], kinds.get(name, "other"), positive)
        except FrameError as error:
            faults.append(error)
    if faults:
        raise FrameError(faults[0].check, "; ".join(map(str, faults)))
    return pd.DataFrame(columns, index=rows.index)


def as_pandas(found: object) -> pd.DataFrame:
    """Return a frame of pandas, Arrow or polars as one of pandas.

    Raises:
        FrameError: If it is none of them; the message has the line to write.
    """
    if isinstance(found, pd.DataFrame):
        return found
    kind = f"{type(found).__module__.partition('.')[0]}.{type(found).__name__}"
    if kind == "polars.LazyFrame":
        found = found.collect()  # type: ignore[attr-defined]
    if hasattr(found, "__arrow_c_stream__") and hasattr(found, "columns"):
        try:
            import pyarrow as pa  # the gate alone does without
        except ImportError:
            if hasattr(found, "to_dict"):  # polars
                return pd.DataFrame(found.to_dict(as_series=False))
            raise
        table: pd.DataFrame = pa.table(found).to_pandas(types_mapper=pd.ArrowDtype)
        return table
    line = _TO_PANDAS.get(kind.partition(".")[0], "")
    more = f": `return rows.{line}`" if line else ""
    raise FrameError(SHAPE, f"it is of the type {kind}, must be a pandas.DataFrame{more}")


def _require_names(rows: pd.DataFrame, kinds: Mapping[str, Kind]) -> None:
    """Refuse columns without a name of their own, and columns that hide in the index."""
    if isinstance(rows.columns, pd.MultiIndex):
        raise FrameError(
            SHAPE, f"its columns have {rows.columns.nlevels} levels of names, must have one"
        )
    strange = [name for name in rows.columns if not isinstance(name, str)]
    if strange:
        raise FrameError(SHAPE, f"its column {strange[0]!r} has no text as its name")
    twice = rows.columns[rows.columns.duplicated()]
    if len(twice):
        raise FrameError(SHAPE, f"its column {twice[0]!r} is there twice")
    hidden = [n for n in rows.index.names if n in kinds and n not in rows.columns]
    if hidden:
        raise FrameError(
            SHAPE, f"{hidden[0]!r} is in its index, must be a column: `return rows.reset_index()`"
        )
