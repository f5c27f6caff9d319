"""Which columns are the outcome under another name, and which only forecast it well."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from kpi_gate.decision.evidence import KNOWS
from kpi_gate.learning.leakage import column_aucs, knowledge

N = 4_000


def table(columns, seed=1, share=0.3):
    """Return rows with an outcome of which the columns are made by (outcome, draws)."""
    generator = np.random.default_rng(seed)
    outcome = (generator.random(N) < share).astype(float)
    made = {name: make(outcome, generator) for name, make in columns.items()}
    at = pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(np.arange(N), unit="h")
    return pd.DataFrame({"event_time": at, "outcome": outcome, **made})


OUTCOMES = {
    "up": lambda y, g: y + 0.1 * g.random(N),
    "down": lambda y, g: -y + 0.1 * g.random(N),
    "middle": lambda y, g: np.where(
        y == 1, 0, np.where(g.random(N) < 0.5, -1, 1) * (1 + g.random(N))
    ),
    "codes": lambda y, g: 2 * g.integers(0, 20, N) + y,
    "truth": lambda y, g: y == 1,
    "levels": lambda y, g: np.where(y == 1, "paid", np.where(g.random(N) < 0.5, "open", "new")),
    "dates": lambda y, g: pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(y * 9, unit="D"),
    "gone where 1": lambda y, g: np.where(y == 1, np.nan, g.normal(size=N)),
    "gone where 0": lambda y, g: np.where(y == 0, np.nan, g.normal(size=N)),
    "text gone where 0": lambda y, g: np.where(y == 0, None, "x"),
    "one in 200 wrong": lambda y, g: np.where(g.random(N) < 0.005, 1 - y, y),
}
FORECASTS = {
    "nothing": lambda y, g: g.normal(size=N),
    "ids": lambda y, g: np.arange(N),
    "many levels": lambda y, g: g.integers(0, N // 2, N).astype(str),
    "good": lambda y, g: y + g.normal(size=N),
    "very good": lambda y, g: 2.4 * y + g.normal(size=N),  # AUC 0.955
    "rare and sure": lambda y, g: (y == 1) & (g.random(N) < 0.6),
    "all alike": lambda y, g: np.ones(N),
    "all gone": lambda y, g: np.full(N, np.nan),
    "some gone": lambda y, g: np.where(g.random(N) < 0.4, np.nan, 2 * y + g.normal(size=N)),
}


@pytest.mark.parametrize("name", OUTCOMES)
def test_a_column_that_is_the_outcome_is_seen(name):
    found = knowledge(table({name: OUTCOMES[name]}), [name], N)
    assert found[name] >= KNOWS


@pytest.mark.parametrize("name", FORECASTS)
@pytest.mark.parametrize("share", [0.02, 0.3])
def test_a_column_that_forecasts_is_believed(name, share):
    found = knowledge(table({name: FORECASTS[name]}, share=share), [name], N)
    assert 0.5 <= found[name] < KNOWS


@given(st.integers(0, 10_000))
@examples(max_examples=15)
def test_no_seed_makes_an_honest_column_the_outcome(seed):
    rows = table(FORECASTS, seed=seed, share=0.05)
    assert max(knowledge(rows, list(FORECASTS), N).values()) < KNOWS


def test_of_too_few_outcomes_nobody_can_say():
    rows = table({"up": OUTCOMES["up"]})
    few = rows[(rows["outcome"] == 0) | (rows["outcome"].cumsum() < 30)]
    assert knowledge(few, ["up"], N) is None
    assert column_aucs(few, {"up": "number"}) is None


def test_outcomes_that_are_not_known_yet_do_not_count():
    rows = table({"up": OUTCOMES["up"]})
    young = rows.assign(outcome=rows["outcome"].mask(np.arange(N) > 3_000))
    assert knowledge(young, ["up"], N)["up"] >= KNOWS


def test_the_monitor_ranks_by_the_same_rule():
    rows = table({"up": OUTCOMES["up"], "levels": OUTCOMES["levels"]})
    found = column_aucs(rows, {"up": "number", "levels": "category"})
    assert found["up"].auc == found["levels"].auc == 1.0
