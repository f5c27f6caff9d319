"""Columns of a table that somebody else made: identities, numbers and moments, or the row named."""

import re
from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kpi_gate.data.columns import EXACT, OFFSET
from kpi_gate.data.storage import doubles, numpy_backed
from kpi_gate.files.wording import shorten

NOTHING = ("", "nan", "none", "null", "<na>", "na", "nat", "n/a", "#n/a", "-nan", "nil")
_WHOLE = re.compile(r"[-+]?\d+(\.0*)?")
_POWER = re.compile(r"[-+]?\d(\.\d+)?[eE]\+\d+")
_DAY_FIRST = re.compile(r"\d{1,2}[./-]\d{1,2}[./-]\d{2,4}\b")
_BARE = re.compile(r"[-+]?\d+([.,]\d*)?([eE][-+]?\d+)?")
_FORM = "write year-month-day, such as 2024-05-01T10:00:00Z"


def first_row(where: NDArray[np.bool_]) -> str:
    """Say in how many rows something is so, and the first of them; row 1 is the first decision."""
    return f"{int(where.sum())} of {where.size} rows, the first is row {int(where.argmax()) + 1}"


def identities(column: pd.Series) -> pd.Series:
    """Return who or what a row is of, as text; missing where nobody says.

    A whole number that came as a float is itself: 1.0 is the id 1.

    Raises:
        ValueError: If a number is too large for a float to tell it from its neighbour, is no whole
            number, or is text that a spreadsheet has rounded.
    """
    if pd.api.types.infer_dtype(column, skipna=True) == "decimal":
        column = column.map(lambda one: f"{one.normalize():f}", na_action="ignore")
    values = numpy_backed(column)
    if pd.api.types.is_float_dtype(values):
        known, sizes = values.notna().to_numpy(), np.abs(values.to_numpy(dtype=np.float64))
        _refuse(
            values,
            known & (sizes >= EXACT),
            "is a float beyond 2**53, where neighbouring ids are one; write ids as text",
        )
        _refuse(values, known & (sizes % 1 != 0), "is no whole number; write ids as text")
        values = values.astype("Int64")
    words = values.map(lambda one: str(one).strip(), na_action="ignore").astype(object)
    words = words.where(words.notna() & ~words.astype(str).str.lower().isin(NOTHING), None)
    rounded = "is a rounded number (a spreadsheet's); write ids as text"
    _refuse(words, _flags(words, _POWER.fullmatch), rounded)
    if (_flags(words, _WHOLE.fullmatch) | words.isna()).all():
        floats = _flags(words, lambda word: "." in word and abs(float(word)) >= EXACT)
        _refuse(words, floats, "was a float beyond 2**53; write ids as text")
        words = words.map(lambda word: word.partition(".")[0], na_action="ignore")
    return words


def numbers(column: pd.Series, truths: bool = False) -> pd.Series:
    """Return doubles; what is missing is NaN.

    Args:
        column: Numbers, or text that holds numbers with a decimal point.
        truths: Whether true and false are 1 and 0; else they are no numbers.

    Raises:
        ValueError: If a value is no number.
    """
    values = numpy_backed(column)
    kind = pd.api.types.infer_dtype(values, skipna=True)
    if kind == "boolean" and not truths and len(values):
        raise ValueError(f"{column.name} holds boolean, must hold numbers")
    if kind in ("floating", "integer", "mixed-integer-float", "boolean", "empty"):
        return doubles(values)
    if kind != "string":
        raise ValueError(f"{column.name} holds {kind}, must hold numbers")
    words = values.astype(object).where(values.notna(), "nan").map(lambda word: word.strip())
    small = words.str.lower()
    words = words.where(~small.isin(NOTHING), "nan")
    if truths:
        words = words.where(
            ~small.isin(("true", "false")), small.replace({"true": "1", "false": "0"})
        )
    _refuse(values, _flags(words, _is_no_number), "is no number", _bare_number)
    return words.astype(np.float64)


def moments(column: pd.Series) -> pd.Series:
    """Return moments in UTC; times without any offset are UTC, and offsets may differ.

    Raises:
        ValueError: If a time is missing or no time, is a bare number, or only some have an offset.
    """
    values = numpy_backed(column)
    kind = pd.api.types.infer_dtype(values, skipna=True)
    if kind == "string":
        values = _from_text(values)
    elif len(values) and kind not in ("datetime64", "datetime", "date", "empty"):
        example = _shown(column.dropna().iloc[0])
        words = f"{column.name} holds {kind} such as {example}, must hold times"
        raise ValueError(
            f"{words}: {_FORM} (pd.to_datetime(..., unit='s', utc=True) reads seconds)"
        )
    read = pd.to_datetime(values, utc=True)
    if read.isna().any():
        raise ValueError(f"{column.name} is missing in {first_row(read.isna().to_numpy())}")
    return read


def _from_text(words: pd.Series) -> pd.Series:
    """Read times as text; the offset from UTC is there in all of them, or in none."""
    words = words.str.strip()
    words = words.where(~words.str.lower().isin(NOTHING), None)
    known = words.notna().to_numpy()
    read = pd.to_datetime(words, utc=True, format="ISO8601", errors="coerce")
    bare = words.str.fullmatch(_BARE).to_numpy(dtype=bool, na_value=False)
    _refuse(words, bare, f"is a bare number, which could be any unit of time; {_FORM}")
    _refuse(words, known & read.isna().to_numpy(), "is no time", _ordered)
    zoned = words.str.contains(OFFSET).to_numpy(dtype=bool, na_value=False)
    if zoned.any() and (known & ~zoned).any():
        told = ((zoned, "has one"), (known & ~zoned, "has none"))
        rows = ", ".join(f"{words.iloc[w.argmax()]} in row {w.argmax() + 1} {t}" for w, t in told)
        raise ValueError(
            f"{words.name} mixes times with and without an offset from UTC: {rows}; write every "
            "time in UTC, with a Z"
        )
    return read


def _refuse(
    column: pd.Series,
    where: NDArray[np.bool_],
    words: str,
    advice: Callable[[str], str] = lambda value: "",
) -> None:
    """Name the first row of which something wrong is true, with its value.

    Raises:
        ValueError: If there is one.
    """
    if where.any():
        at = int(where.argmax())
        value = column.iloc[at]
        more = f", as in {int(where.sum())} of {where.size} rows" if where.sum() > 1 else ""
        raise ValueError(
            f"{column.name}: {_shown(value)} in row {at + 1} {words}{more}{advice(str(value))}"
        )


def _shown(value: object) -> str:
    return shorten(value.item() if isinstance(value, np.generic) else value)


def _flags(words: pd.Series, is_so: Callable[[str], object]) -> NDArray[np.bool_]:
    """Mark the rows with a text of which something is so."""
    return np.array([isinstance(word, str) and bool(is_so(word)) for word in words], dtype=bool)


def _is_no_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return True
    return "_" in word


def _bare_number(value: str) -> str:
    if "," in value:
        return "; write a point for decimals, and nothing between thousands"
    return "; write the bare number, without currency, percent sign or blank"


def _ordered(value: str) -> str:
    unclear = "which of its numbers is the day cannot be told: " if _DAY_FIRST.match(value) else ""
    return f"; {unclear}{_FORM}"
