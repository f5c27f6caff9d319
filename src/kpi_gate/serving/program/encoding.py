"""Steps from levels and gaps to numbers: codes, marks, and what is filled in."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kpi_gate.serving.program.table import Faults, Floats, Parts, Spec, Step, Table, as_columns


def codes(spec: Spec, parts: Parts) -> Step:
    """Give each level of a column its number."""
    tables = [_levels(one) for one in spec["columns"]]

    def run(table: Table, faults: Faults) -> Floats:
        columns = as_columns(table)
        found = np.empty((len(columns[0]), len(columns)))
        for place, (column, look) in enumerate(zip(columns, tables, strict=True)):
            found[:, place] = look(column, faults)
        return found

    return run


def flags(spec: Spec, parts: Parts) -> Step:
    """Set a mark for the level of each column."""
    tables = [_levels(one) for one in spec["columns"]]
    widths = spec["widths"]
    starts = np.concatenate([[0], np.cumsum(widths)])

    def run(table: Table, faults: Faults) -> Floats:
        columns = as_columns(table)
        found = np.zeros((len(columns[0]), int(starts[-1])))
        for place, (column, look) in enumerate(zip(columns, tables, strict=True)):
            at = np.asarray(look(column, faults))
            rows = np.flatnonzero(at >= 0)
            found[rows, starts[place] + at[rows].astype(np.intp)] = 1.0
        return found

    return run


def _levels(spec: Spec) -> Callable[[NDArray[Any], Faults], Sequence[float]]:
    """Return what looks up a column's levels; a code of None is a refusal."""
    # JSON has no NaN: it is spelled
    codes = [None if code is None else float(code) for code in spec["codes"]]
    table = dict(zip(spec["levels"], codes, strict=True))
    missing, unknown, name = spec["missing"], spec["unknown"], spec["name"]
    table[None] = None if missing is None else float(missing)
    otherwise = None if unknown is None else float(unknown)

    def code(value: Any, row: int, faults: Faults) -> float:
        gap = value is None or value != value  # NaN  # noqa: PLR0124
        found = table[None] if gap else table.get(value, otherwise)
        if found is None:
            new = f"{name} {value!r:.80} is new to the model"
            faults.setdefault(row, f"{name} is null" if gap else new)
            return np.nan
        return float(found)

    def look(column: NDArray[Any], faults: Faults) -> Sequence[float]:
        values = column.tolist()
        found = [table.get(value) for value in values]
        if None in found:
            found = [code(value, row, faults) for row, value in enumerate(values)]
        return found  # type: ignore[return-value]

    return look


def impute(spec: Spec, parts: Parts) -> Step:
    """Fill what is missing; columns may be left out, and marks of what was missing be added."""
    keep, fill, marks, marker = spec["keep"], spec["fill"], spec["marks"], spec["marker"]

    def gaps(column: NDArray[Any]) -> NDArray[np.bool_]:
        if column.dtype == object:
            return np.array([v is None or v != v or v == marker for v in column.tolist()])  # noqa: PLR0124
        return np.asarray(np.isnan(column) if marker is None else column == marker)

    def run(table: Table, faults: Faults) -> Table:
        columns = as_columns(table)
        found = []
        for place, value in zip(keep, fill, strict=True):
            column, missing = columns[place], gaps(columns[place])
            found.append(np.where(missing, value, column) if missing.any() else column)
        found += [gaps(columns[place]).astype(np.float64) for place in marks]
        return found if any(c.dtype == object for c in found) else np.column_stack(found)

    return run
