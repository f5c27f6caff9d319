"""Columns of a file as a predictor takes them, and what is wrong with them, row by row."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from kpi_gate.serving.manifest import Column
from kpi_gate.serving.schema import EXTRA, LARGEST_WHOLE, LONGEST_TEXT, MOST_FAULTS, RowFault, shown
from kpi_gate.serving.wire import NAMES

Marks = NDArray[np.bool_]
_ZONED = pa.timestamp("us", tz="UTC")
_TYPES = {
    "number": pa.float64(),
    "whole": pa.int64(),
    "text": pa.string(),
    "truth": pa.bool_(),
    "time": _ZONED,
}


class Taken(NamedTuple):
    """Columns of a part of a file.

    Attributes:
        columns: By name, as `Predictor.decide_columns` takes them.
        faults: What is wrong, the first faults of each column at most; `row` counts from the start
            of the part.
        sound: Marks the rows without a fault.
        extra: Names of columns that nobody knows.
    """

    columns: dict[str, NDArray[Any]]
    faults: list[RowFault]
    sound: Marks
    extra: list[str]


def arrow_types(columns: Sequence[Column]) -> dict[str, pa.DataType]:
    """Return what a CSV file's columns are read as, with `id` and `event_time`."""
    found = {name: _TYPES[kind] for name, kind in EXTRA.items()}
    return {**found, **{column.name: _TYPES[column.kind] for column in columns}}


def take(columns: Sequence[Column], table: pa.Table) -> Taken:
    """Return the columns of a part of a file; what has no right value is marked, not guessed.

    Args:
        columns: Of the manifest.
        table: The part; NaN counts as null.
    """
    every = [*columns, *_extra_columns(columns)]
    sound, faults = np.ones(table.num_rows, dtype=bool), list[RowFault]()
    found = {}
    for column in every:
        if column.name not in table.column_names:
            if column.required:
                faults.append(RowFault(0, column.name, None, "the file has no such column"))
                sound[:] = False
            continue
        given = _plain(table[column.name])
        read = _read(column, given)
        for marked, words in (*read.wrong, *_gaps(column, read.values)):
            sound &= ~marked
            for row in np.flatnonzero(marked)[:MOST_FAULTS].tolist():
                faults.append(RowFault(row, column.name, shown(given[row].as_py()), words))
        found[column.name] = read.values
    known = {column.name for column in every}
    return Taken(found, faults, sound, [n for n in table.column_names if n not in known])


def _extra_columns(columns: Sequence[Column]) -> Iterator[Column]:
    known = {column.name for column in columns}
    for name, kind in EXTRA.items():
        if name not in known:
            yield Column(name=name, role="known", kind=kind, required=False)


class _Read(NamedTuple):
    values: NDArray[Any]
    wrong: list[tuple[Marks, str]]


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column without an encoding of its own."""
    kind = column.type
    return column.cast(kind.value_type) if pa.types.is_dictionary(kind) else column


def _read(column: Column, given: pa.ChunkedArray) -> _Read:
    if pa.types.is_null(given.type):
        return _Read(_empty(column, len(given)), [])
    if column.role in NAMES:
        return _name(column, given)
    read = {"text": _text, "time": _time, "truth": _truth}.get(column.kind, _number)
    return read(column, given)


def _name(column: Column, given: pa.ChunkedArray) -> _Read:
    if pa.types.is_integer(given.type):
        return _Read(_objects(given), [])
    return _text(column, given, "must be text or a whole number")


def _truth(column: Column, given: pa.ChunkedArray) -> _Read:
    if not pa.types.is_boolean(given.type):
        return _all_wrong(column, given, "must be true or false")
    return _Read(_doubles(given), [])


def _number(column: Column, given: pa.ChunkedArray) -> _Read:
    kind, what = given.type, "a whole number" if column.kind == "whole" else "a number"
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        return _all_wrong(column, given, f"must be {what}")
    values = _doubles(given)
    wrong = [(np.isinf(values), "must be a finite number")]
    if column.kind == "whole":
        there = np.isfinite(values)
        wrong.append((there & (values != np.floor(values)), f"must be {what}"))
        wrong.append((there & (np.abs(values) > LARGEST_WHOLE), "must lie within 2^53"))
    return _Read(values, wrong)


def _text(column: Column, given: pa.ChunkedArray, words: str = "must be text") -> _Read:
    if not (pa.types.is_string(given.type) or pa.types.is_large_string(given.type)):
        return _all_wrong(column, given, words)
    long = pc.greater(pc.fill_null(pc.utf8_length(given), 0), LONGEST_TEXT)
    too_long = np.asarray(long.to_numpy(), dtype=bool)
    return _Read(_objects(given), [(too_long, f"must have at most {LONGEST_TEXT:,} letters")])


def _time(column: Column, given: pa.ChunkedArray) -> _Read:
    if pa.types.is_timestamp(given.type) and given.type.tz is None:
        return _all_wrong(column, given, "has no offset from UTC")
    try:
        if not (pa.types.is_timestamp(given.type) or pa.types.is_string(given.type)):
            raise pa.ArrowInvalid(str(given.type))  # a number says neither unit nor start
        zoned = given.cast(_ZONED)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        words = "must be a time with an offset, such as 2026-05-01T12:00:00Z"
        return _all_wrong(column, given, words)
    return _Read(zoned.cast(pa.timestamp("us")).to_numpy(), [])


def _all_wrong(column: Column, given: pa.ChunkedArray, words: str) -> _Read:
    return _Read(_empty(column, len(given)), [(_there(given), words)])


def _gaps(column: Column, values: NDArray[Any]) -> Iterator[tuple[Marks, str]]:
    if column.nullable:
        return
    missing = np.array([value is None or value == "" for value in values.tolist()], dtype=bool)
    if missing.any():
        yield missing, "it must not be null"


def _empty(column: Column, count: int) -> NDArray[Any]:
    if column.kind == "text" or column.role in NAMES:
        return np.full(count, None, dtype=object)
    if column.kind == "time":
        return np.full(count, np.datetime64("NaT"), dtype="datetime64[us]")
    return np.full(count, np.nan)


def _there(given: pa.ChunkedArray) -> Marks:
    return np.asarray(pc.is_valid(given).to_numpy(), dtype=bool)


def _doubles(given: pa.ChunkedArray) -> NDArray[np.float64]:
    return np.array(given.cast(pa.float64(), safe=False).to_numpy(), dtype=np.float64)


def _objects(given: pa.ChunkedArray) -> NDArray[Any]:
    found = np.empty(len(given), dtype=object)
    found[:] = given.to_pylist()
    return found
