"""Profiles of rows: counts in fixed bins, which add up across days, files and machines."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kpi_gate.usecase.contract import Feature

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
MOST_BINS = 50
NULL = 0  # the first bin of every column


@dataclass(frozen=True)
class Bins:
    """Fixed bins of one column: `NULL`, then values in order.

    Attributes:
        kind: Whether the column is a number or a category.
        edges: Of a number: the inner edges, rising; a bin holds its lower edge.
        levels: Of a category: the levels with a bin each; all others share the last bin.
    """

    kind: Literal["number", "category"]
    edges: tuple[float, ...] = ()
    levels: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Number of bins, that of nulls among them."""
        return 2 + len(self.edges if self.kind == "number" else self.levels)

    def codes(self, column: pd.Series) -> Counts:
        """Return the bin of every row, shape `(n,)`."""
        if self.kind == "number":
            values = _numbers(column)
            found = 1 + np.searchsorted(np.asarray(self.edges), values, side="right")
            return np.where(np.isnan(values), NULL, found).astype(np.int64)
        known, levels = _levels(column)
        place = {level: number for number, level in enumerate(self.levels, start=1)}
        bins = np.array([place.get(level, len(self.levels) + 1) for level in levels] + [NULL])
        return np.asarray(bins[known], dtype=np.int64)  # a null has the code -1: the last bin

    def words(self, marked: NDArray[np.bool_]) -> str:
        """Say which values the marked bins hold; they lie side by side."""
        first, last = np.flatnonzero(marked)[[0, -1]]
        if last == NULL:
            return "missing"
        if self.kind == "category":
            return self.levels[first - 1] if first <= len(self.levels) else "others"
        low = f"{self.edges[first - 2]:.4g}" if first > 1 else ""
        high = f"{self.edges[last - 1]:.4g}" if last <= len(self.edges) else ""
        if not low:
            return f"below {high}" if high else "all"
        return f"{low} to {high}" if high else f"{low} and more"


def bins_for(rows: pd.DataFrame, features: Sequence[Feature]) -> dict[str, Bins]:
    """Lay out the bins of the features: quantiles of a number, the commonest levels of a category.

    Raises:
        ValueError: If a column is missing.
    """
    _require("the reference has", [feature.name for feature in features], rows)
    return {feature.name: _bins(rows[feature.name], feature.kind) for feature in features}


def profile(rows: pd.DataFrame, bins: Mapping[str, Bins]) -> dict[str, Counts]:
    """Count the rows of each column in each bin, shape `(bins.size,)`.

    Raises:
        ValueError: If a column is missing.
    """
    _require("the rows have", bins, rows)
    return {
        name: np.bincount(column.codes(rows[name]), minlength=column.size)
        for name, column in bins.items()
    }


def _require(who: str, names: Iterable[str], rows: pd.DataFrame) -> None:
    missing = [name for name in names if name not in rows]
    if missing:
        raise ValueError(f"{who} no column {', '.join(missing)}")


def _bins(column: pd.Series, kind: Literal["number", "category"]) -> Bins:
    if kind == "number":
        values = _numbers(column)
        values = values[np.isfinite(values)]
        if not values.size:
            return Bins(kind)
        shares = np.arange(1, MOST_BINS) / MOST_BINS
        edges = np.unique(np.quantile(values, shares, method="inverted_cdf"))
        # the smallest value must have a bin of its own kind: below it lies only what is new
        return Bins(kind, edges=tuple(np.union1d(values.min(), edges).tolist()))
    known, levels = _levels(column)
    counts = np.bincount(known[known >= 0], minlength=len(levels))
    ranked = sorted(range(len(levels)), key=lambda code: (-counts[code], levels[code]))
    return Bins(kind, levels=tuple(levels[code] for code in ranked[: MOST_BINS - 1]))


def _numbers(column: pd.Series) -> Floats:
    plain = pd.to_numeric(column, errors="coerce")
    return np.asarray(plain.to_numpy(dtype=np.float64, na_value=np.nan))


def _levels(column: pd.Series) -> tuple[Counts, list[str]]:
    """Return each row's code, -1 where null, and the levels as text.

    Whole numbers with nulls among them are floats: 3 and 3.0 are one level.
    """
    codes, found = pd.factorize(column)
    words = [
        str(level).removesuffix(".0") if isinstance(level, float | np.floating) else str(level)
        for level in found
    ]
    return codes.astype(np.int64), words
