"""Any two sides are compared in money; what is not known is said, what is wrong is named."""

import doctest
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.svm import LinearSVC

from kpi_gate import Guardrail, Objective, Parameter, ValueModel, Verdict, compare
from kpi_gate.errors import ConfigurationError
from kpi_gate.evaluation import compare as compare_module

ROWS = 3_000
OBJECTIVE = Objective(unit="EUR", horizon_decisions=10_000, min_effect=0.1, resamples=1_000)
TRAINED_UNTIL = "2024-05-12"


def visits(rows=ROWS, seed=0):
    generator = np.random.default_rng(seed)
    number = np.arange(rows)
    found = pd.DataFrame(
        {
            "taste": generator.normal(size=rows),
            "noise": generator.normal(size=rows),
            "region": generator.choice(["north", "south"], rows),
            "client": number // 2,
            "due": pd.Timestamp("2024-05-01", tz="UTC") + pd.to_timedelta(number // 50, unit="D"),
        }
    )
    buys = generator.random(rows) < 1 / (1 + np.exp(-2 * found["taste"]))
    return found, buys.astype(int)


X, Y = visits()
TRAIN, FRESH = slice(0, 550), slice(550, None)


def pipeline(columns):
    codes = make_column_transformer(
        (OneHotEncoder(), [name for name in columns if name == "region"]), remainder="passthrough"
    )
    return make_pipeline(codes, LogisticRegression()).fit(X[columns][TRAIN], Y[TRAIN])


OLD, NEW = pipeline(["region", "noise"]), pipeline(["region", "noise", "taste"])


def profit(offer, bought, rows, given):
    return {"margin": offer * bought * given["margin"], "cost": -offer * given["cost"]}


def compared(champion=OLD, candidate=NEW, rows=None, outcome=None, **given):
    given = {
        "value": profit,
        "parameters": {"margin": Parameter(8, 10, 12), "cost": 4},
        "unit": "client",
        "event_time": "due",
        "objective": OBJECTIVE,
        **given,
    }
    rows = X[FRESH] if rows is None else rows
    return compare(champion, candidate, rows, Y[FRESH] if outcome is None else outcome, **given)


def states(decision):
    found = {}
    for check in decision.checks:
        found.setdefault(check.name, set()).add(check.state)
    return found


def test_the_better_model_is_promoted_and_the_worse_one_rejected():
    better, worse = compared(), compared(NEW, OLD)
    assert (better.verdict, worse.verdict) == (Verdict.PROMOTE, Verdict.REJECT), better.sentence
    assert better.gain.estimate == pytest.approx(-worse.gain.estimate)
    assert better.gain.rows == ROWS - 550
    assert set(better.corners) == {"margin"}
    assert set(better.parts["candidate"]) == {"margin", "cost"}
    assert better.notes["metrics"]["candidate"]["auc"] > better.notes["metrics"]["champion"]["auc"]


def test_the_money_is_that_of_the_actions_themselves():
    act = (NEW.predict_proba(X[FRESH])[:, 1] * 10 > 4).astype(float)
    by_hand = (act * (10 * Y[FRESH] - 4)).mean()
    found = compared(None, NEW)
    assert found.gain.estimate == pytest.approx(by_hand)
    assert "than doing nothing" in found.sentence


def test_the_same_side_said_in_another_way_is_the_same():
    usual = compared()
    score = NEW.predict_proba(X[FRESH])[:, 1]
    act = (score > 0.4).astype(int)
    for candidate, policy in (
        (lambda rows: NEW.predict_proba(rows)[:, 1] > 0.4, None),
        (act, None),
        (list(act), None),
        (pd.Series(act), None),
        (NEW, 0.4),
        (NEW, {"kind": "expected_value"}),
        (NEW, lambda scores, rows: scores > 0.4),
    ):
        found = compared((OLD.predict_proba(X[FRESH])[:, 1] > 0.4) * 1.0, candidate, policy=policy)
        assert found.gain.estimate == pytest.approx(usual.gain.estimate)


@pytest.mark.parametrize("kind", ["frame", "polars", "array", "fitted on an array"])
def test_inputs_come_in_any_form_without_a_warning(kind):
    names = ["noise", "taste"]
    inputs = X[names] if kind != "fitted on an array" else X[names].to_numpy()
    old, new = (LogisticRegression().fit(inputs[TRAIN], flip) for flip in (1 - Y[TRAIN], Y[TRAIN]))
    rows = X[names][FRESH]
    given = {"polars": pl.from_pandas, "array": pd.DataFrame.to_numpy}.get(kind, lambda rows: rows)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = compared(old, new, given(rows), unit=X["client"][FRESH], event_time=X["due"][FRESH])
    assert found.verdict is Verdict.PROMOTE


@pytest.mark.parametrize(
    "outcome",
    [Y == 1, np.where(Y, "yes", "no"), Y * 1.0],
    ids=["bool", "text", "float"],
)
def test_outcomes_and_classes_of_two_levels_are_read(outcome):
    model = LogisticRegression().fit(X[["taste"]][TRAIN], outcome[TRAIN])
    found = compared(None, model, outcome=outcome[FRESH])
    plain = compared(None, LogisticRegression().fit(X[["taste"]][TRAIN], Y[TRAIN]))
    assert found.gain == plain.gain


def test_what_nobody_says_is_not_checked_and_never_ok():
    found = states(compared(event_time=None))
    for name in ("window_fresh", "labels_mature", "days", "guardrails"):
        assert found[name] == {"not checked"}, name
    dated = states(compared())
    assert dated["days"] == {"ok"}
    assert dated["window_fresh"] == {"not checked"}


def test_rows_that_a_model_has_seen_are_no_evidence():
    fresh = compared(trained_until=TRAINED_UNTIL)
    assert states(fresh)["window_fresh"] == {"ok"}
    assert states(fresh)["no_shared_rows"] == {"not checked"}
    seen = compared(trained_until={"champion": TRAINED_UNTIL, "candidate": "2024-06-01"})
    assert seen.verdict is Verdict.INVALID
    assert "the candidate has seen rows until 2024-06-01" in seen.sentence
    assert states(compared(None, trained_until=TRAINED_UNTIL))["window_fresh"] == {"ok"}


def test_guardrails_look_at_columns_of_the_rows_and_at_levels_beside_them():
    levels = np.where(np.arange(ROWS) % 2, "odd", "even")[FRESH]
    found = compared(
        guardrails=[
            Guardrail(slice="region", may_lose=0.5),
            {"slice": "half", "may_lose": 0.5},
            Guardrail(measure="action_rate", at_most=0.1),
            Guardrail(measure="action_rate_gap", by="region", at_most=0.5),
            Guardrail(measure="calibration_error", may_rise_by=0.1),
            Guardrail(measure="latency_ratio", at_most=1_000),
        ],
        slices={"half": levels},
    )
    assert {(gain.column, gain.level) for gain in found.slices} == {
        *(("region", level) for level in ("north", "south")),
        *(("half", level) for level in ("odd", "even")),
    }
    assert found.verdict is Verdict.REJECT
    assert [check.name for check in found.main_reasons] == ["action_rate"]
    assert "ok" in states(found)["latency_ratio"]


def test_a_policy_within_a_budget_acts_on_the_best_of_each_day():
    found = compared(None, NEW, policy={"kind": "expected_value", "most": 5, "within": ["day"]})
    days = X["due"][FRESH].nunique()
    assert found.measures["candidate"]["action_rate"] == pytest.approx(5 * days / (ROWS - 550))


def test_a_value_model_brings_its_published_parameters():
    model = ValueModel(
        "offer", profit, parameters={"margin": Parameter(8, 10, 12), "cost": Parameter(4, 4, 4)}
    )
    assert compared(value=model, parameters=None).gain == compared().gain
    dearer = compared(None, value=model, parameters={"cost": 5})
    assert dearer.gain.estimate < compared(None).gain.estimate


def test_numbers_that_are_none_make_it_invalid_and_not_an_error():
    def broken(offer, bought, rows, given):
        return np.where(rows["taste"] > 2, np.nan, offer * bought)

    found = compared(value=broken, parameters=None)
    assert found.verdict is Verdict.INVALID
    assert "no finite value" in found.sentence


def test_scores_too_good_to_be_true_are_told():
    rows = X.assign(hint=Y + 0.0)
    leaking = HistGradientBoostingClassifier(max_iter=5).fit(rows[["hint"]][TRAIN], Y[TRAIN])
    found = compared(None, leaking, rows[FRESH])
    assert "AUC 1.000: is a feature known only after the decision?" in found.to_html()


WRONG = {
    "a class": ({"candidate": LogisticRegression}, "candidate is the class LogisticRegression"),
    "unfitted": ({"candidate": LogisticRegression()}, "candidate cannot score.*not fitted"),
    "no chances": (
        {"candidate": LinearSVC().fit(X[["taste"]], Y)},
        "candidate is LinearSVC without predict_proba",
    ),
    "three classes": (
        {"candidate": LogisticRegression().fit(X[["taste"]], np.arange(ROWS) % 3)},
        r"its classes are \[0, 1, 2\], must be 0 and 1",
    ),
    "unknown classes": (
        {"candidate": LogisticRegression().fit(X[["taste"]], np.where(Y, "b", "a"))},
        "its classes are .*must be 0 and 1",
    ),
    "a text": ({"candidate": "model.pkl"}, "candidate is 'model.pkl', must be 2450 numbers"),
    "too few actions": ({"champion": [1, 0]}, r"champion has shape \(2,\), must be \(2450,\)"),
    "no action": ({"champion": np.full(2450, np.nan)}, "champion is nan in row 0, must be finite"),
    "no column": (
        {"rows": X[FRESH].drop(columns="taste")},
        "candidate: X has no column taste, which it was trained on",
    ),
    "no rows": ({"rows": X[:0], "outcome": Y[:0]}, "X has 0 rows, at least 1"),
    "one dimension": ({"rows": [1, 2]}, r"X has shape \(2,\), must be a data frame or an array"),
    "short outcomes": ({"outcome": Y[:7]}, r"y has shape \(7,\), must be \(2450,\)"),
    "unknown outcome": (
        {"outcome": np.where(np.arange(2450) == 3, np.nan, Y[FRESH])},
        "y: unknown in 1 of 2450 rows, the first is row 4",
    ),
    "outcome of 7": ({"outcome": Y[FRESH] + 6}, "y: [67].0 in .* must be 0 or 1"),
    "no unit": ({"unit": None}, r"unit is None.*range\(len\(X\)\)"),
    "unit elsewhere": ({"unit": "customer"}, "unit == 'customer': X has no such column"),
    "missing unit": ({"unit": [None, *range(2449)]}, "unit is missing in 1 of 2450 rows"),
    "number as time": ({"event_time": np.arange(2450)}, "event_time holds integer"),
    "no time": ({"event_time": ["soon"] * 2450}, "event_time: 'soon' in row 1 is no time"),
    "trained when": (
        {"trained_until": "last week"},
        "until of the champion is 'last week'",
    ),
    "trained of one": (
        {"trained_until": {"champion": TRAINED_UNTIL}},
        "trained_until: candidate is missing",
    ),
    "trained undated": (
        {"trained_until": TRAINED_UNTIL, "event_time": None},
        "trained_until needs event_time",
    ),
    "no value": ({"value": 3}, "value is 3, must be a ValueModel or a function"),
    "value of other shape": (
        {"value": lambda *_: [1.0]},
        r"value has shape \(1,\), must be",
    ),
    "value elsewhere": (
        {"value": ValueModel("v", profit, ("price",))},
        "value v: X has no column price",
    ),
    "parameter is text": ({"parameters": {"margin": "ten", "cost": 4}}, "parameters.margin"),
    "parameter is NaN": ({"parameters": {"margin": np.nan, "cost": 4}}, "parameters.margin"),
    "unknown parameter": (
        {
            "value": ValueModel("v", profit, parameters={"cost": Parameter(1, 2, 3)}),
            "parameters": {"price": 1},
        },
        "parameters: 'price' is not of v: cost",
    ),
    "threshold": ({"policy": 1.5}, r"policy == 1.5, a threshold must be in \[0, 1\]"),
    "policy's kind": ({"policy": {"kind": "best"}}, "policy: kind"),
    "policy is text": ({"policy": "best"}, "policy is 'best', must be None, a threshold"),
    "policy within": (
        {"policy": {"most": 1, "within": ["shop"]}},
        "policy.within: 'shop' is no column of X",
    ),
    "negative horizon": (
        {"objective": {"unit": "EUR", "horizon_decisions": -1, "min_effect": 0}},
        "objective.horizon_decisions: must be greater than 0 .given: -1",
    ),
    "no currency": (
        {"objective": {"horizon_decisions": 10, "min_effect": 0}},
        "objective.unit: this key is needed",
    ),
    "blank currency": (
        {"objective": {"unit": " ", "horizon_decisions": 10, "min_effect": 0}},
        "objective.unit",
    ),
    "nothing to exceed": (
        {"objective": {"unit": "EUR", "horizon_decisions": 10}},
        "say `min_effect` or `switch_cost`",
    ),
    "objective is a number": ({"objective": 5}, "objective is 5, must be an Objective"),
    "guardrails are one": ({"guardrails": Guardrail(slice="region", may_lose=1)}, "guardrails is"),
    "guardrail's measure": (
        {"guardrails": [{"measure": "model_size_mb", "at_most": 1}]},
        "measure == 'model_size_mb', must be one of action_rate",
    ),
    "guardrail's budget": (
        {"guardrails": [{"measure": "action_rate", "may_rise_by": 1, "budget": 1}]},
        "budget == 1.0 is against the first champion",
    ),
    "guardrail's column": (
        {"guardrails": [{"slice": "shop", "may_lose": 1}]},
        "shop == 'shop': X has no such column",
    ),
    "idle slice": ({"slices": ["region"]}, "slices: no guardrail names 'region'"),
    "untimed": (
        {"champion": None, "guardrails": [{"measure": "latency_ratio", "at_most": 2}]},
        "the champion is no model that can be timed",
    ),
    "past": ({"past": [(1, "x")]}, "standard_error 1 == 'x', must be a number"),
}


@pytest.mark.parametrize(("given", "words"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_named(given, words):
    with pytest.raises(ConfigurationError, match=words):
        compared(**given)


def test_nothing_given_is_changed():
    rows, outcome = X[FRESH].copy(), Y[FRESH].copy()
    compared(rows=rows, outcome=outcome, value=lambda a, y, rows, p: rows.pop("taste") * 0 + a)
    pd.testing.assert_frame_equal(rows, X[FRESH])
    assert (outcome == Y[FRESH]).all()


def test_the_examples_are_so():
    found = doctest.testmod(compare_module)
    assert (found.failed, found.attempted > 0) == (0, True)
