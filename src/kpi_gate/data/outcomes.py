"""Outcomes of any frame as 0 and 1: truth values, and texts of two levels."""

import numpy as np
import pandas as pd

from kpi_gate.data.storage import refuse

LEVELS = "outcome_has_two_levels"
PAIRS = (("true", "false"), ("yes", "no"), ("y", "n"), ("t", "f"), ("1", "0"), ("1.0", "0.0"))


def outcomes(column: pd.Series, positive: object = None) -> pd.Series:
    """Return doubles, 1 where the outcome happened; what is not known is NaN.

    Truth values and texts such as yes and no speak for themselves. Of any other two levels the
    owner says which counts as 1. Numbers stay: a rule refuses those that are neither 0 nor 1.

    Args:
        column: Numbers, truth values or text.
        positive: Level that counts as 1, where the owner says so.

    Raises:
        FrameError: If there are more levels, or nobody says which of two counts as 1.
    """
    known = column.dropna()
    types = pd.api.types
    numeric = types.is_numeric_dtype(known) or types.infer_dtype(known) == "boolean"
    if positive is None and (known.empty or numeric):
        doubles = column.to_numpy(dtype=np.float64, na_value=np.nan)
        return pd.Series(doubles, column.index, name=column.name)
    words = _words(known)
    wanted = _one(column, words, positive)
    happened = (words == wanted).astype(np.float64)
    return happened.reindex(column.index).rename(column.name)


def truths(column: pd.Series) -> pd.Series:
    """Return truth values, where the column holds nothing else; else the column as it is."""
    if column.dtype == np.bool_:
        return column
    known = column.dropna()
    if len(known) < len(column) or known.empty:
        return column
    first = _word(known.iloc[0])
    pair = next((pair for pair in PAIRS if first in pair), None)
    if pair is None:  # as in most columns: the other values need no look
        return column
    words = _words(known)
    return (words == pair[0]).rename(column.name) if set(words.unique()) <= {*pair} else column


def _one(column: pd.Series, words: pd.Series, positive: object) -> str:
    """Return the level that counts as 1."""
    shares = words.value_counts(normalize=True).sort_index()
    levels = list(shares.index)
    few, shown = len(levels) <= 2, " and ".join(map(repr, levels))
    if not few:
        shown = f"{len(levels)} levels: {', '.join(map(repr, levels[:5]))}"
    pair = next((pair for pair in PAIRS if set(levels) <= set(pair)), None)
    if positive is None and pair is not None:
        return pair[0]
    if positive is None or not few:
        ways = (f"`positive: {name}` ({100 * share:.3g} %)" for name, share in shares.items())
        say = f"; say under `validation` which counts as 1: {' or '.join(ways)}" if few else ""
        refuse(column, f"holds {shown}, must hold 0 and 1, or two levels{say}", LEVELS)
    wanted = _word(positive)
    if isinstance(positive, bool) and pair is not None:  # YAML reads yes as true
        wanted = pair[0] if positive else pair[1]
    if len(levels) == 2 and wanted not in levels:
        refuse(column, f"holds {shown}, and `validation.positive` says {positive!r}", LEVELS)
    return wanted


def _words(known: pd.Series) -> pd.Series:
    """Return the word of each value; where values of one type repeat, each is read once."""
    if pd.api.types.is_object_dtype(known):  # True and 1 would be one level
        return known.map(_word)
    index, levels = pd.factorize(known)
    words = np.array([_word(level) for level in levels], dtype=object)
    return pd.Series(words[index], known.index, name=known.name)


def _word(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip().casefold()
