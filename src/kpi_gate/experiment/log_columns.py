"""Columns of an experiment's log as what they must hold, or the first row that is wrong, named."""

import uuid
from collections.abc import Callable
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from kpi_gate.errors import ConfigurationError
from kpi_gate.files.wording import shorten
from kpi_gate.serving.assignment import ARMS

Column: TypeAlias = pa.ChunkedArray
MOMENT = pa.timestamp("us", "UTC")
_TRUE, _FALSE = ["true", "t", "yes", "y", "1", "1.0"], ["false", "f", "no", "n", "0", "0.0"]
_EXACT = 2.0**53  # beyond it neighbouring whole numbers are one float
_WHOLE = r"^[-+]?[0-9]+(\.0*)?$"
_OFFSET = r":[0-9.]+([zZ]|[-+][0-9]{2}(:?[0-9]{2})?)$"
_FORM = "write year, month, day, time and offset, such as 2026-05-01T10:00:00Z"


class LogError(ConfigurationError):
    """A log cannot be read, or breaks its contract; the message names file, column and row."""


def moments(name: str, column: Column) -> Column:
    """Return moments in UTC, to the microsecond.

    Raises:
        LogError: If one is no time, or has no offset from UTC: its zone is anybody's guess.
    """
    kind = column.type
    if pa.types.is_timestamp(kind):
        if kind.tz is None:
            raise _wrong(name, column, pc.is_valid(column), f"has no offset from UTC; {_FORM}")
        return column.cast(MOMENT, safe=False)
    if not _is_text(kind):
        raise LogError(f"column {name} holds {kind}, must hold times with an offset: {_FORM}")
    words = pc.utf8_trim_whitespace(_text(column))
    for unit in ("us", "ns"):
        try:
            return words.cast(pa.timestamp(unit, "UTC")).cast(MOMENT, safe=False)
        except pa.ArrowInvalid:
            pass
    naive = pc.invert(pc.match_substring_regex(words, _OFFSET))
    parsed = pc.match_substring_regex(words, r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ]|$)")
    if pc.any(pc.and_(naive, parsed)).as_py():
        raise _wrong(name, words, pc.and_(naive, parsed), f"has no offset from UTC; {_FORM}")
    at = _first_refused(words, lambda part: part.cast(pa.timestamp("ns", "UTC")))
    raise _at(name, words, at, f"is no time; {_FORM}")


def numbers(name: str, column: Column, *, truths: bool = False) -> Column:
    """Return doubles; what is missing, or not a number, is null.

    Args:
        name: Of the column.
        column: Numbers, or text that holds numbers with a decimal point.
        truths: Whether true and false are 1 and 0.

    Raises:
        LogError: If a value is no number, or infinite.
    """
    kind = column.type
    if pa.types.is_boolean(kind) and truths:
        column = column.cast(pa.int8())
    elif _is_text(kind):
        words = pc.utf8_trim_whitespace(_text(column))
        column = pc.if_else(_truth(words), "1", pc.if_else(_falsity(words), "0", words))
        column = column if truths else words
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or _is_exact(kind)):
        raise LogError(f"column {name} holds {kind}, must hold numbers")
    try:
        found = column.cast(pa.float64(), safe=False)
    except pa.ArrowInvalid:
        at = _first_refused(column, lambda part: part.cast(pa.float64()))
        raise _at(name, column, at, _no_number(str(column[at]))) from None
    infinite = pc.is_inf(found)
    if pc.any(infinite).as_py():
        raise _wrong(name, found, infinite, "is no finite number")
    return pc.if_else(pc.is_nan(found), pa.scalar(None, pa.float64()), found)


def identities(name: str, column: Column) -> Column:
    """Return who or what a row is of, as text: the numbers 7 and 7.0 and the text 7 are alike.

    Raises:
        LogError: If a number is no whole one, or too large for a float to tell from its neighbour.
    """
    kind = column.type
    if isinstance(column.type, pa.BaseExtensionType):
        column, kind = _storage(column), column.type.storage_type
    if pa.types.is_fixed_size_binary(kind) and kind.byte_width == 16:
        # sixteen bytes are a UUID; each distinct one is written out once
        coded = column.combine_chunks().dictionary_encode()
        names = [str(uuid.UUID(bytes=one.as_py())) for one in coded.dictionary]
        return pa.chunked_array([pa.array(names, pa.string()).take(coded.indices)])
    if pa.types.is_floating(kind):
        large, whole = pc.greater_equal(pc.abs(column), _EXACT), pc.floor(column)
        broken = pc.or_(large, pc.not_equal(column, whole))
        if pc.any(broken).as_py():
            raise _wrong(name, column, broken, "is no whole number; write identities as text")
        return column.cast(pa.int64(), safe=False).cast(pa.string())
    if pa.types.is_integer(kind):
        return column.cast(pa.string())
    if _is_exact(kind):
        return _bare(column.cast(pa.string()))
    if not _is_text(kind):
        raise LogError(f"column {name} holds {kind}, must hold text or whole numbers")
    return _bare(pc.utf8_trim_whitespace(_text(column)))


