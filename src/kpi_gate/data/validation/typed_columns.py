"""Columns as they came, read as times and numbers where they can be, and which rows cannot."""

import numpy as np
import pandas as pd

from kpi_gate.usecase.contract import UseCase

TIMES = ("event_time", "label_time")


def typed(rows: pd.DataFrame, use_case: UseCase) -> pd.DataFrame:
    """Return the rows with times and numbers readable as such; what is not becomes null.

    A column of the wrong type has its own rule, so nothing is forgiven here: the other rules can
    still say what else is wrong.
    """
    numbers = {feature.name for feature in use_case.features if feature.kind == "number"}
    mended: dict[str, pd.Series] = {}
    for name in rows.columns:
        column = rows[name]
        if name in TIMES:
            mended[name] = _as_time(column)
        elif name in numbers and not pd.api.types.is_numeric_dtype(column):
            mended[name] = _as_number(column)
    return rows.assign(**mended)


def _as_time(column: pd.Series) -> pd.Series:
    if pd.api.types.is_numeric_dtype(column):
        return pd.Series(pd.NaT, index=column.index, dtype="datetime64[us, UTC]")
    return pd.to_datetime(column, utc=True, errors="coerce", format="ISO8601")


def _as_number(column: pd.Series) -> pd.Series:
    return pd.to_numeric(column.astype(str), errors="coerce")


def is_number(column: pd.Series) -> pd.Series:
    """Mark the rows that hold a finite number or nothing."""
    if pd.api.types.is_numeric_dtype(column):
        infinite = np.isinf(column.to_numpy(dtype=float, na_value=np.nan))
        return pd.Series(~infinite, index=column.index)
    wrong = ~np.isfinite(_as_number(column)) & column.notna()
    # numbers that are all written as text: no single row is to blame
    return ~wrong if wrong.any() else column.isna()


def is_category(column: pd.Series) -> pd.Series:
    """Mark the rows that hold text, a whole number, a truth value or nothing."""
    types = pd.api.types
    if isinstance(column.dtype, pd.StringDtype) or types.is_bool_dtype(column):
        return pd.Series(data=True, index=column.index)
    if types.is_numeric_dtype(column):  # whole numbers with nulls among them are floats
        return column.isna() | (column % 1 == 0)
    plain = (str, bool, int, np.integer, np.bool_)
    fits = column.astype(object).map(lambda value: isinstance(value, plain))
    return fits.astype(bool) | column.isna()
