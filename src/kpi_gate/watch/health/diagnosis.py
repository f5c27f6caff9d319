"""Name the fault of a column that moved: one value, units, swapped, out of range, or a shift."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kpi_gate.watch.finding import Finding, Severity, data_finding, severe_from
from kpi_gate.watch.health.columns import GONE_WRONG, LEAST_MOVE, Column
from kpi_gate.watch.health.days import word
from kpi_gate.watch.health.reference import Floats

WRONG_UNITS = 0.05  # share of rows in wrong units beyond which a day is of no use
SHIFTED = 0.50  # total variation distance of a gross shift
ONE_VALUE = 0.6  # of the distance, at least, is one value's where one value is the fault
SAMPLE = 20_000  # values among which a cause is looked for
# what upstream teams change: cents, thousands, months for days, seconds, hours, dozens, weeks
FACTORS = (100, 1000, 30, 60, 24, 12, 7, 10)
STEPS = 1.25 ** np.arange(0, 40)  # bins beyond the usual range, up to a factor of 6,000
LEAST_SHARE = 0.02  # of the rows
LEFT_OVER = 0.35  # of the distance, beyond noise: a cause must leave less of it


class Cause(NamedTuple):
    """What happened to a share of the rows.

    Attributes:
        words: What happened, such as `x100`.
        column: Column whose values are there instead; empty where it is another cause.
        share: Share of the rows that it happened to.
        left_over: Share of the distance between both distributions that stays unexplained.
    """

    words: str
    column: str
    share: float
    left_over: float


def tell_numbers(columns: Mapping[str, Column]) -> Iterator[Finding]:
    """Name the fault of every number that moved; one finding a column."""
    moved = {name: column for name, column in columns.items() if column.moved}
    found, usual = (
        {name: _sample(getattr(column, side)) for name, column in moved.items()}
        for side in ("found", "usual")
    )
    causes = {}
    for name in moved:
        others = {other: values for other, values in usual.items() if other != name}
        causes[name] = cause_of(found[name], usual[name], others)
    for name, column in moved.items():
        cause = causes[name]
        if cause is not None and cause.column:
            back = causes[cause.column]
            if back is None or back.column != name:  # no swap without its other half
                cause = cause_of(found[name], usual[name])
        yield tell(column, cause)


def _sample(values: NDArray[Any]) -> Floats:
    return values[:: max(values.size // SAMPLE, 1)].astype(np.float64)


def cause_of(
    found: Floats, usual: Floats, others: Mapping[str, Floats] | None = None
) -> Cause | None:
    """Return the cause that explains a shift best, or None where none explains most of it.

    A cause is tried as a mixture: a share of the rows is changed, the others are as usual.

    Args:
        found: Values of the day, all finite.
        usual: Values of good days, all finite.
        others: Usual values of columns that may be there in its place.
    """
    edges = _edges(usual)
    now, before = _histogram(found, edges), _histogram(usual, edges)
    distance = float(np.abs(now - before).sum())
    noise = float(np.sqrt(2 / np.pi * now * (1 - now) / found.size).sum())
    fitting = []
    for words, column, values in _changed(usual, others or {}):
        step = _histogram(values, edges) - before
        size = float(step @ step)
        if size == 0 or distance == 0:
            continue
        share = float(np.clip((now - before) @ step / size, 0, 1))
        left = max(float(np.abs(now - before - share * step).sum()) - noise, 0.0) / distance
        if share >= LEAST_SHARE and left <= LEFT_OVER:
            fitting.append(Cause(words, column, share, left))
    return min(fitting, key=lambda cause: cause.left_over, default=None)


def _changed(usual: Floats, others: Mapping[str, Floats]) -> Iterator[tuple[str, str, Floats]]:
    """Yield the words, the column and the values of every cause."""
    for factor in FACTORS:
        yield f"x{factor}", "", usual * factor
        yield f"/{factor}", "", usual / factor
    yield "Celsius to Fahrenheit", "", usual * 1.8 + 32
    yield "x-1", "", -usual
    for name, values in others.items():
        yield "", name, values


def _edges(usual: Floats) -> Floats:
    low, *inner, high = np.quantile(usual, [0.001, *np.linspace(0.05, 0.95, 19), 0.999])
    span = max(abs(low), abs(high))
    above = high * STEPS if high > 0 else high + span * (STEPS - 1)
    below = low / STEPS if low > 0 else low - span * (STEPS - 1)
    return np.unique(np.concatenate([below, inner, above]))


def _histogram(values: Floats, edges: Floats) -> Floats:
    place = np.searchsorted(edges, values, side="right")
    return np.bincount(place, minlength=edges.size + 1) / max(values.size, 1)


def tell(column: Column, cause: Cause | None = None) -> Finding:
    """Name the most special fault that fits a column that moved."""
    rows = column.found.size
    code, values = pd.factorize(column.found)
    counts = np.bincount(code)
    top, share = values[counts.argmax()], float(counts.max() / rows)
    before = column.usual_share(top)
    if counts.size == 1:
        words = f"is {word(top)} in all {rows:,} rows; {before:.1%} is usual"
        return _fault(column, "constant", "severe", words, 1.0, before)
    if share - before >= max(ONE_VALUE * column.distance, LEAST_MOVE):
        severity = severe_from(GONE_WRONG, share - before)
        words = f"is {word(top)} in {share:.1%} of the rows; {before:.1%} is usual"
        return _fault(column, "mode_share", severity, words, share, before + LEAST_MOVE)
    if cause is None:
        return _shift(column)
    if cause.column:
        words = f"holds what is usually in {cause.column}: the two are swapped"
        return _fault(column, "swapped", "severe", words, cause.share, 0.0)
    words = (
        f"looks {cause.words} in {cause.share:.0%} of the rows, such as {_far(column):g}; "
        f"its usual median is {np.median(column.usual):g}"
    )
    return _fault(column, "units", severe_from(WRONG_UNITS, cause.share), words, cause.share, 0.0)


def _shift(column: Column) -> Finding:
    rates = column.rates
    worst = int(np.argmax(np.abs(rates.found - rates.usual) * column.wrong))
    found, usual, low, high, _ = (float(part[worst]) for part in rates)
    severity = severe_from(SHIFTED, column.distance)
    if not column.levels.size and worst in (0, rates.found.size - 1):
        least, most = np.quantile(column.usual, [0.001, 0.999])
        words = (
            f"is outside its usual {least:g} to {most:g} in {found:.1%} of the rows, such as "
            f"{_far(column):g}; at most {high:.1%} is no surprise"
        )
        return _fault(column, "range", severity, words, found, high)
    what = word(column.levels[worst]) if column.levels.size else "in one part of its range"
    words = (
        f"moved: {found:.1%} of the rows are {what}; {usual:.1%} is usual, and "
        f"{max(low, 0):.1%} to {high:.1%} no surprise"
    )
    return _fault(column, "shift", severity, words, found, high)


def _far(column: Column) -> float:
    """Return the day's value that is furthest from the usual median, as an example."""
    return float(column.found[np.argmax(np.abs(column.found - np.median(column.usual)))])


def _fault(
    column: Column, check: str, severity: Severity, words: str, value: float, bound: float
) -> Finding:
    return data_finding(check, severity, f"{column.name} {words}", value, bound, column.name)
