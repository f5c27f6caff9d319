"""What the owner's functions must answer: shapes, types and numbers, checked at every call."""

from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kpi_gate.usecase.calls import row_words

Given = tuple[Any, ...]


def anything(answer: Any, given: Given) -> str:
    """Accept whatever comes: it is looked at elsewhere."""
    return ""


def chances(answer: Any, given: Given) -> str:
    """Tell what is wrong with a rule of thumb's actions."""
    numbers, fault = _numbers(answer, len(given[0]), "it")
    if fault:
        return fault
    wrong = ~((numbers >= 0) & (numbers <= 1))  # NaN is neither
    if wrong.any():
        at = int(np.flatnonzero(wrong)[0])
        return f"it gives {numbers[at]:g} in {row_words(given, at)}, must be in [0, 1]"
    return ""


def parts(answer: Any, given: Given) -> str:
    """Tell what is wrong with the parts of a value."""
    action, outcome, columns, parameters = given
    if not isinstance(answer, Mapping) or not answer:
        return f"it gives {_shown(answer)}, must be a dict of named parts"
    sound = np.isfinite(action) & np.isfinite(outcome)
    sound &= np.isfinite(list(parameters.values())).all()  # a cap that is lifted is infinite
    for column in columns.values():
        sound &= np.isfinite(column)
    for name, part in answer.items():
        numbers, fault = _numbers(part, len(action), f"part {name!r}")
        if fault:
            return fault
        wrong = sound & ~np.isfinite(numbers)
        if wrong.any():
            at = int(np.flatnonzero(wrong)[0])
            known = f"action {action[at]:g}, outcome {outcome[at]:g}"
            row = row_words((columns,), at)
            return f"part {name!r} is {numbers[at]:g} in {row} with {known}, must be a number"
    return ""


def bases(answer: Any, given: Given) -> str:
    """Tell what is wrong with what a ratio is counted per."""
    return _numbers(answer, len(given[0]), "it")[1]


def counts(answer: Any, given: Given) -> str:
    """Tell what is wrong with what people count."""
    return _numbers(answer, len(given[-1]), "it")[1]


def number(answer: Any, given: Given) -> str:
    """Tell what is wrong with a measure; of actions that are none it may be none either."""
    acted = np.isfinite(np.asarray(given[0], dtype=np.float64)).all()
    scalar = answer.item() if isinstance(answer, np.ndarray) and answer.ndim == 0 else answer
    if not isinstance(scalar, Real | np.bool_) or (acted and not np.isfinite(float(scalar))):
        return f"it gives {_shown(answer)}, must be one finite number"
    return ""


def unfitted(answer: Any, given: Given) -> str:
    """Tell what is no estimator."""
    fits = callable(getattr(answer, "fit", None)) and not isinstance(answer, type)
    return "" if fits else f"it gives {_shown(answer)}, must be an unfitted scikit-learn estimator"


def retold(answer: Any, given: Given) -> str:
    """Tell what is wrong with rows that were told anew."""
    rows = given[0]
    if not isinstance(answer, pd.DataFrame):
        return f"it gives {_shown(answer)}, must be a DataFrame"
    if not answer.index.equals(rows.index):
        return f"it gives {len(answer)} rows of another index, must be the {len(rows)} given"
    return ""


def _numbers(answer: Any, rows: int, what: str) -> tuple[NDArray[np.float64], str]:
    """Return the answer as doubles, and what is wrong with its type or shape."""
    nothing = np.empty(0)
    if answer is None:
        return nothing, f"{what} gives None, must be an array of {rows} numbers"
    try:
        numbers = np.asarray(answer, dtype=np.float64)
    except (TypeError, ValueError):
        return nothing, f"{what} gives {_shown(answer)}, must be an array of {rows} numbers"
    if numbers.shape != (rows,):
        return nothing, f"{what} has shape {numbers.shape}, must be {(rows,)}: one number a row"
    return numbers, ""


def _shown(answer: Any) -> str:
    words = " ".join(repr(answer).split())
    return f"a {type(answer).__name__}, {words[:60]}"
