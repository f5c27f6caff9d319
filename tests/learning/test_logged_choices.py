import numpy as np
import pandas as pd
import pytest

from kpi_gate.decision.value.model import ValueModel
from kpi_gate.learning.logged_choices import Choices, choice_scores
from kpi_gate.learning.policy import Policy, PolicySettings
from kpi_gate.learning.scoring import ScoringError, act

PRICE = {"a": 1.0, "b": 10.0}
CLICKS = ValueModel("clicks", lambda a, y, rows, given: {"paid": a * y * rows["price"]}, ("price",))
CHOICES = Choices("ad", ("a", "b"), lambda rows, ad: rows.assign(ad=ad, price=PRICE[ad]))
ROWS = pd.DataFrame({"ad": ["a", "b", "b"], "x": [0.1, 0.5, 0.9]}, index=[4, 7, 9])
ROWS["price"] = ROWS["ad"].map(PRICE)


class Taste:
    """Expects x of ad `a`, and a tenth of what is left of ad `b`."""

    def predict_proba(self, rows):
        p = np.where(rows["ad"] == "a", rows["x"], (1 - rows["x"]) / 10)
        return np.column_stack([1 - p, p])


def test_every_choice_is_scored_on_every_row():
    scores = choice_scores(Taste(), ROWS, ["ad", "x"], CHOICES)
    assert scores == pytest.approx(np.array([[0.1, 0.09], [0.5, 0.05], [0.9, 0.01]]))
    assert CHOICES.of_the_log(scores, ROWS) == pytest.approx([0.1, 0.05, 0.01])


def test_the_policy_takes_what_is_worth_most_and_says_how_likely_the_logged_one_is():
    scores = choice_scores(Taste(), ROWS, ["ad", "x"], CHOICES)
    policy = Policy(settings=PolicySettings(kind="choice", explore=0.2), parameters={})
    # money of a and b: 0.1 and 0.9, 0.5 and 0.5, 0.9 and 0.1
    taken = act(policy, CLICKS, scores, ROWS, CHOICES)
    assert taken == pytest.approx([0.1, 0.5, 0.1])


def test_a_choice_that_nobody_knows_has_no_chance():
    scores = np.full((3, 2), 0.5)
    policy = Policy(settings=PolicySettings(kind="choice"), parameters={})
    taken = act(policy, CLICKS, scores, ROWS.assign(ad=["a", "c", None]), CHOICES)
    assert np.isnan(taken).tolist() == [False, True, True]


def test_without_retelling_only_the_column_changes():
    plain = Choices("ad", ("a", "b"))
    assert plain.as_if(ROWS, "a")["ad"].tolist() == ["a"] * 3
    assert plain.as_if(ROWS, "a")["price"].tolist() == ROWS["price"].tolist()


def test_a_model_that_fails_on_one_choice_fails():
    with pytest.raises(ScoringError, match="KeyError"):
        choice_scores(Taste(), ROWS, ["ad"], CHOICES)
