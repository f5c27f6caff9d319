"""Times of any frame as moments in UTC; a time that could be several moments is refused."""

import re

import numpy as np
import pandas as pd

from kpi_gate.data.errors import FrameError

ZONED = "times_have_a_zone"
UTC = "datetime64[us, UTC]"
_OFFSET = re.compile(r"\d[Tt ]\d\d.*(?:[Zz]|[+-]\d\d(?::?\d\d)?)$")


def moments(column: pd.Series) -> pd.Series:
    """Return moments in UTC, to the microsecond; what is missing is NaT.

    Args:
        column: Times with a zone, or text such as 2024-05-01T10:00:00+02:00.

    Raises:
        FrameError: If a time has no zone, cannot be read, or is a number.
    """
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return column.dt.tz_convert("UTC")
    if column.isna().all():
        return pd.Series(pd.NaT, column.index, dtype=UTC, name=column.name)
    if isinstance(column.dtype, pd.StringDtype):
        return _from_text(column)
    example = column.dropna().iloc[0]
    if pd.api.types.is_datetime64_dtype(column):
        raise FrameError(
            ZONED,
            f"{column.name} has no time zone ({column.dtype}, such as {example}): say which it is, "
            f"such as rows[{column.name!r}].dt.tz_localize('UTC')",
        )
    if pd.api.types.is_numeric_dtype(column):
        raise FrameError(
            ZONED,
            f"{column.name} holds numbers such as {example}, which could be any unit of time: "
            f"pd.to_datetime(rows[{column.name!r}], unit='s', utc=True) reads seconds",
        )
    raise FrameError(
        ZONED,
        f"{column.name} holds values such as {example!r}, must hold moments with a time zone, such "
        "as 2024-05-01T10:00:00Z",
    )


def _from_text(column: pd.Series) -> pd.Series:
    words = column.str.strip()
    unzoned = words.notna() & ~words.str.contains(_OFFSET, na=True)
    read = pd.to_datetime(words.mask(unzoned), utc=True, format="ISO8601", errors="coerce")
    unread = read.isna() & words.notna()
    if unread.any():
        at = int(np.flatnonzero(unread)[0])
        fault = "has no offset from UTC" if unzoned.iloc[at] else "is no time"
        raise FrameError(
            ZONED,
            f"{column.name}: {column.iloc[at]!r} in row {at} {fault}, as {int(unread.sum())} of "
            f"{len(column)} rows; write times such as 2024-05-01T10:00:00Z",
        )
    return read.dt.as_unit("us")
