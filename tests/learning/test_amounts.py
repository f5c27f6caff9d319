"""What an amount will be: learnt apart for either outcome, kept with the classifier."""

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression

from kpi_gate.decision.value.model import ValueModel
from kpi_gate.learning.amounts import FEWEST_ROWS, with_amounts
from kpi_gate.learning.expected import AmountError, Expected, value_columns
from kpi_gate.learning.policy import Policy, PolicySettings
from kpi_gate.learning.scoring import act
from kpi_gate.record.model_files import dump_model, load_model, store_model

N = 600


@pytest.fixture(scope="module")
def rows():
    """Return rows whose amount is 3x with outcome 1, and 10 - x with outcome 0."""
    generator = np.random.default_rng(3)
    x, outcome = generator.random(N), (generator.random(N) < 0.4).astype(float)
    amount = np.where(outcome == 1, 3 * x, 10 - x)
    return pd.DataFrame({"x": x, "outcome": outcome, "amount": amount, "fee": 2.0})


def learnt(rows, make=LinearRegression, names=("amount",)):
    classifier = LogisticRegression().fit(rows[["x"]], rows["outcome"])
    return with_amounts(classifier, rows, names=names, features=["x"], make=make)


def test_each_outcome_has_its_own_expectation(rows):
    found = learnt(rows).expect(rows[["x"]])["amount"]
    assert found.with_1 == pytest.approx(3 * rows["x"])
    assert found.with_0 == pytest.approx(10 - rows["x"])


def test_rows_whose_amount_is_not_there_teach_nothing(rows):
    gone = rows["amount"].mask(rows.index % 2 == 0)
    found = learnt(rows.assign(amount=gone)).expect(rows[["x"]])["amount"]
    assert found.with_1 == pytest.approx(3 * rows["x"])


def test_a_rare_or_constant_amount_is_its_mean(rows):
    rare = rows.assign(outcome=(rows.index < FEWEST_ROWS - 1).astype(float), amount=rows["x"])
    found = learnt(rare).expect(rows[["x"]])["amount"]
    assert found.with_1 == pytest.approx(np.full(N, rows["x"].head(FEWEST_ROWS - 1).mean()))
    same = learnt(rows.assign(amount=7.0)).expect(rows[["x"]])["amount"]
    assert (same.with_1 == 7).all()
    assert (same.with_0 == 7).all()
    none = learnt(rows.assign(amount=np.nan)).expect(rows[["x"]])["amount"]
    assert (none.with_1 == 0).all()


def test_it_scores_as_its_classifier_and_survives_its_file(rows, tmp_path):
    model = learnt(rows, make=lambda: RandomForestRegressor(5, random_state=1))
    path = tmp_path / "model.skops"
    store_model(path, dump_model(model))
    again = load_model(path)
    assert np.array_equal(again.predict_proba(rows[["x"]]), model.predict_proba(rows[["x"]]))
    assert np.array_equal(again.expect(rows[["x"]])["amount"], model.expect(rows[["x"]])["amount"])
    assert again.classes_.tolist() == [0, 1]


def test_a_regressor_that_fails_is_told_by_its_amount(rows):
    class Broken(LinearRegression):
        def predict(self, inputs):
            raise ZeroDivisionError("no")

    class Unfit(LinearRegression):
        def fit(self, inputs, amount):
            raise ZeroDivisionError("no")

    with pytest.raises(AmountError, match="model of 'amount' on 365 rows"):
        learnt(rows, make=Unfit)
    with pytest.raises(AmountError, match="model of 'amount' fails: ZeroDivisionError: no"):
        learnt(rows, make=Broken).expect(rows[["x"]])


VALUE = ValueModel(
    "v",
    lambda a, y, c, p: {"won": a * y * c["amount"], "lost": -a * (1 - y) * c["amount"]},
    ("amount",),
)


def test_the_policy_weighs_each_outcome_with_its_own_amount(rows):
    policy = Policy(settings=PolicySettings(), parameters={})
    scores = np.full(N, 0.5)
    amounts = {"amount": Expected(np.full(N, 6.0), np.full(N, 5.0))}
    assert act(policy, VALUE, scores, rows[["x"]], amounts=amounts).all()
    turned = {"amount": Expected(np.full(N, 5.0), np.full(N, 6.0))}
    assert not act(policy, VALUE, scores, rows[["x"]], amounts=turned).any()


def test_a_declared_column_goes_before_a_model(rows):
    amounts = {"amount": Expected(np.full(N, 6.0), np.full(N, 5.0))}
    for columns in value_columns(rows, VALUE, {"amount": "fee"}, amounts):
        assert (columns["amount"] == 2).all()
    with_1, with_0 = value_columns(rows[["x"]], VALUE, {}, amounts)
    assert (with_1["amount"] - with_0["amount"] == 1).all()
