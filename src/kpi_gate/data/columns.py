"""One column of any frame by what it is for: plain numpy, text or moments, or refused by name."""

import re
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kpi_gate.data.outcomes import outcomes, truths
from kpi_gate.data.storage import TEXT, FrameError, doubles, numpy_backed, refuse

Kind = Literal["time", "outcome", "truth", "identity", "number", "category", "other"]
EXACT = 2**53  # beyond it neighbouring whole numbers are one and the same float
ZONED = "times_have_a_zone"
UTC = "datetime64[us, UTC]"
_DAY = re.compile(r"\d{4}-\d\d-\d\d")  # a day in UTC
OFFSET = re.compile(r"\d[Tt ]\d\d.*(?:[Zz]|[+-]\d\d(?::?\d\d)?)$")


def plain_column(column: pd.Series, kind: Kind = "other", positive: object = None) -> pd.Series:
    """Return a column as numpy, text or moments in UTC, whatever it was stored as.

    The same values give the same column: pandas' own, nullable and Arrow types, decimals and
    dictionaries alike. Numbers of a model are doubles; identities are whole numbers or text.

    Args:
        column: Any column.
        kind: What it is for.
        positive: Level of an outcome that counts as 1, where the owner says so.

    Raises:
        FrameError: If it holds what no rule could read.
    """
    if kind == "category" and isinstance(column.dtype, pd.CategoricalDtype):
        return _dictionary(column)
    values = numpy_backed(column)
    if kind == "outcome":
        return outcomes(values, positive)
    readers = {"time": _moments, "truth": truths, "identity": _identity}
    return readers[kind](values) if kind in readers else _numbers(values, kind)


def _moments(column: pd.Series) -> pd.Series:
    """Return moments in UTC, to the microsecond; a time that could be several is refused.

    A day is the day in UTC.
    """
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return column.dt.tz_convert("UTC")
    if column.isna().all():
        return pd.Series(pd.NaT, column.index, dtype=UTC, name=column.name)
    if isinstance(column.dtype, pd.StringDtype):
        return _moments_of_text(column)
    example = column.dropna().iloc[0]
    if pd.api.types.is_datetime64_dtype(column):
        words = (
            f"has no time zone ({column.dtype}, such as {example}): say which it is, "
            f"such as rows[{column.name!r}].dt.tz_localize('UTC')"
        )
    elif pd.api.types.infer_dtype(column, skipna=True) == "date":  # a day in UTC
        return pd.to_datetime(column, utc=True).dt.as_unit("us")
    elif pd.api.types.is_numeric_dtype(column):
        words = (
            f"holds numbers such as {example}, which could be any unit of time: "
            f"pd.to_datetime(rows[{column.name!r}], unit='s', utc=True) reads seconds"
        )
    else:
        words = (
            f"holds values such as {example!r}, must hold moments with a time zone, such "
            "as 2024-05-01T10:00:00Z"
        )
    raise FrameError(ZONED, f"{column.name} {words}")


def _moments_of_text(column: pd.Series) -> pd.Series:
    words = column.str.strip()
    said = words.str.contains(OFFSET, na=True) | words.str.fullmatch(_DAY, na=True)
    unzoned = words.notna() & ~said
    read = pd.to_datetime(words.mask(unzoned), utc=True, format="ISO8601", errors="coerce")
    unread = (read.isna() & words.notna()).to_numpy()
    if unread.any():
        fault = "has no offset from UTC" if unzoned.iloc[unread.argmax()] else "is no time"
        more = f"as {int(unread.sum())} of {len(column)} rows"
        _refuse_row(
            column, unread, f"{fault}, {more}; write times such as 2024-05-01T10:00:00Z", ZONED
        )
    return read.dt.as_unit("us")


def _identity(values: pd.Series) -> pd.Series:
    """Return whole numbers or text; where some are missing, text: a double would merge them."""
    if values.dtype == np.float64:
        again = "; read the column as whole numbers or text"
        for fault, words in (
            (
                values.abs() >= EXACT,
                "is a float beyond 2**53, where neighbours are one and the same",
            ),
            (values.notna() & (values % 1 != 0), "is a float that is no whole number"),
        ):
            _refuse_row(values, fault.to_numpy(), words + again, "identities_exact")
        values = values.astype("Int64" if values.hasnans else "int64")
    if _is_holed(values) or isinstance(values.dtype, pd.Int64Dtype):
        text = [None if pd.isna(value) else str(value) for value in values]
        return pd.Series(text, values.index, dtype=TEXT, name=values.name)
    return values


def _numbers(values: pd.Series, kind: Kind) -> pd.Series:
    """Settle numbers: doubles for a model, whole ones for a level."""
    if kind == "number":
        kept = pd.api.types.is_bool_dtype(values) and values.dtype != object
        numeric = pd.api.types.is_numeric_dtype(values) or _is_holed(values)
        return doubles(values) if numeric and not kept else values
    if values.dtype == object and values.isna().all():
        return values.astype(TEXT)
    if _is_holed(values) and pd.api.types.infer_dtype(values, skipna=True) == "integer":
        return doubles(values)
    if kind == "category" and values.dtype == np.float64 and len(values):
        whole = np.isfinite(values) & (values % 1 == 0) & (values.abs() < EXACT)
        return values.astype("int64") if whole.all() else values
    return values


def _is_holed(values: pd.Series) -> bool:
    """Tell whether whole numbers or truth values are kept as objects, as some are missing."""
    kinds = ("integer", "boolean", "empty")
    return values.dtype == object and pd.api.types.infer_dtype(values, skipna=True) in kinds


def _dictionary(column: pd.Series) -> pd.Series:
    """Keep the levels that occur, in order, as plain values: LightGBM reads such columns."""
    used = column.cat.remove_unused_categories()
    levels = plain_column(pd.Series(used.cat.categories, name=column.name), "category")
    try:
        return used.cat.rename_categories(levels).cat.reorder_categories(
            sorted(levels), ordered=column.cat.ordered
        )
    except TypeError:
        refuse(column, f"has levels of {levels.dtype}, which have no order")


def _refuse_row(column: pd.Series, where: NDArray[np.bool_], words: str, check: str) -> None:
    """Name the first row of which something wrong is true, if there is one."""
    if where.any():
        at = int(where.argmax())
        value = column.iloc[at]
        value = value.item() if isinstance(value, np.generic) else value
        raise FrameError(check, f"{column.name}: {value!r} in row {at} {words}")
