"""Rows of a comparison as a caller gives them: inputs, outcomes, and whose and when each one is."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kpi_gate.data.frames import as_pandas
from kpi_gate.data.given_columns import first_row, identities, moments
from kpi_gate.data.outcomes import outcomes
from kpi_gate.errors import ConfigurationError
from kpi_gate.learning.levels import as_text

Floats = NDArray[np.float64]
SlicesGiven = Sequence[str] | Mapping[str, Any]


@dataclass(frozen=True)
class GivenRows:
    """Decisions whose outcomes are known.

    Attributes:
        inputs: A data frame or an array, a decision a row.
        outcome: 0 or 1, shape `(n,)`.
        unit: Code of each row's unit, shape `(n,)`.
        moment: When each decision was due, UTC; None where nobody says.
        slices: Levels of columns, as text, each of shape `(n,)`.
    """

    inputs: Any
    outcome: Floats
    unit: NDArray[np.int64]
    moment: pd.Series | None
    slices: Mapping[str, NDArray[np.object_]]

    @property
    def size(self) -> int:
        """Number of rows."""
        return self.outcome.size

    @property
    def time(self) -> NDArray[np.int64] | None:
        """Microseconds since 1970 in UTC, shape `(n,)`."""
        if self.moment is None:
            return None
        time: NDArray[np.int64] = self.moment.dt.as_unit("us").astype(np.int64).to_numpy()
        return time


def read_rows(
    inputs: Any,
    outcome: Any,
    unit: Any,
    event_time: Any,
    slices: SlicesGiven,
    sliced: Sequence[str],
) -> GivenRows:
    """Return the rows, each column of a role read as what it must be.

    Args:
        inputs: `X`: a frame of pandas or polars, or an array of two dimensions.
        outcome: `y`: 0 and 1, truth values, or yes and no.
        unit: Customer, member or card of each row, or the column of `X` that says so.
        event_time: When each decision was due, or the column of `X`; None where nobody says.
        slices: Levels that are no column of `X`, by name; or names of columns of `X`.
        sliced: Columns whose levels the guardrails name.

    Raises:
        ConfigurationError: If a column is missing, of another length or of the wrong type.
    """
    rows = _table(inputs)
    known = _read("y", outcome, rows, outcomes)
    wrong = ~known.isin((0.0, 1.0)).to_numpy()
    if wrong.any():
        value = known[wrong].iloc[0]
        raise ConfigurationError(
            f"y: {'unknown' if pd.isna(value) else value} in {first_row(wrong)}, must be 0 or 1; "
            "leave out rows whose outcome is not known"
        )
    if unit is None:
        raise ConfigurationError(
            "unit is None, must say whose decision each row is; range(len(X)) if each is its own"
        )
    whose = _read("unit", unit, rows, identities)
    if whose.isna().any():
        raise ConfigurationError(f"unit is missing in {first_row(whose.isna().to_numpy())}")
    moment = None if event_time is None else _read("event_time", event_time, rows, moments)
    levels = slices if isinstance(slices, Mapping) else dict.fromkeys(slices)
    idle = [name for name in levels if name not in sliced]
    if idle:
        words = f"Guardrail(slice={idle[0]!r}, may_lose=...)"
        raise ConfigurationError(f"slices: no guardrail names {idle[0]!r}; add {words}")
    return GivenRows(
        inputs=rows,
        outcome=known.to_numpy(),
        unit=pd.factorize(whose)[0].astype(np.int64),
        moment=moment,
        slices={
            name: _read(
                name, name if levels.get(name) is None else levels[name], rows, as_text
            ).to_numpy(dtype=object)
            for name in dict.fromkeys(sliced)
        },
    )


def own_copy(rows: Any) -> Any:
    """Return rows that a caller's function may write into: it changes nobody else's."""
    return rows.copy(deep=False) if isinstance(rows, pd.DataFrame) else rows.copy()


def _table(inputs: Any) -> Any:
    """Return inputs as a frame of pandas or an array."""
    if hasattr(inputs, "columns"):
        try:
            rows = as_pandas(inputs).reset_index(drop=True)
        except ValueError as error:
            raise ConfigurationError(f"X: {error}") from None
    else:
        rows = np.asarray(inputs)
        if rows.ndim != 2:
            raise ConfigurationError(
                f"X has shape {rows.shape}, must be a data frame or an array of rows and columns"
            )
    if not len(rows):
        raise ConfigurationError("X has 0 rows, at least 1 is needed")
    return rows


def _read(name: str, given: Any, rows: Any, read: Callable[[pd.Series], pd.Series]) -> pd.Series:
    """Return a column of a role; a text names a column of `X`.

    Raises:
        ConfigurationError: If it is not there, of another length, or cannot be read.
    """
    if isinstance(given, str):
        if given not in getattr(rows, "columns", ()):
            raise ConfigurationError(f"{name} == {given!r}: X has no such column")
        given = rows[given]
    if np.ndim(given) != 1 or len(given) != len(rows):
        shape = np.shape(given)
        raise ConfigurationError(f"{name} has shape {shape}, must be {(len(rows),)}: one a row")
    column = given.reset_index(drop=True) if isinstance(given, pd.Series) else pd.Series(given)
    try:
        return read(column.rename(name))
    except (ValueError, TypeError, OverflowError) as error:
        told = " ".join(str(error).split())
        raise ConfigurationError(told if told.startswith(name) else f"{name}: {told}") from None
