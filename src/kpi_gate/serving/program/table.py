"""What steps are made of: columns, tables of numbers, and the rows that a model refuses."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import treelite
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Columns = list[NDArray[Any]]  # one array a column: numbers as doubles, text as objects
Table = Columns | Floats
Faults = dict[int, str]  # by row
Spec = Mapping[str, Any]


class Step(Protocol):
    """Columns to columns, to a table, or to one number a row."""

    def __call__(self, table: Any, faults: Faults) -> Any:
        """Run it; rows that it refuses are marked in `faults`."""


class Parts(Protocol):
    """Where a step finds what its specification names."""

    def array(self, name: str) -> NDArray[Any]:
        """Return an array."""

    def trees(self, name: str) -> treelite.Model:
        """Return an ensemble of trees."""

    def step(self, spec: Spec) -> Step:
        """Return an inner step."""


def matrix(table: Table) -> Floats:
    """Return columns as a table of doubles, shape `(n, k)`."""
    if not isinstance(table, list):
        return table
    try:
        return np.column_stack(table).astype(np.float64, copy=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"a column of text reaches what reads numbers: {error}") from error


def picked(table: Table, places: Sequence[int]) -> Table:
    """Return some columns, in this order."""
    if isinstance(table, list):
        return [table[place] for place in places]
    return table[:, places]


def as_columns(table: Table) -> Columns:
    """Return a table column by column."""
    return table if isinstance(table, list) else list(table.T)


def mark(faults: Faults, rows: NDArray[np.bool_], words: str) -> None:
    """Say of some rows why a model refuses them, unless something was said already."""
    for row in np.flatnonzero(rows).tolist():
        faults.setdefault(row, words)
