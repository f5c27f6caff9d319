"""What a failure probably comes from, by simple rules over the rows; a guess, and said as one."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches

import numpy as np
import pandas as pd

from kpi_gate.data.validation.rules import BETWEEN, DAY, IN_SET, Rule
from kpi_gate.data.validation.typed_columns import TIMES
from kpi_gate.text import clean, finite, number, shorten

FITS = 0.9  # of the offending values, which a guess must explain
NEAR = 0.25  # powers of ten by which what is 100 times too large may miss 100
MOST_SHIFT = timedelta(hours=14)  # no two time zones are further apart
UNITS = {
    10.0: "a shifted decimal point?",
    100.0: "cents?",
    1000.0: "thousandths, such as milliseconds?",
    1e6: "millionths, or micros?",
    0.1: "a shifted decimal point?",
    0.01: "whole units instead of cents?",
    0.001: "thousands, such as kilometres?",
    1e-6: "millions?",
}
PERCENT = 100.0
COMMA = re.compile(r"^\s*[-+]?(\d{1,3}([. ]\d{3})*|\d+),\d+\s*$")
WITH_UNIT = re.compile(r"^\s*(\D{0,4}\s*[-+]?\d[\d.,]*|[-+]?\d[\d.,]*\s*\D{1,4})\s*$")


@dataclass(frozen=True)
class Offence:
    """One failure with the rows that it is about.

    Attributes:
        rule: What is not met.
        rows: All rows as they came.
        positions: Offending rows; all recent ones where an aggregate of them failed.
        observed: What was found.
    """

    rule: Rule
    rows: pd.DataFrame
    positions: pd.Index
    observed: object

    @property
    def column(self) -> pd.Series:
        """The column that it is about, all rows."""
        return self.rows[self.rule.about]

    @property
    def values(self) -> pd.Series:
        """What is there where it offends, without nulls."""
        return self.column.loc[self.positions].dropna()


def probable_cause(
    rule: Rule, rows: pd.DataFrame, positions: Sequence[int], observed: object = None
) -> str:
    """Say what a failure probably comes from; empty where no rule has a guess.

    Args:
        rule: What is not met.
        rows: All rows as they came, positions as index.
        positions: Offending rows.
        observed: What was found.
    """
    offence = Offence(rule, rows, pd.Index(positions), observed)
    try:
        words = next((words for guess in GUESSES for words in guess(offence)), "")
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        return ""  # of rows like these nobody can guess; that they fail is said without it
    return f"Probably {words}" if words else ""


def _lost(it: Offence) -> Iterator[str]:
    """A column that is not there, or holds nothing."""
    if it.rule.type == "expect_column_to_exist":
        plain = {re.sub(r"\W|_", "", str(name)).casefold(): str(name) for name in it.rows}
        wanted = re.sub(r"\W|_", "", it.rule.about).casefold()
        for close in get_close_matches(wanted, plain, 1, 0.8):
            yield f"renamed: there is a column {clean(plain[close])!r}"
        yield "not delivered, or renamed"
    if it.rule.about in it.rows and len(it.rows) and it.column.isna().all():
        yield f"the column came empty: all {number(len(it.rows), 0)} rows hold nothing"
    if it.rule.type == "expect_column_values_to_not_be_null" and "event_time" in it.rows:
        times = it.rows["event_time"]
        if isinstance(times.dtype, pd.DatetimeTZDtype) and it.rule.about != "event_time":
            start = times.loc[it.positions].min()
            since = it.column[times >= start]
            if len(since) < len(it.rows) and since.isna().mean() >= FITS:
                yield f"a source that has delivered nothing since {start:%Y-%m-%d}"


def _doubled(it: Offence) -> Iterator[str]:
    if "unique" in it.rule.type:
        bad = it.rows.loc[it.positions]
        same = bad.duplicated(keep=False).mean()
        if same >= FITS:
            yield "the same rows twice: loaded, or joined, two times?"
        yield "a correction that was added beside the old row, or a key that lacks a column"
    if "table_row_count" in it.rule.type:
        most, found = finite(it.rule.kwargs.get("max_value")), finite(it.observed)
        if most and found and found > most:
            yield "rows that came twice, or a filter that is gone"
        yield "a delivery that is not whole"
    if "sum_to_be" in it.rule.type and it.rule.about == "event_time":
        yield "a part of the history that was not loaded"


def _wrong_type(it: Offence) -> Iterator[str]:
    if it.rule.about not in it.rows or it.values.empty:
        return
    kind = it.column.dtype
    if it.rule.about in TIMES and it.rule.expected.startswith("times with a time zone"):
        if pd.api.types.is_numeric_dtype(kind):
            yield "seconds or milliseconds since 1970 instead of times"
        if pd.api.types.is_datetime64_any_dtype(kind):
            yield "a time zone that was lost: local time, or UTC?"
        yield "dates written as text"
    if it.rule.expected == "finite numbers":
        if pd.api.types.is_numeric_dtype(kind):
            yield "a division by zero: the values are infinite"
        words = it.values.astype(str)
        if pd.to_numeric(words, errors="coerce").notna().mean() >= FITS:
            yield "numbers written as text"
        if words.str.match(COMMA).mean() >= FITS:
            yield "numbers with a decimal comma"
        if words.str.match(WITH_UNIT).mean() >= FITS:
            yield "numbers with a unit or a currency beside them"
        yield "another column in the place of this one: it holds text"
    if it.rule.expected.startswith("text, whole numbers"):
        if pd.api.types.is_numeric_dtype(kind):
            yield "an amount in the place of a level: it has fractions"
        yield "values of another type, such as dates or lists"


def _shifted_times(it: Offence) -> Iterator[str]:
    """Times that lie in the future, before what they follow, or too far back."""
    helper = it.rule.helper
    if helper is None or it.rule.about not in TIMES:
        return
    if it.rule.expected.startswith("the newest row"):
        yield "a delivery that stopped, or dates that are shifted back"
    if it.rule.type != BETWEEN:
        return
    days = -helper.loc[it.positions].dropna()
    if days.empty:
        return
    far, follows = days.max() * DAY, "not before" in it.rule.expected
    if far <= MOST_SHIFT:
        hours = max(1, round(days.max() * 24))
        yield f"another time zone: up to {hours} hour{'s' * (hours > 1)} ahead; local time as UTC?"
    if follows:
        yield "the two times in each other's place, or dates that are shifted"
    times = pd.to_datetime(it.values, utc=True, errors="coerce").dropna()
    if len(times) and (times.dt.day <= 12).mean() >= FITS and times.dt.day.nunique() > 1:
        yield "day and month in each other's place, or dates that are shifted"
    yield f"dates that are shifted, by up to {number(days.max(), 0)} days"


def _placeholder(it: Offence) -> Iterator[str]:
    if _bounds(it.rule) and it.rule.type == BETWEEN and it.rule.about in it.rows:
        values = _numbers(it.values)
        if len(values) > 1 and values.nunique() == 1 and abs(values.iloc[0]) in PLACEHOLDERS:
            yield f"a word for 'not known': {number(values.iloc[0])} in every such row"


PLACEHOLDERS = (1, 9, 99, 999, 9999, 99999, 999999, 99999999)


def _scale(it: Offence) -> Iterator[str]:
    """Another sign, or a power of ten."""
    ends = _bounds(it.rule)
    if ends is None or it.rule.helper is not None or it.rule.about not in it.rows:
        return
    low, high = ends
    all_ = _numbers(it.column)
    lately = _stretch(it)
    bad, then = all_[lately].dropna(), all_[~lately].dropna()
    found = finite(it.observed)
    own = _numbers(it.values) if it.rule.type == BETWEEN else pd.Series([found], dtype=float)
    own = own.dropna()
    if own.empty:
        return

    def fits(values: pd.Series) -> bool:
        return bool(values.between(low, high).mean() >= FITS)

    if fits(-own) and not fits(own) and (low >= 0 or high <= 0):
        yield "the sign is flipped: amounts are counted the other way round?"
    usual, now = then.abs().median(), bad.abs().median()
    if not (usual > 0 and now > 0):  # nothing to compare with: what the bounds allow
        usual, now = _middle(low, high), own.abs().median()
    if not (usual > 0 and now > 0):
        return
    ratio = now / usual
    factor = min(UNITS, key=lambda power: abs(np.log10(ratio / power)))
    if abs(np.log10(ratio / factor)) <= NEAR and fits(own / factor):
        size, side = (factor, "large") if factor > 1 else (1 / factor, "small")
        words = "percent instead of a share?" if factor == PERCENT and high <= 1 else UNITS[factor]
        yield f"{number(round(size))} times too {side}: {words}"


def _stretch(it: Offence) -> pd.Series:
    """Mark the rows of the days on which it offends: of what is too large not every row shows."""
    mark = pd.Series(it.rows.index.isin(it.positions), it.rows.index)
    times = it.rows.get("event_time")
    if times is None or not isinstance(times.dtype, pd.DatetimeTZDtype):
        return mark
    day = times.dt.floor("D")
    shares = mark.groupby(day).mean()
    usual = mark.mean() / 2  # days on which hardly any row offends are like the others
    return day.isin(shares[shares > usual].index)


def _levels(it: Offence) -> Iterator[str]:
    if it.rule.type != IN_SET or it.rule.helper is not None or it.rule.about not in it.rows:
        return
    if it.values.empty:
        return
    allowed = [str(level) for level in it.rule.kwargs["value_set"]]
    counts = it.values.astype(str).value_counts()
    level, count = str(counts.index[0]), int(counts.iloc[0])
    plain = {name.strip().casefold(): name for name in allowed}
    shown = repr(shorten(clean(level), 40))
    if level.strip().casefold() in plain:
        yield f"{plain[level.strip().casefold()]!r} written in another way: {shown}"
    for close in get_close_matches(level, allowed, 1, 0.75):
        yield f"{close!r} misspelt, or a new level: {shown}"
    more = f", and {len(counts) - 1} other{'s' * (len(counts) > 2)}" if len(counts) > 1 else ""
    rows = f"{number(count, 0)} row{'s' * (count > 1)}"
    yield f"a level that was never seen: {shown} in {rows}{more}; new, or another column?"


def _late(it: Offence) -> Iterator[str]:
    if it.rule.about == "outcome" and it.rule.expected.startswith("a known outcome"):
        yield "outcomes that stopped coming, or come later than declared"


def _bounds(rule: Rule) -> tuple[float, float] | None:
    low, high = (finite(rule.kwargs.get(name)) for name in ("min_value", "max_value"))
    if low is None and high is None:
        return None
    return (-np.inf if low is None else low, np.inf if high is None else high)


def _middle(low: float, high: float) -> float:
    """Return what is usual between two bounds, as far as they tell."""
    if low > 0 and np.isfinite(high):
        return float(np.sqrt(low * high))
    known = [abs(end) for end in (low, high) if np.isfinite(end) and end]
    return max(known, default=0.0) / 2


def _numbers(column: pd.Series) -> pd.Series:
    found = pd.to_numeric(column, errors="coerce").astype(float)
    return found.where(np.isfinite(found))


GUESSES: tuple[Callable[[Offence], Iterator[str]], ...] = (
    _lost,
    _doubled,
    _wrong_type,
    _shifted_times,
    _placeholder,
    _scale,
    _levels,
    _late,
)
