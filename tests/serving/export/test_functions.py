"""The owner's functions go out as source, with what they name, or say what keeps them."""

import math
import random
from functools import partial

import numpy as np
import pandas as pd
import pytest
from numpy import where as np_where

from kpi_gate.serving.errors import ExportError
from kpi_gate.serving.export.functions import HeavyError, exported
from kpi_gate.serving.light_functions import LightRule, executed
from kpi_gate.serving.light_rows import LightRows

BOUND, NEVER = 200, math.inf
BANDS = {"under 20": 20, "over": np.inf}
PRICES = np.array([0.5, 0.25])
COSTS = (1.5, {"north": 2.0}, frozenset({"a", "b"}), np.float64(3.0), None, True)
COUNT = [0]


def high(rows):
    """Return those above a bound."""
    return (rows["amount"] > BOUND).to_numpy(dtype=float)


def among(rows: "pd.DataFrame") -> np.ndarray:
    first: float = COSTS[0]
    known = rows["region"].isin(COSTS[2]) | rows["region"].isna()
    return np_where(known, 1.0, 0.0) * (first > 1) * (NEVER > 1)


def helped(rows):
    return _clipped(rows["amount"].fillna(0.0) / max(BANDS["under 20"], 1)) * PRICES[0] * 2


def _clipped(numbers, top=1.0):
    return np.clip(numbers, 0.0, top)


def between(rows):
    return [float(x) for x in rows["amount"].where(rows["amount"] > 0, 0.0).between(1, 300)]


def counted(rows):
    return np.full(len(rows), sum(1 for name in rows.columns if name != "unit") / len(rows.columns))


def spelled_out(rows):
    late = rows.seen.dt.hour.ge(12) & rows["seen"].dt.dayofweek.lt(5) & rows.seen.dt.month.eq(5)
    price = rows.region.map({"a": 1.0, "c": 0.5}).fillna(0.25)
    first = rows["seen"].dt.day.ne(2) & (rows["seen"].dt.year > 2025)
    return (late.astype(float) * price * first.astype(float)).to_numpy()


def enclosed(share):
    def rule(rows):
        return np.full(len(rows), share)

    return rule


TABLE = pd.DataFrame(
    {
        "unit": ["u", "v", "w"],
        "amount": [10.0, 300.0, np.nan],
        "region": ["a", None, "c"],
        "seen": pd.to_datetime(["2026-05-01T13:00Z", "2026-05-02T13:00Z", "2026-05-04T23:59Z"]),
    }
)


def light(table):
    columns = {
        name: column.to_numpy(dtype=float if column.dtype.kind == "f" else object)
        for name, column in table.items()
    }
    columns["seen"] = columns["seen"].astype("datetime64[us]")
    for column in columns.values():
        if column.dtype == object:
            column[pd.isna(column)] = None
    return columns


@pytest.mark.parametrize(
    "rule",
    [
        high,
        among,
        helped,
        between,
        counted,
        spelled_out,
        enclosed(0.25),
        lambda rows: np.ones(len(rows)),
    ],
    ids=["constant", "set", "helper", "where", "columns", "pandas", "closure", "lambda"],
)
def test_a_light_rule_does_the_same_on_plain_arrays(rule):
    source = exported(rule, "rule_of_thumb")
    again = LightRule(executed(source, "rule_of_thumb", "rule.py"))
    expected = np.asarray(rule(TABLE), dtype=float)
    assert again.actions(light(TABLE), len(TABLE)).tolist() == expected.tolist()
    assert "import" not in source
    assert "pd." not in source


def needs_pandas(rows):
    return pd.Series(rows["amount"]).rank()


def draws(rows):
    return np.random.random(len(rows))


def draws_too(rows):
    return [random.random() for _ in rows]  # noqa: S311


def opens(rows):
    return open("file").read()  # noqa: PTH123


def reads(rows):
    return np.load("file")


def imports(rows):
    import os

    return os.getpid()


def escapes(rows):
    return rows.__class__.__bases__


def writes(rows):
    global BOUND  # noqa: PLW0603
    BOUND = 3
    return rows


def held(rows):
    return SELF.value


class Held:
    value = 3

    def rule(self, rows):
        return rows


SELF = Held()


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        (needs_pandas, "needs_pandas needs the module pandas"),
        (draws, r"draws uses \.random"),
        (draws_too, r"draws_too uses \.random"),
        (opens, "opens names open, which is nowhere"),
        (reads, r"reads uses \.load"),
        (imports, "imports imports, or writes beyond itself"),
        (escapes, r"escapes uses \.__"),
        (writes, "writes imports, or writes beyond itself"),
        (held, "SELF is a Held, no constant"),
        (SELF.rule, "method is no plain function"),
        (partial(high), "partial is no plain function"),
        (len, "builtin_function_or_method is no plain function"),
    ],
)
def test_what_is_not_light_says_what_it_needs(rule, why):
    with pytest.raises(HeavyError, match=why):
        exported(rule, "rule_of_thumb")


def test_exported_source_sees_nothing_but_numpy_and_math():
    for source in ("def f(rows):\n    return open('x')", "def f(rows):\n    import os"):
        function = executed(source, "f", "f.py")
        with pytest.raises((NameError, ImportError)):
            function({})
    with pytest.raises(ExportError, match="there is no function 'g'"):
        executed("f = 3", "g", "f.py")


def test_a_rule_that_fails_says_nothing():
    columns = light(TABLE)
    assert np.isnan(LightRule(lambda rows: rows["none"]).actions(columns, 3)).all()
    assert np.isnan(LightRule(lambda rows: [1.0]).actions(columns, 3)).all()
    found = LightRule(lambda rows: [1.0, 2.0, -0.1]).actions(columns, 3)
    assert np.isnan(found).tolist() == [False, True, True]


def test_light_columns_answer_as_pandas_does():
    rows = LightRows(light(TABLE), 3)
    amount, region = rows["amount"], rows["region"]
    assert len(rows) == 3
    assert amount.isna().tolist() == TABLE["amount"].isna().tolist()
    assert region.notna().tolist() == TABLE["region"].notna().tolist()
    assert amount.fillna(1.0).tolist() == TABLE["amount"].fillna(1.0).tolist()
    assert amount.mask(amount > 20, 7.0).fillna(0).tolist() == [10.0, 7.0, 0.0]
    assert (-amount).abs().fillna(0).tolist() == [10.0, 300.0, 0.0]
    assert (region == "a").tolist() == (TABLE["region"] == "a").tolist()
    assert amount.astype(np.float32).to_numpy(dtype=float).tolist()[:2] == [10.0, 300.0]
