"""Rows of JSON as arrays: numbers as doubles, null as NaN, text as it is."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kpi_gate.serving.manifest import Column

Arrays = dict[str, NDArray[Any]]
NUMBERS = ("number", "whole", "truth")
NAMES = ("unit", "item")  # roles


class Reader:
    """Reads rows of JSON that have passed the check of some columns."""

    def __init__(self, columns: Sequence[Column]) -> None:
        numbers = [c for c in columns if c.kind in NUMBERS and c.role not in NAMES and c.required]
        self._numbers = [column.name for column in numbers]
        self._single = [place for place, column in enumerate(numbers) if column.single]
        self._others = [column for column in columns if column not in numbers]

    def arrays(self, rows: Sequence[Mapping[str, Any]]) -> Arrays:
        """Return the rows' columns; one that no row names is left out."""
        names = self._numbers
        table = np.array([[row[name] for name in names] for row in rows], dtype=np.float64)
        table = table.reshape(len(rows), len(names))
        if self._single:
            table[:, self._single] = rounded(table[:, self._single])
        found: Arrays = dict(zip(names, table.T, strict=True))
        for column in self._others:
            values = [row.get(column.name) for row in rows]
            if column.required or any(value is not None for value in values):
                found[column.name] = array(column, values)
        return found


def array(column: Column, values: Sequence[Any]) -> NDArray[Any]:
    """Return the values of one column."""
    if column.role in NAMES:
        return _objects(values)
    if column.kind in NUMBERS:
        numbers = np.array(values, dtype=np.float64)
        return rounded(numbers) if column.single else numbers
    if column.kind == "time":
        return np.array([_instant(value) for value in values], dtype="datetime64[us]")
    return _objects(values)


def rounded(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return numbers as single precision holds them."""
    with np.errstate(over="ignore"):
        return numbers.astype(np.float32).astype(np.float64)


def _objects(values: Sequence[Any]) -> NDArray[Any]:
    found = np.empty(len(values), dtype=object)
    found[:] = values
    return found


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    return datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None)


def event_times(rows: Sequence[Mapping[str, Any]]) -> NDArray[np.datetime64]:
    """Return when each row is decided: now, where it does not say."""
    now = datetime.now(UTC).replace(tzinfo=None)
    said = [_instant(row.get("event_time")) or now for row in rows]
    return np.array(said, dtype="datetime64[us]")


def as_pandas_has_them(columns: Sequence[Column], given: Arrays) -> Arrays:
    """Return whole numbers and truth values as such, where none is missing."""
    found = dict(given)
    for column in columns:
        kind = {"whole": np.int64, "truth": np.bool_}.get(column.kind)
        values = given.get(column.name)
        if kind is None or values is None or values.dtype == object or np.isnan(values).any():
            continue
        found[column.name] = values.astype(kind)
    return found