def truths(name: str, column: Column) -> Column:
    """Return truth values; what is missing is null.

    Raises:
        LogError: If a value is neither true nor false.
    """
    if pa.types.is_boolean(column.type):
        return column
    words = pc.utf8_trim_whitespace(identities(name, column))
    neither = pc.invert(pc.or_(_truth(words), _falsity(words)))
    if pc.any(neither).as_py():
        raise _wrong(name, words, neither, "must be true or false")
    return pc.if_else(pc.is_null(words), pa.scalar(None, pa.bool_()), _truth(words))


def arms(name: str, column: Column) -> Column:
    """Return the arms.

    Raises:
        LogError: If one is neither control nor treatment.
    """
    words = identities(name, column)
    unknown = pc.invert(pc.is_in(words, pa.array(ARMS)))
    unknown = pc.and_(unknown, pc.is_valid(words))
    if pc.any(unknown).as_py():
        raise _wrong(name, words, unknown, f"must be one of {', '.join(ARMS)}")
    return words


def coded(column: Column, read: Callable[[Column], Column]) -> Column:
    """Return a column as a dictionary of what its distinct values are read as.

    Raises:
        LogError: If one cannot be read.
    """
    whole = column.dictionary_encode().unify_dictionaries()
    if not whole.num_chunks:
        return whole.cast(pa.dictionary(pa.int32(), pa.string()))
    found = read(pa.chunked_array([whole.chunk(0).dictionary])).combine_chunks()
    again = found.dictionary_encode()  # what differed may be alike, as ` 7` and `7` are
    alike = len(again.dictionary) < len(found)
    code = pa.concat_arrays([one.indices for one in whole.chunks])  # one, or each step unifies anew
    code = again.indices.take(code) if alike else code
    values = again.dictionary if alike else found
    return pa.chunked_array([pa.DictionaryArray.from_arrays(code, values)])


def require_whole(name: str, column: Column) -> None:
    """Refuse a column that lacks a value.

    Raises:
        LogError: If one is missing.
    """
    if column.null_count:
        raise _wrong(name, column, pc.is_null(column), "is missing; every row needs one")


def _wrong(name: str, column: Column, where: Column, words: str) -> LogError:
    """Return what to say of the first row of which something is true."""
    flags = pc.fill_null(where, False)
    many = int(pc.sum(flags).as_py() or 0)
    more = f", as in {many} of {len(column)} rows" if many > 1 else ""
    return _at(name, column, int(pc.index(flags, True).as_py()), f"{words}{more}")


def _at(name: str, column: Column, row: int, words: str) -> LogError:
    value = column[row].as_py()
    shown = "" if value is None else f": {shorten(value if isinstance(value, str) else str(value))}"
    return LogError(f"column {name}, row {row + 1}{shown} {words}")


def _first_refused(column: Column, read: Callable[[Column], object]) -> int:
    """Return the first row that cannot be read, by halving; one of them cannot."""
    start, size = 0, len(column)
    while size > 1:
        half = size // 2
        try:
            read(column.slice(start, half))
        except pa.ArrowInvalid:
            size = half
        else:
            start, size = start + half, size - half
    return start


def _no_number(value: str) -> str:
    if "," in value:
        return "is no number; write a point for decimals, and nothing between thousands"
    return "is no number; write the bare number, without currency, percent sign or blank"


def _bare(words: Column) -> Column:
    """Write 7.0 as 7, where all are whole numbers."""
    dotted = pc.match_substring(words, ".")
    if not pc.any(dotted).as_py() or not pc.all(pc.match_substring_regex(words, _WHOLE)).as_py():
        return words
    return pc.replace_substring_regex(words, r"\.0*$", "")


def _truth(words: Column) -> Column:
    return pc.fill_null(pc.is_in(pc.utf8_lower(words), pa.array(_TRUE)), False)


def _falsity(words: Column) -> Column:
    known = pc.is_in(pc.utf8_lower(words), pa.array(_FALSE))
    return pc.if_else(pc.is_null(words), True, known)


def _text(column: Column) -> Column:
    return column if column.type == pa.string() else column.cast(pa.string())


def _storage(column: Column) -> Column:
    return pa.chunked_array([chunk.storage for chunk in column.chunks], column.type.storage_type)


def _is_text(kind: Any) -> bool:
    if pa.types.is_dictionary(kind):
        return _is_text(kind.value_type)
    types = pa.types
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def _is_exact(kind: Any) -> bool:
    return bool(pa.types.is_decimal(kind))
