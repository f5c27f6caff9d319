"""How columns are stored: numpy, nullable, Arrow, Python's own values; each made one of a kind."""

import numbers
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NoReturn
from uuid import UUID

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    import pyarrow as pa

TEXT = pd.StringDtype(na_value=np.nan)
TYPED = "columns_readable"
_LEFT_OUT = "leave it out of load(), or write it as text or numbers"


class FrameError(ValueError):
    """A table holds what cannot be read; the message names column, row and what to do.

    Attributes:
        check: Name of the rule that it breaks.
    """

    def __init__(self, check: str, reason: str) -> None:
        super().__init__(reason)
        self.check = check


def refuse(column: pd.Series, words: str, check: str = TYPED) -> NoReturn:
    """Raise what is wrong with a column.

    Raises:
        FrameError: Always.
    """
    raise FrameError(check, f"{column.name} {words}")


def numpy_backed(column: pd.Series) -> pd.Series:
    """Return numpy, text or moments; whole numbers and truth values with nulls as objects."""
    dtype, types = column.dtype, pd.api.types
    if isinstance(dtype, pd.ArrowDtype):
        column = _from_arrow(column, dtype.pyarrow_dtype)
    elif isinstance(dtype, pd.StringDtype):
        return column.astype(TEXT)
    elif _has_text_levels(column):  # each is turned once, and not in every row
        levels = dtype.categories.array.astype(TEXT)
        text = levels.take(column.cat.codes.to_numpy(), allow_fill=True)
        return pd.Series(text, column.index, name=column.name)
    elif isinstance(dtype, pd.PeriodDtype | pd.IntervalDtype) or types.is_complex_dtype(dtype):
        refuse(column, f"holds {dtype}; {_LEFT_OUT}")
    elif isinstance(dtype, pd.SparseDtype):
        column = pd.Series(np.asarray(column), column.index, name=column.name)
    elif isinstance(dtype, pd.CategoricalDtype) or (
        types.is_extension_array_dtype(dtype)
        and not isinstance(dtype, pd.DatetimeTZDtype)
        and not types.is_float_dtype(dtype)
    ):
        column = column.astype(object)  # exact also where some are missing
    if column.dtype == object:
        kind = types.infer_dtype(column, skipna=True)
        return _READERS.get(kind, _from_strange)(column)
    return _widened(column)


def _has_text_levels(column: pd.Series) -> bool:
    """Tell whether it is a dictionary of texts, and any is known."""
    dtype = column.dtype
    if not isinstance(dtype, pd.CategoricalDtype):
        return False
    return isinstance(dtype.categories.dtype, pd.StringDtype) and bool(column.notna().any())


def doubles(values: pd.Series) -> pd.Series:
    """Return doubles; there is one zero, and one NaN."""
    wanted = values.to_numpy(dtype=np.float64, na_value=np.nan)
    wanted = np.where(np.isnan(wanted), np.nan, wanted + 0.0)
    return pd.Series(wanted, values.index, name=values.name)


def _widened(column: pd.Series) -> pd.Series:
    """Return one width of numbers, and one resolution of times."""
    dtype, types = column.dtype, pd.api.types
    if types.is_bool_dtype(dtype):
        return column
    if types.is_integer_dtype(dtype):
        fits = not len(column) or column.max() <= np.iinfo(np.int64).max
        return column.astype("int64" if fits else "uint64")
    if types.is_float_dtype(dtype):
        return doubles(column)
    if isinstance(dtype, pd.DatetimeTZDtype) or types.is_datetime64_dtype(dtype):
        return _microseconds(column)
    if types.is_timedelta64_dtype(dtype):
        return column.dt.as_unit("us")
    return column if isinstance(dtype, pd.StringDtype) else column.astype(object)


def _microseconds(column: pd.Series) -> pd.Series:
    try:
        return column.dt.as_unit("us")
    except (pd.errors.OutOfBoundsDatetime, OverflowError) as error:
        raise FrameError(TYPED, f"{column.name}: {error}") from None


def _from_arrow(column: pd.Series, kind: "pa.DataType") -> pd.Series:
    """Take a column out of Arrow."""
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    types = pa.types
    if types.is_nested(kind) or types.is_binary(kind) or types.is_large_binary(kind):
        refuse(column, f"holds {kind} of Arrow; {_LEFT_OUT}")
    if types.is_timestamp(kind) or types.is_floating(kind):
        values = pa.array(column).cast(kind).to_pandas()
        return pd.Series(
            values.to_numpy() if types.is_floating(kind) else values.array,
            column.index,
            name=column.name,
        )
    return pd.Series(pa.array(column).to_pylist(), column.index, dtype=object, name=column.name)


def _from_datetimes(column: pd.Series) -> pd.Series:
    """Return moments in UTC where every one has an offset; else as it is, for the rule on times."""
    naive = [value.utcoffset() is None for value in column.dropna()]
    if len(set(naive)) > 1:
        _refuse_mixed(column, naive, " without a zone")
    try:
        return _microseconds(pd.to_datetime(column, utc=set(naive) == {False}))
    except (ValueError, OverflowError) as error:
        raise FrameError(TYPED, f"{column.name}: {' '.join(str(error).split())}") from None


def _exact(column: pd.Series) -> pd.Series:
    """Return whole numbers and truth values as such where none is missing, else as objects."""
    if column.isna().any() or column.empty:
        return column.where(column.notna(), None)
    if isinstance(column.iloc[0], bool | np.bool_):
        return column.astype(bool)
    try:
        return column.astype("int64")
    except OverflowError:
        return column.map(str).astype(TEXT)  # too long for a number: it can only be an identity


def _is_number(value: Any) -> bool:
    number = isinstance(value, numbers.Real | Decimal)
    return number and not isinstance(value, bool | np.bool_)


def _from_strange(column: pd.Series) -> pd.Series:
    """Take numbers of several types and UUIDs; of anything else name the type, or the mixture."""
    known = column.dropna()
    if all(isinstance(value, UUID) for value in known):
        return column.map(str, na_action="ignore").astype(TEXT)
    if all(_is_number(value) for value in known):
        return doubles(column)
    first = type(known.iloc[0])
    other = [type(value) is not first for value in known]
    if any(other):
        _refuse_mixed(column, other)
    refuse(column, f"holds values of the type {first.__name__}; {_LEFT_OUT}")


def _refuse_mixed(column: pd.Series, other: list[bool], words: str = "") -> NoReturn:
    """Name the first row whose value is of another type than the first one."""
    rows = np.flatnonzero(column.notna())
    ours, theirs = rows[other.index(False)], rows[other.index(True)]
    told = [f"the {type(v).__name__} {str(v)[:60]!r}" for v in column.iloc[[ours, theirs]]]
    words = f"row {ours} holds {told[0]}, row {theirs} {told[1]}{words}"
    refuse(column, f"mixes types: {words}; make it one type")


_READERS: Mapping[str, Callable[[pd.Series], pd.Series]] = {
    "string": lambda column: column.astype(TEXT),
    **dict.fromkeys(("floating", "mixed-integer-float", "decimal"), doubles),
    **dict.fromkeys(("integer", "boolean", "empty"), _exact),
    **dict.fromkeys(("datetime", "datetime64"), _from_datetimes),
    **dict.fromkeys(
        ("timedelta", "timedelta64"), lambda column: pd.to_timedelta(column).dt.as_unit("us")
    ),
    **dict.fromkeys(("date", "time"), lambda column: column),
}
