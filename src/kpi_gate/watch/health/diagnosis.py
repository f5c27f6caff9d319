"""Name the fault of a column that moved: constant, one value, units, swapped, out of range."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kpi_gate.watch.finding import Finding, Severity
from kpi_gate.watch.health.columns import GONE_WRONG, LEAST_MOVE, Column
from kpi_gate.watch.health.explanation import Explanation, explain
from kpi_gate.watch.health.finding import data_finding
from kpi_gate.watch.health.reference import Floats

WRONG_UNITS = 0.05  # share of rows in wrong units beyond which a day is of no use
SHIFTED = 0.50  # total variation distance of a gross shift
ONE_VALUE = 0.6  # of the distance, at least, is one value's where one value is the fault
SAMPLE = 20_000  # values that an explanation looks at


def tell_numbers(columns: Mapping[str, Column]) -> list[Finding]:
    """Name the fault of every number that moved; one finding a column."""
    moved = {name: column for name, column in columns.items() if column.moved}
    samples = {name: _sample(column.usual) for name, column in moved.items()}
    causes: dict[str, Explanation | None] = {}
    for name, column in moved.items():
        others = {other: values for other, values in samples.items() if other != name}
        causes[name] = explain(_sample(column.found), samples[name], others)
    findings = []
    for name, column in moved.items():
        cause = causes[name]
        if cause is not None and cause.column:
            back = causes[cause.column]
            if back is None or back.column != name:  # no swap without its other half
                cause = explain(_sample(column.found), samples[name])
        findings.append(_tell(column, cause))
    return findings


def tell_category(column: Column) -> Finding | None:
    """Name the fault of a category whose levels moved; None where they did not."""
    return _tell(column, None) if column.moved else None


def _sample(values: NDArray[Any]) -> Floats:
    return values[:: max(values.size // SAMPLE, 1)].astype(np.float64)


def _tell(column: Column, cause: Explanation | None) -> Finding:
    """Name the most special fault that fits."""
    rates, rows = column.rates, column.found.size
    code, values = pd.factorize(column.found)
    counts = np.bincount(code)
    top, share = values[counts.argmax()], float(counts.max() / rows)
    before = column.usual_share(top)
    if counts.size == 1:
        words = f"is {_word(top)} in all {rows:,} rows; {before:.1%} is usual"
        return _fault(column, "constant", "severe", words, 1.0, before)
    if share - before >= max(ONE_VALUE * column.distance, LEAST_MOVE):
        severity: Severity = "severe" if share - before >= GONE_WRONG else "warning"
        words = f"is {_word(top)} in {share:.1%} of the rows; {before:.1%} is usual"
        return _fault(column, "mode_share", severity, words, share, before + LEAST_MOVE)
    if cause is not None and cause.column:
        words = f"holds what is usually in {cause.column}: the two are swapped"
        return _fault(column, "swapped", "severe", words, cause.share, 0.0)
    if cause is not None:
        severity = "severe" if cause.share >= WRONG_UNITS else "warning"
        words = (
            f"looks {cause.words} in {cause.share:.0%} of the rows, such as {_far(column):g}; "
            f"its usual median is {np.median(column.usual):g}"
        )
        return _fault(column, "units", severity, words, cause.share, 0.0)
    return _shift(column, int(np.argmax(np.abs(rates.found - rates.usual) * column.wrong)))


def _shift(column: Column, worst: int) -> Finding:
    rates = column.rates
    found, usual, high = (float(part[worst]) for part in (rates.found, rates.usual, rates.high))
    severity: Severity = "severe" if column.distance >= SHIFTED else "warning"
    if not column.levels.size and worst in (0, rates.found.size - 1):
        low, top = np.quantile(column.usual, [0.001, 0.999])
        words = (
            f"is outside its usual {low:g} to {top:g} in {found:.1%} of the rows, such as "
            f"{_far(column):g}; at most {high:.1%} is no surprise"
        )
        return _fault(column, "range", severity, words, found, high)
    what = _word(column.levels[worst]) if column.levels.size else "in one part of its range"
    words = (
        f"moved: {found:.1%} of the rows are {what}; {usual:.1%} is usual, and "
        f"{max(float(rates.low[worst]), 0):.1%} to {high:.1%} no surprise"
    )
    return _fault(column, "shift", severity, words, found, high)


def _word(value: Any) -> str:
    return repr(value) if isinstance(value, str) else f"{value:g}"


def _far(column: Column) -> float:
    """Return the day's value that is furthest from the usual median, as an example."""
    return float(column.found[np.argmax(np.abs(column.found - np.median(column.usual)))])


def _fault(
    column: Column, check: str, severity: Severity, words: str, value: float, bound: float
) -> Finding:
    return data_finding(check, severity, f"{column.name} {words}", value, bound, column.name)
