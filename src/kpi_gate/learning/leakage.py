"""How well one column alone ranks the outcomes: a column that ranks nearly all is the outcome."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
LEAST_EVENTS = 30  # of either outcome
MOST_ROWS = 50_000
BINS = 64  # of a number that may rank the outcomes otherwise than up or down
Kind = Literal["number", "category"]


class Auc(NamedTuple):
    """How well one feature ranks the outcomes.

    Attributes:
        auc: Chance that a row with outcome 1 has the higher value; ties count half.
        error: Its standard error.
    """

    auc: float
    error: float


def column_aucs(rows: pd.DataFrame, kinds: Mapping[str, Kind]) -> dict[str, Auc] | None:
    """Return the AUC of each column alone; None where fewer than 30 rows have either outcome.

    A category is ranked by the outcome rate of its levels, taken from the other half of the rows.

    Args:
        rows: Rows; those whose outcome is not known yet are left out, and the newest 50,000 used.
        kinds: Their columns, and whether each is a number or a category.
    """
    known, outcome = _known(rows, MOST_ROWS)
    if not _enough(outcome):
        return None
    return {
        name: auc_of(
            _ranked(known[name]) if kind == "number" else _rates(known[name], outcome), outcome
        )
        for name, kind in kinds.items()
    }


def knowledge(rows: pd.DataFrame, names: list[str], most: int) -> dict[str, float] | None:
    """Return how far each column alone knows the outcomes, 0.5 to 1; None where nobody can say.

    It is the best of three: the AUC of a number either way up, that of the outcome rates of its
    bins or levels, learnt on the other half of the rows, and that of being missing or not.

    Args:
        rows: Rows; those whose outcome is not known yet are left out.
        names: Their columns.
        most: The newest rows that are looked at.
    """
    known, outcome = _known(rows, most)
    if not _enough(outcome):
        return None
    return {name: _knows(known[name], outcome) for name in names}


def _knows(column: pd.Series, outcome: NDArray[np.bool_]) -> float:
    missing = column.isna().to_numpy(dtype=bool)
    rankings = [missing.astype(float)] if missing.any() and not missing.all() else []
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        moment = column.dt.tz_localize(None) if column.dt.tz is None else column.dt.tz_convert(None)
        column = pd.Series(moment.to_numpy("datetime64[us]").astype(np.int64).astype(float)).mask(
            missing
        )
    if is_number(column):
        values = _ranked(column)
        rankings += [values, _rates(pd.Series(_binned(values)), outcome)]
    else:
        rankings.append(_rates(column, outcome))
    areas = [auc_of(ranking, outcome).auc for ranking in rankings]
    return max(max(area, 1 - area) for area in areas)


def _known(rows: pd.DataFrame, most: int) -> tuple[pd.DataFrame, NDArray[np.bool_]]:
    known = rows[rows["outcome"].notna()].sort_values("event_time", kind="stable").tail(most)
    return known, known["outcome"].to_numpy(float) > 0


def _enough(outcome: NDArray[np.bool_]) -> bool:
    return min(int(outcome.sum()), int((~outcome).sum())) >= LEAST_EVENTS


def is_number(column: pd.Series) -> bool:
    """Tell whether the column holds numbers; truths are none."""
    types = pd.api.types
    return bool(types.is_numeric_dtype(column.dtype) and not types.is_bool_dtype(column.dtype))


def numbers(column: pd.Series) -> Floats:
    """Return the column as doubles; what is no finite number is NaN."""
    if not (is_number(column) or pd.api.types.is_bool_dtype(column.dtype)):
        column = pd.to_numeric(column.astype(object), errors="coerce")
    values = np.array(column.to_numpy(dtype=np.float64, na_value=np.nan))
    values[~np.isfinite(values)] = np.nan
    return values


def _ranked(column: pd.Series) -> Floats:
    """Return the column as doubles; what is missing is below all others."""
    values = numbers(column)
    return np.where(np.isnan(values), np.nanmin(values, initial=0) - 1, values)


def _binned(values: Floats) -> NDArray[np.int64]:
    """Number the bins: a value that is frequent has one of its own."""
    distinct = np.unique(values)
    if distinct.size > BINS:
        distinct = np.unique(np.quantile(values, np.linspace(0, 1, BINS + 1)[1:]))
    return np.asarray(np.searchsorted(distinct, values), dtype=np.int64)


def _rates(column: pd.Series, outcome: NDArray[np.bool_]) -> Floats:
    """Return the outcome rate of each row's level in the other half of the rows."""
    code, levels = pd.factorize(column.astype(object), use_na_sentinel=False)
    half = np.arange(code.size) % 2
    values = np.empty(code.size)
    for side in (0, 1):
        other = half != side
        sums = np.bincount(code[other], outcome[other], len(levels))
        sizes = np.bincount(code[other], minlength=len(levels))
        rate = (sums + outcome.mean()) / (sizes + 1)
        values[~other] = rate[code[~other]]
    return values


def auc_of(values: Floats, outcome: NDArray[np.bool_]) -> Auc:
    """Return the area under the curve and its error by Hanley and McNeil (1982)."""
    hits, misses = float(outcome.sum()), float((~outcome).sum())
    ranks = pd.Series(values).rank().to_numpy()  # scipy.stats takes a second to import
    area = (ranks[outcome].sum() - hits * (hits + 1) / 2) / (hits * misses)
    both, one = area / (2 - area), 2 * area**2 / (1 + area)
    spread = area * (1 - area) + (hits - 1) * (both - area**2) + (misses - 1) * (one - area**2)
    return Auc(float(area), float(np.sqrt(max(spread, 0) / (hits * misses))))
