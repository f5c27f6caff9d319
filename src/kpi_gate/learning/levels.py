"""Levels of columns, as text: what a slice is made of, and what a model was trained on."""

from collections.abc import Sequence

import numpy as np
import pandas as pd


def as_text(column: pd.Series) -> pd.Series:
    """Return each value as text without outer blanks; None where nothing is left."""
    codes, values = pd.factorize(column)
    words = [str(value).strip() or None for value in values]
    found = np.array([*words, None], dtype=object)[codes]  # a missing value has the code -1
    return pd.Series(found, column.index, dtype=object)


def level_shares(rows: pd.DataFrame, columns: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return the share of the rows by column and level, the commonest first; nulls are no level."""
    found = {name: as_text(rows[name]).value_counts() for name in columns if name in rows}
    return {
        name: {str(level): float(count) / len(rows) for level, count in counts.items()}
        for name, counts in found.items()
    }
