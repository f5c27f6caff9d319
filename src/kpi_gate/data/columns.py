"""One column of any frame as plain numpy or text: what is read, and what is refused by name."""

from typing import Literal

import numpy as np
import pandas as pd

from kpi_gate.data.errors import FrameError
from kpi_gate.data.moments import moments
from kpi_gate.data.outcomes import outcomes, truths
from kpi_gate.data.storage import TEXT, doubles, numpy_backed, refuse

Kind = Literal["time", "outcome", "truth", "identity", "number", "category", "other"]
EXACT = 2**53  # beyond it neighbouring whole numbers are one and the same float


def plain_column(column: pd.Series, kind: Kind = "other", positive: object = None) -> pd.Series:
    """Return a column as numpy, text or moments in UTC, whatever it was stored as.

    The same values give the same column: pandas' own, nullable and Arrow types, decimals and
    dictionaries alike. Numbers of a model are doubles; identities are whole numbers or text.

    Args:
        column: Any column.
        kind: What it is for.
        positive: Level of an outcome that counts as 1, where the owner says so.

    Raises:
        FrameError: If it holds what no rule could read.
    """
    if kind == "category" and isinstance(column.dtype, pd.CategoricalDtype):
        return _dictionary(column)
    values = numpy_backed(column)
    if kind == "time":
        return moments(values)
    if kind == "outcome":
        return outcomes(values, positive)
    if kind == "truth":
        return truths(values)
    if kind == "identity":
        return _identity(values)
    return _numbers(values, kind)


def _numbers(values: pd.Series, kind: Kind) -> pd.Series:
    """Settle numbers: doubles for a model, whole ones for a level."""
    if kind == "number":
        kept = pd.api.types.is_bool_dtype(values) and values.dtype != object
        numeric = pd.api.types.is_numeric_dtype(values) or _is_holed(values)
        return doubles(values) if numeric and not kept else values
    if values.dtype == object and values.isna().all():
        return values.astype(TEXT)
    if _is_holed(values) and pd.api.types.infer_dtype(values, skipna=True) == "integer":
        return doubles(values)
    if kind == "category" and values.dtype == np.float64 and len(values):
        whole = np.isfinite(values) & (values % 1 == 0) & (values.abs() < EXACT)
        return values.astype("int64") if whole.all() else values
    return values


def _identity(values: pd.Series) -> pd.Series:
    """Return whole numbers or text; where some are missing, text: a double would merge them."""
    if values.dtype == np.float64:
        known = values.dropna()
        for fault, words in (
            (
                known.abs() >= EXACT,
                "is a float beyond 2**53, where neighbours are one and the same",
            ),
            (known % 1 != 0, "is a float that is no whole number"),
        ):
            if fault.any():
                at = int(np.flatnonzero(values.index.isin(fault.index[fault]))[0])
                raise FrameError(
                    "identities_exact",
                    f"{values.name}: {float(values.iloc[at])!r} in row {at} {words}; read the "
                    "column as whole numbers or text",
                )
        values = values.astype("int64") if len(known) == len(values) else values.astype("Int64")
    if _is_holed(values) or isinstance(values.dtype, pd.Int64Dtype):
        text = [None if pd.isna(value) else str(value) for value in values]
        return pd.Series(text, values.index, dtype=TEXT, name=values.name)
    return values


def _is_holed(values: pd.Series) -> bool:
    """Tell whether whole numbers or truth values are kept as objects, as some are missing."""
    kinds = ("integer", "boolean", "empty")
    return values.dtype == object and pd.api.types.infer_dtype(values, skipna=True) in kinds


def _dictionary(column: pd.Series) -> pd.Series:
    """Keep the levels that occur, in order, as plain values: LightGBM reads such columns."""
    used = column.cat.remove_unused_categories()
    levels = plain_column(pd.Series(used.cat.categories, name=column.name), "category")
    try:
        return used.cat.rename_categories(levels).cat.reorder_categories(
            sorted(levels), ordered=column.cat.ordered
        )
    except TypeError:
        refuse(column, f"has levels of {levels.dtype}, which have no order")
