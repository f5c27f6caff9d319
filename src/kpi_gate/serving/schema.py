"""What a row must look like: every fault of it names the row, the column and the value."""

import difflib
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from kpi_gate.serving.manifest import Column, Kind

LONGEST_TEXT = 1_000  # letters
LARGEST_WHOLE = 2**53  # beyond it a double no longer tells two whole numbers apart
LARGEST = sys.float_info.max
MOST_FAULTS = 100  # of one request
SHOWN = 60  # letters of a value
EXTRA: dict[str, Kind] = {
    "id": "text",
    "event_time": "time",
}  # what any row may have beside its columns
_MISSING = object()
Test = Callable[[Any], str]


class RowFault(NamedTuple):
    """What is wrong with a row.

    Attributes:
        row: Its place in the request, from 0.
        column: The column; empty where the row as a whole is wrong.
        value: What was given, cut short; None where nothing was.
        words: What is wrong, and what it must be.
    """

    row: int
    column: str
    value: Any
    words: str


def faults(columns: Sequence[Column], rows: Sequence[Any]) -> list[RowFault]:
    """Return what is wrong with the rows; whoever asks often keeps a `Checker`."""
    return Checker(columns).check(rows)


class Checker:
    """Holds the columns of a manifest against rows."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self.names = [column.name for column in columns]
        self._asked = [(c.name, _test(c), c.required, c.nullable) for c in columns]
        extra = [name for name in EXTRA if name not in self.names]
        self._asked += [(name, TESTS[EXTRA[name]], False, name != "id") for name in extra]
        self._known = frozenset([*self.names, *extra])

    def check(self, rows: Sequence[Any]) -> list[RowFault]:
        """Return what is wrong with the rows, the first faults at most."""
        found: list[RowFault] = []
        for place, row in enumerate(rows):
            if not self._is_sound(row):
                found.extend(self._faults(place, row))
                if len(found) >= MOST_FAULTS:
                    return found[:MOST_FAULTS]
        return found

    def _is_sound(self, row: Any) -> bool:
        if not isinstance(row, Mapping):
            return False
        seen = 0
        for name, test, required, nullable in self._asked:
            value = row.get(name, _MISSING)
            if value is _MISSING:
                if required:
                    return False
                continue
            seen += 1
            if value is None:
                if not nullable:
                    return False
            elif test(value):
                return False
        return seen == len(row)

    def _faults(self, place: int, row: Any) -> Iterator[RowFault]:
        if not isinstance(row, Mapping):
            yield RowFault(place, "", shown(row), f"a row is an object, not {_kind(row)}")
            return
        for name, test, required, nullable in self._asked:
            value = row.get(name, _MISSING)
            if value is _MISSING:
                if required:
                    null = "; null says that it is not known" if nullable else ""
                    yield RowFault(place, name, None, f"it is missing{null}")
            elif value is None:
                if not nullable:
                    yield RowFault(place, name, None, "it must not be null")
            elif words := test(value):
                yield RowFault(place, name, shown(value), words)
        for name in row:
            if name not in self._known:
                near = difflib.get_close_matches(str(name)[:LONGEST_TEXT], self._known, 1)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                yield RowFault(place, str(name)[:SHOWN], shown(row[name]), f"unknown{hint}")


def moment(text: str) -> datetime:
    """Return a time that has passed the check."""
    return datetime.fromisoformat(text)


def _number(value: Any) -> str:
    kind = type(value)
    if kind is float:
        return "" if math.isfinite(value) else "must be a finite number"
    if kind is not int:
        return f"must be a number, not {_kind(value)}"
    # JSON does not tell 1e20 from its digits: a number is a double
    return "" if -LARGEST <= value <= LARGEST else "must be a finite number"


def _whole(value: Any) -> str:
    words = _number(value)
    if words:
        return words.replace("a number", "a whole number").replace("a finite", "a whole")
    if not -LARGEST_WHOLE <= value <= LARGEST_WHOLE:
        return "must lie within 2^53"
    return "" if value == int(value) else "must be a whole number"


def _text(value: Any) -> str:
    if type(value) is not str:
        return f"must be text, not {_kind(value)}"
    if len(value) > LONGEST_TEXT:
        return f"has {len(value):,} letters, must have at most {LONGEST_TEXT:,}"
    return ""


def _truth(value: Any) -> str:
    return "" if type(value) is bool else f"must be true or false, not {_kind(value)}"


def _time(value: Any) -> str:
    if type(value) is not str:
        return f"must be a time such as 2026-05-01T12:00:00Z, not {_kind(value)}"
    try:
        if len(value) > SHOWN:
            raise ValueError
        at = datetime.fromisoformat(value)
    except ValueError:
        return "must be a time such as 2026-05-01T12:00:00Z"
    if at.tzinfo is None:
        return "has no offset from UTC, must be a time such as 2026-05-01T12:00:00Z"
    # what has no place in nanoseconds is a slip, and pandas refuses it
    return "" if 1700 <= at.year <= 2200 else "must lie between the years 1700 and 2200"


def _name(value: Any) -> str:
    if type(value) is str:
        return _text(value) if value else "must not be empty"
    return _whole(value).replace("a whole number", "text or a whole number")


TESTS: dict[str, Test] = {
    "number": _number,
    "whole": _whole,
    "text": _text,
    "truth": _truth,
    "time": _time,
}


def _test(column: Column) -> Test:
    return _name if column.role in ("unit", "item") else TESTS[column.kind]


def _kind(value: Any) -> str:
    """Return what a value is in the words of JSON."""
    if value is None:
        return "null"
    names = {bool: "a truth value", str: "text", dict: "an object", list: "a list"}
    return names.get(type(value), "a number")


def shown(value: Any) -> Any:
    """Return a value as an answer may show it: cut short, and JSON."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        # JSON has no NaN, and a number may have a million digits
        sound = math.isfinite(value) if isinstance(value, float) else abs(value) <= LARGEST_WHOLE
        return value if sound else _number_words(value)
    text = value if isinstance(value, str) else _kind(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _number_words(value: float) -> str:
    return str(value) if isinstance(value, float) else f"a number of {value.bit_length()} bits"
