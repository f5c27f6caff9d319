"""What the value reads, as it is expected at the decision: before amounts have arrived."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import pandas as pd

from kpi_gate.decision.value.model import Columns, Floats, ValueModel


class AmountError(RuntimeError):
    """A model of an amount cannot be fitted, or asked; the message says which and why."""


class Expected(NamedTuple):
    """An amount as it is expected at the decision, under either outcome; both of shape `(n,)`."""

    with_1: Floats
    with_0: Floats


Amounts = Mapping[str, Expected]
NO_AMOUNTS: Amounts = MappingProxyType({})
NOTHING: Mapping[str, str] = MappingProxyType({})


def golden_amounts(amounts: Amounts) -> dict[str, Floats]:
    """Return what is kept beside the golden rows of expected amounts, by column."""
    return {
        f"golden_{name}_with_{outcome}": amount
        for name, pair in amounts.items()
        for outcome, amount in ((1, pair.with_1), (0, pair.with_0))
    }


def value_columns(
    rows: pd.DataFrame, value: ValueModel, expected: Mapping[str, str], amounts: Amounts
) -> tuple[Columns, Columns]:
    """Return what the value reads as it is expected at the decision: with outcome 1, and with 0.

    Args:
        rows: The rows as they were at the decision.
        value: Names its columns.
        expected: Of an amount, the column that says what it will be.
        amounts: What a second model expects of the others.
    """
    with_1, with_0 = {}, {}
    for name in value.columns:
        if name in expected or name not in amounts:
            with_1[name] = with_0[name] = rows[expected.get(name, name)].to_numpy(dtype=float)
        else:
            with_1[name], with_0[name] = amounts[name]
    return with_1, with_0
