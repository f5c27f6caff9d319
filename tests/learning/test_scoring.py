import time

import numpy as np
import pandas as pd
import pytest

from kpi_gate.decision.value.ready_made import campaign_profit
from kpi_gate.learning.policy import Policy, PolicySettings
from kpi_gate.learning.scoring import (
    ScoringError,
    act,
    blank_some,
    latencies_ms,
    probabilities,
    row_keys,
)

ROWS = pd.DataFrame({"x": [1.0, 2.0, 3.0], "z": [0, 0, 0], "balance_eur": [0.0, 1e4, 1e4]})


class Answers:
    def __init__(self, answer):
        self.answer = answer

    def predict_proba(self, rows):
        assert list(rows.columns) == ["x"]
        return self.answer(rows) if callable(self.answer) else self.answer


def broken(rows):
    raise KeyError("no\n such column")


def test_the_probability_of_outcome_one():
    answer = np.array([[0.9, 0.1], [0.2, 0.8], [0.5, 0.5]])
    assert probabilities(Answers(answer), ROWS, ["x"]).tolist() == [0.1, 0.8, 0.5]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (broken, "KeyError: 'no.* such column'"),
        (np.zeros(3), r"gave shape \(3,\), must be \(3, 2\)"),
        (np.zeros((2, 2)), r"gave shape \(2, 2\)"),
        ([["a", "b"]] * 3, "ValueError: could not convert"),
    ],
)
def test_a_model_that_cannot_score_says_so(answer, words):
    with pytest.raises(ScoringError, match=words):
        probabilities(Answers(answer), ROWS, ["x"])


def test_a_missing_feature_says_so():
    with pytest.raises(ScoringError, match="gone"):
        probabilities(Answers(np.zeros((3, 2))), ROWS, ["gone"])


def test_act_reads_the_columns_of_the_value():
    parameters = {
        "contact_cost_eur": 1.0,
        "interest_rate": 0.02,
        "deposited_share": 0.25,
        "amount_cap_eur": 2e4,
    }
    policy = Policy(settings=PolicySettings(), parameters=parameters)
    chosen = act(policy, campaign_profit, np.array([0.9, 0.9, 0.001]), ROWS)
    assert chosen.tolist() == [0, 1, 0]


def test_a_decision_is_known_by_unit_and_time():
    moment = pd.to_datetime(["2024-01-01", "2024-01-01", "2024-01-02"], utc=True)
    rows = pd.DataFrame({"unit": ["a", "b", "a"], "event_time": moment})
    keys = row_keys(rows)
    assert len(set(keys)) == 3
    assert (row_keys(rows.assign(x=1)[::-1]) == keys[::-1]).all()


@pytest.mark.parametrize("dtype", ["datetime64[ns, UTC]", "datetime64[s, Asia/Tokyo]"])
def test_a_moment_is_the_same_whoever_wrote_it(dtype):
    rows = pd.DataFrame({"unit": [1, 2], "event_time": pd.date_range("2024", periods=2, tz="UTC")})
    other = rows.astype({"event_time": dtype, "unit": "str"})
    assert (row_keys(rows) == row_keys(other)).all()


def test_scorers_take_turns():
    turns = []
    found = latencies_ms([lambda: turns.append("a"), lambda: turns.append("b")], repeats=3)
    assert turns == ["a", "b"] * 3
    assert all(value >= 0 for value in found)
    assert latencies_ms([lambda: time.sleep(0.003)], repeats=3)[0] >= 3
    assert latencies_ms([]) == []


def test_a_share_of_every_feature_is_blanked():
    rows = pd.DataFrame({"x": np.arange(2_000.0), "job": ["a"] * 2_000, "kept": 1})
    blanked = blank_some(rows, ["x", "job"], 0.1, seed=7)
    assert blanked[["x", "job"]].isna().mean().tolist() == pytest.approx([0.1, 0.1], abs=0.02)
    assert blanked["kept"].notna().all()
    assert rows.notna().all(axis=None)
    pd.testing.assert_frame_equal(blanked, blank_some(rows, ["x", "job"], 0.1, seed=7))
