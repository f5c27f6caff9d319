"""Rows for the owner's functions where there is no pandas: a mapping of arrays."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


class LightColumn(np.ndarray[Any, Any]):
    """An array that has what people most often ask of a pandas column."""

    def to_numpy(self, dtype: Any = None) -> NDArray[Any]:
        """Return a plain array."""
        return np.array(self, dtype=dtype)

    @property
    def values(self) -> NDArray[Any]:
        """A plain array."""
        return np.asarray(self)

    def isna(self) -> "LightColumn":
        """Mark what is missing."""
        if self.dtype == object:
            found = np.array([v is None or v != v for v in self.tolist()], dtype=bool)  # noqa: PLR0124
        elif self.dtype.kind in "fM":
            found = np.asarray(np.isnan(self))
        else:
            found = np.zeros(self.shape, dtype=bool)
        return found.view(LightColumn)

    def notna(self) -> "LightColumn":
        """Mark what is there."""
        return np.logical_not(self.isna())  # type: ignore[return-value]

    def fillna(self, value: Any) -> "LightColumn":
        """Put a value where one is missing."""
        return np.where(self.isna(), value, self).view(LightColumn)

    def isin(self, values: Iterable[Any]) -> "LightColumn":
        """Mark what is among some values."""
        wanted = set(values)
        return np.array([value in wanted for value in self.tolist()], dtype=bool).view(LightColumn)

    def between(self, left: Any, right: Any) -> "LightColumn":
        """Mark what lies between two values, both included."""
        return (self >= left) & (self <= right)  # type: ignore[no-any-return]

    def where(self, condition: Any, other: Any = np.nan) -> "LightColumn":
        """Keep what meets a condition."""
        return np.where(condition, self, other).view(LightColumn)

    def mask(self, condition: Any, other: Any = np.nan) -> "LightColumn":
        """Keep what does not meet a condition."""
        return np.where(condition, other, self).view(LightColumn)

    def map(self, values: Mapping[Any, Any]) -> "LightColumn":
        """Put for each value what a mapping has for it; NaN where it has nothing."""
        found = [values.get(value, np.nan) for value in self.tolist()]
        kind = object if any(isinstance(one, str) for one in found) else None
        return np.array(found, dtype=kind).view(LightColumn)

    @property
    def dt(self) -> "LightTimes":
        """Parts of times, in UTC."""
        return LightTimes(np.asarray(self, dtype="datetime64[us]"))

    def abs(self) -> "LightColumn":
        """Drop the signs."""
        return np.abs(self).view(LightColumn)


for _name in ("gt", "ge", "lt", "le", "eq", "ne"):
    setattr(LightColumn, _name, getattr(np.ndarray, f"__{_name}__"))


class LightTimes:
    """Parts of times, as numbers."""

    def __init__(self, times: NDArray[np.datetime64]) -> None:
        self._days = times.astype("datetime64[D]")
        self._months = times.astype("datetime64[M]")
        self._times = times

    @property
    def hour(self) -> LightColumn:
        """Hours since midnight."""
        return self._number((self._times - self._days) // np.timedelta64(1, "h"))

    @property
    def dayofweek(self) -> LightColumn:
        """Days since Monday."""
        return self._number((self._days.astype(np.int64) + 3) % 7)

    weekday = day_of_week = dayofweek

    @property
    def day(self) -> LightColumn:
        """Days of the month, from 1."""
        return self._number((self._days - self._months) // np.timedelta64(1, "D") + 1)

    @property
    def month(self) -> LightColumn:
        """Months of the year, from 1."""
        return self._number(self._months.astype(np.int64) % 12 + 1)

    @property
    def year(self) -> LightColumn:
        """Years."""
        return self._number(self._months.astype(np.int64) // 12 + 1970)

    def _number(self, numbers: NDArray[Any]) -> LightColumn:
        found = numbers.astype(np.float64)
        found[np.isnat(self._times)] = np.nan
        return found.view(LightColumn)


class LightRows(Mapping[str, LightColumn]):
    """Rows as a mapping of columns; its length is that of the columns, as pandas has it."""

    def __init__(self, columns: Mapping[str, NDArray[Any]], rows: int) -> None:
        self._columns, self._rows = columns, rows

    def __getitem__(self, name: str) -> LightColumn:
        return self._columns[name].copy().view(LightColumn)  # what is written there stays there

    def __getattr__(self, name: str) -> LightColumn:
        if name.startswith("_") or name not in self._columns:
            raise AttributeError(f"'DataFrame' object has no attribute {name!r}")
        return self[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return self._rows

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    @property
    def columns(self) -> list[str]:
        """Names of the columns."""
        return list(self._columns)
