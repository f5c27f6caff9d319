"""A decision as a line of JSON."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any

import orjson

_ROW = orjson.OPT_SORT_KEYS | orjson.OPT_SERIALIZE_NUMPY
_LINE = orjson.OPT_APPEND_NEWLINE | orjson.OPT_SERIALIZE_NUMPY


def encode(record: Mapping[str, Any], values: Sequence[str]) -> bytes:
    """Return the line of a decision.

    Args:
        record: As `DecisionLog.put` takes it.
        values: Columns of its row that may be in it in clear.

    Raises:
        TypeError: If JSON cannot say it, such as a text that is no Unicode.
        ValueError: If its time has no offset.
    """
    made: dict[str, Any] = dict(record)
    when = made["time"]
    if not isinstance(when, int):
        made["time"] = micros(datetime.fromisoformat(when) if isinstance(when, str) else when)
    row = made.get("row")
    if isinstance(row, Mapping):
        made["row_hash"] = row_hash(row)
        clear = {name: row[name] for name in values if name in row}
        made["row"] = orjson.dumps(clear, option=_ROW).decode() if clear else None
    return orjson.dumps(made, option=_LINE)


def row_hash(row: Mapping[str, Any]) -> str:
    """Return the first 16 hex digits of the sha256 of a row as JSON with sorted names."""
    return sha256(orjson.dumps(dict(row), option=_ROW)).hexdigest()[:16]


def micros(moment: datetime) -> int:
    """Return a moment as microseconds since 1970 UTC.

    Raises:
        ValueError: If it has no offset from UTC.
    """
    if moment.tzinfo is None:
        raise ValueError(f"time == {moment}, must have its offset from UTC")
    return round(moment.timestamp() * 1e6)
