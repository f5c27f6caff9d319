"""The rows as they were at the decision, and as they are once it is over: nothing sees more.

Whatever scores, acts or stands for the rule of thumb is given the first view. The second is for the
value of decisions that are over. A column that the use case does not declare is in neither.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kpi_gate.usecase.calls import CodeRefusal
from kpi_gate.usecase.contract import UseCase
from kpi_gate.usecase.refusal import Refusal

Floats = NDArray[np.float64]


class UnseenColumnError(Refusal):
    """A function of the use case asks for a column that it must not see."""


def at_decision(
    use_case: UseCase, rows: pd.DataFrame, features: Sequence[str] = ()
) -> pd.DataFrame:
    """Return the rows with the columns that were known at the decision, and no other.

    Args:
        use_case: Says when each column is known.
        rows: The rows.
        features: Inputs of a model that was trained when the use case had others; none of them is
            shown if it is known only with the outcome by now.
    """
    late = set(use_case.times.with_outcome)
    wanted = dict.fromkeys((*use_case.times.at_decision, *features))
    return rows[[name for name in wanted if name in rows.columns and name not in late]]


def once_over(use_case: UseCase, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with every column that the use case declares, the outcome among them."""
    wanted = dict.fromkeys((*use_case.times.at_decision, *use_case.times.with_outcome))
    return rows[[name for name in wanted if name in rows.columns]]


@contextmanager
def seen_by(
    use_case: UseCase, function: str, rows: pd.DataFrame, view: pd.DataFrame
) -> Iterator[None]:
    """Say of a column that a function asks for in vain why it does not see it.

    Args:
        use_case: Whose function.
        function: Its name, such as `baseline`.
        rows: All columns that there are.
        view: What the function is given.

    Raises:
        UnseenColumnError: If it asks for a column that the rows have and the view has not.
    """
    try:
        yield
    except (KeyError, AttributeError, CodeRefusal) as error:
        cause = error.__cause__ if isinstance(error, CodeRefusal) else error
        names = (n for n in rows.columns if n not in view.columns and repr(n) in str(cause))
        asked = next(names, None) if isinstance(cause, KeyError | AttributeError) else None
        if asked is None:
            raise
        words = f"{function}: {use_case.times.why_unseen(str(asked))}"
        where = f". {error}" if isinstance(error, CodeRefusal) else ""
        raise UnseenColumnError("columns_seen", f"{words}{where}") from error


def rule_of_thumb(use_case: UseCase, rows: pd.DataFrame) -> Floats:
    """Return the actions that the business takes without a model, shape `(n,)`.

    Raises:
        UnseenColumnError: If the rule reads what is not known at the decision, or not declared.
    """
    view = at_decision(use_case, rows)
    with seen_by(use_case, "baseline", rows, view):
        return np.asarray(use_case.baseline(view), dtype=np.float64)
