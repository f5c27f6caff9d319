"""Columns of a day beside those of good days: nulls, constants, new values, units, shifts."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kpi_gate.watch.finding import Finding, data_finding, severe_from
from kpi_gate.watch.health.days import Days, examples
from kpi_gate.watch.health.reference import (
    Floats,
    GoodDays,
    Ints,
    Rates,
    compare_rate,
    compare_rates,
)

MOST_BINS, MOST_LEVELS, ROWS_A_BIN = 20, 30, 50
LEAST_ROWS = 3  # fewer rows are no fault
LEAST_MOVE, LEAST_NULLS, LEAST_OUTSIDE = 0.04, 0.02, 0.01  # shares of the rows
GONE_WRONG = 0.20  # share of rows beyond which a day is of no use
STUCK_BY_CHANCE = 1e-5


@dataclass(frozen=True)
class Column:
    """A column as counts: rows of each level on the day and on each good day.

    Attributes:
        name: The column.
        found: Values of the day, without nulls.
        usual: A number's values on good days, without nulls; empty for a category.
        levels: A category's levels, as the rates count them; empty for a number, which is cut into
            bins, the first and the last beyond its usual range.
        rates: Shares of the rows.
        wrong: Which of them moved further than chance and the least move allow.
        is_daily: Whether a good day held one level alone, as the flag of a weekend does.
    """

    name: str
    found: NDArray[Any]
    usual: Floats
    levels: NDArray[Any]
    rates: Rates
    wrong: NDArray[np.bool_]
    is_daily: bool

    @property
    def distance(self) -> float:
        """Share of the rows that moved (total variation distance)."""
        return float(np.abs(self.rates.found - self.rates.usual).sum()) / 2

    @property
    def moved(self) -> bool:
        """Whether any share moved, or one value alone is left where it never was."""
        return bool(self.wrong.any()) or self._is_stuck()

    def usual_share(self, value: Any) -> float:
        """Return the share of a value on good days."""
        if self.levels.size:
            return float(self.rates.usual[self.levels == value].sum())
        return float((self.usual == value).mean())

    def _is_stuck(self) -> bool:
        """Tell whether one value alone is neither chance on so many rows nor usual for a day."""
        if self.is_daily or self.found.size < ROWS_A_BIN or np.any(self.found != self.found[0]):
            return False
        share = max(self.usual_share(self.found[0]), 1e-12)
        return bool(self.found.size * np.log(share) < np.log(STUCK_BY_CHANCE))


def check_nulls(name: str, days: Days, alarm: float) -> Finding | None:
    """Compare the share of nulls, and of numbers that are not finite, with good days."""
    usual, found = _null(days.reference[name]), _null(days.batch[name])
    count = int(found.sum())
    rate = compare_rate(days.good, days.rows_of(usual), days.sizes, count, found.size, alarm)
    more, high = rate.found - rate.usual, max(rate.high, rate.usual + LEAST_NULLS)
    if rate.chance >= alarm or more < LEAST_NULLS or count < LEAST_ROWS:
        return None
    words = (
        f"{name} is null or not finite in {rate.found:.1%} of {found.size:,} rows; "
        f"{rate.usual:.1%} is usual, and at most {high:.1%} no surprise"
    )
    return data_finding("nulls", severe_from(GONE_WRONG, more), words, rate.found, high, name)


def _null(column: pd.Series) -> NDArray[np.bool_]:
    null = np.array(column.isna(), dtype=np.bool_)
    if pd.api.types.is_float_dtype(column.dtype):
        null |= np.isinf(column.to_numpy(dtype=float, na_value=np.nan))
    return null


def count_numbers(
    name: str, good: GoodDays, day: Ints, usual: Floats, found: Floats, alarm: float
) -> Column | None:
    """Count numbers in bins that hold equal shares of the good days' rows; NaN is left out.

    Args:
        name: What the numbers are.
        good: The good days.
        day: Good day of each usual number, shape `(rows,)`.
        usual: Numbers of good days.
        found: Numbers of the day.
        alarm: Two-sided chance below which a share is a surprise.
    """
    known, found = np.isfinite(usual), found[np.isfinite(found)]
    day, usual = day[known], usual[known]
    if not (usual.size and found.size):
        return None
    bins = int(np.clip(found.size // ROWS_A_BIN, 4, MOST_BINS))
    inner = np.linspace(0, 1, bins + 1)[1:-1]
    low, *edges, high = np.quantile(usual, [0.001, *inner, 0.999])
    cuts = np.unique([low, *edges, np.nextafter(high, np.inf)])
    levels = cuts.size + 1
    code = np.searchsorted(cuts, usual, side="right")
    count = good.weekday.size
    cells = np.bincount(day * levels + code, minlength=count * levels).reshape(count, levels)
    now = np.bincount(np.searchsorted(cuts, found, side="right"), minlength=levels)
    rates = compare_rates(good, cells, cells.sum(axis=1), now, found.size, alarm)
    floor = np.full(levels, LEAST_MOVE)
    floor[[0, -1]] = LEAST_OUTSIDE
    wrong = _wrong(rates, floor, found.size, alarm)
    return Column(name, found, usual, np.empty(0), rates, wrong, _is_daily(cells))


def _is_daily(cells: Ints) -> bool:
    """Tell whether a good day, of no fewer rows than half the usual, had one level alone."""
    sizes = cells.sum(axis=1)
    large = sizes >= max(np.median(sizes[sizes > 0]) / 2, LEAST_ROWS)
    return bool(np.any(cells[large].max(axis=1) == sizes[large]))


def _wrong(rates: Rates, floor: Floats, size: int, alarm: float) -> NDArray[np.bool_]:
    moved = np.abs(rates.found - rates.usual)
    enough = moved >= np.maximum(floor, LEAST_ROWS / size)
    return np.asarray((rates.chance < alarm) & enough)


def category_column(name: str, days: Days, alarm: float) -> tuple[Column, Finding | None] | None:
    """Count a category's levels, and tell of those that were never seen on a good day.

    A level is new on a good day if it is on no other: so much newness is usual.
    """
    usual = days.reference[name].astype(object)
    found = days.batch[name].astype(object)
    code, seen = pd.factorize(usual)
    found = found[found.notna()]
    if not (len(seen) and len(found)):
        return None
    cells = days.counts(np.asarray(code), len(seen))
    now = pd.Index(seen, dtype=object).get_indexer(found)
    sizes = cells.sum(axis=1)
    once, count = cells[:, (cells > 0).sum(axis=0) == 1].sum(axis=1), int((now < 0).sum())
    new = compare_rate(days.good, once, sizes, count, len(found), alarm)
    order = np.argsort(-cells.sum(axis=0))[:MOST_LEVELS]
    counts = np.bincount(now[now >= 0], minlength=len(seen))[order]
    rates = compare_rates(days.good, cells[:, order], sizes, counts, len(found), alarm)
    wrong = _wrong(rates, np.full(order.size, LEAST_MOVE), len(found), alarm)
    levels = np.asarray(seen, dtype=object)[order]
    daily = _is_daily(cells)
    column = Column(name, found.to_numpy(), np.empty(0), levels, rates, wrong, daily)
    if new.chance >= alarm or count < 2:
        return column, None
    high = max(new.high, 0.0)
    words = (
        f"{name} has {examples(found[now < 0])} in {count} of {len(found):,} rows, which no good "
        f"day had: {new.found:.2%}, and at most {high:.2%} is no surprise"
    )
    severity = severe_from(GONE_WRONG, new.found)
    return column, data_finding("unseen", severity, words, new.found, high, name)
