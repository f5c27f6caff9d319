import numpy as np
import pandas as pd
import pytest
from health_shop import PAST, day, past, use_case

from kpi_gate.errors import ConfigurationError
from kpi_gate.learning.leakage import column_aucs
from kpi_gate.watch.health.leakage import check_leakage
from kpi_gate.watch.health.skew import check_skew

TODAY = day(PAST)
FEATURES = use_case().feature_names
KINDS = {feature.name: feature.kind for feature in use_case().features}


def effect(rows):
    scores = 0.1 + rows["balance_eur"].to_numpy() / 1_000
    return scores, 5 * scores


def test_the_same_rows_are_no_skew_in_any_order():
    assert check_skew(TODAY, TODAY.iloc[::-1], FEATURES, effect) == []
    holed = TODAY.assign(amount_eur=np.nan, plan=None)
    assert check_skew(holed, holed.copy(), FEATURES) == []
    assert check_skew(TODAY[:0], TODAY, FEATURES) == []


def test_a_column_that_was_corrected_later():
    served = TODAY.assign(balance_eur=TODAY["balance_eur"].where(TODAY.index >= 30, 0.0))
    (found,) = check_skew(served, TODAY, FEATURES, effect)
    assert (found.check, found.column, found.severity) == ("skew", "balance_eur", "warning")
    assert found.value == pytest.approx(0.1)
    lost = TODAY["balance_eur"][:30].sum() / 300 / 1_000
    assert f"moves the score by {lost:.3g}" in found.sentence
    assert f"{-5 * lost:+.4g} per decision" in found.sentence


def test_one_row_in_three_hundred_is_a_note():
    served = TODAY.assign(plan=TODAY["plan"].mask(TODAY.index == 4, "else"))
    (found,) = check_skew(served, TODAY, FEATURES)
    assert found.severity == "note"
    assert "served else" in found.sentence


def test_a_value_that_was_missing_then_differs():
    served = TODAY.assign(plan=TODAY["plan"].mask(TODAY.index < 6))
    assert check_skew(served, TODAY, FEATURES)[0].value == pytest.approx(6 / 300)


def test_another_type_of_the_same_number_is_the_same():
    served = TODAY.assign(age_days=TODAY["age_days"].astype("int64"))
    assert check_skew(served, TODAY, FEATURES) == []


def test_decisions_that_vanished():
    found = check_skew(TODAY, TODAY[30:], FEATURES)
    assert [(f.check, f.value) for f in found] == [("vanished", pytest.approx(0.1))]
    assert check_skew(TODAY[30:], TODAY, FEATURES) == []


def test_a_feature_that_is_missing_is_refused():
    with pytest.raises(ConfigurationError, match="served rows: no column plan"):
        check_skew(TODAY.drop(columns="plan"), TODAY, FEATURES)


def with_outcomes(rows, seed=1):
    chance = 1 / (1 + np.exp(-(rows["balance_eur"] - 100) / 20 - 0.5 * (rows["plan"] == "pro")))
    drawn = np.random.default_rng(seed).random(len(rows)) < chance
    return rows.assign(outcome=drawn.astype(float))


ROWS = with_outcomes(past(days=10))
LATER = with_outcomes(pd.concat([day(number) for number in range(10, 20)]), 2)


def leaks(rows, earlier=None):
    found = check_leakage(aucs(rows), earlier)
    return {(f.check, f.column): f for f in found}


def aucs(rows):
    return column_aucs(rows, KINDS)


def test_one_feature_alone_by_hand():
    frame = ROWS[:200].assign(amount_eur=ROWS["outcome"])
    assert aucs(frame)["amount_eur"].auc == 1.0
    turned = aucs(ROWS.assign(balance_eur=-ROWS["balance_eur"]))["balance_eur"]
    assert turned.auc == pytest.approx(1 - aucs(ROWS)["balance_eur"].auc)


def test_a_name_of_every_row_knows_nothing():
    # rates of levels come from the other half of the rows: a key does not rank its own outcomes
    named = ROWS.assign(plan=[f"row {number}" for number in range(len(ROWS))])
    assert aucs(named)["plan"].auc == pytest.approx(0.5, abs=0.01)


def test_the_same_world_later_has_no_leak():
    assert leaks(ROWS) == {}
    assert leaks(LATER, aucs(ROWS)) == {}


def test_a_column_that_a_person_accepts_is_noted():
    found = check_leakage(aucs(ROWS.assign(amount_eur=ROWS["outcome"])), None, {"amount_eur": "ok"})
    (told,) = [finding for finding in found if finding.column == "amount_eur"]
    assert told.severity == "note"
    assert "accepted: ok" in told.sentence


def test_a_feature_that_is_the_outcome():
    assert (
        leaks(ROWS.assign(amount_eur=ROWS["outcome"]))["leakage", "amount_eur"].severity == "severe"
    )


def test_a_noisy_leak_is_seen_by_its_jump():
    noise = np.random.default_rng(3).normal(0, 0.6, len(LATER))
    found = leaks(LATER.assign(amount_eur=LATER["outcome"] + noise), aucs(ROWS))
    assert list(found) == [("leakage", "amount_eur")]
    assert found["leakage", "amount_eur"].severity == "severe"
    assert found["leakage", "amount_eur"].value < 0.95


def test_a_first_look_sees_a_feature_that_is_far_ahead():
    noise = np.random.default_rng(3).normal(0, 0.35, len(ROWS))
    weak = ROWS.assign(balance_eur=ROWS["age_days"], amount_eur=ROWS["outcome"] + noise)
    assert leaks(weak)["leakage", "amount_eur"].severity == "warning"


@pytest.mark.parametrize(("factor", "check"), [(-1.0, "turned"), (0.0, "weaker")])
def test_a_relevant_column_that_turned_or_went_flat(factor, check):
    found = leaks(LATER.assign(balance_eur=factor * LATER["balance_eur"]), aucs(ROWS))
    assert list(found) == [(check, "balance_eur")]
    assert found[check, "balance_eur"].severity == "warning"


def test_too_few_outcomes_are_said():
    few = ROWS.assign(outcome=ROWS["outcome"].where(ROWS.index < 20))
    assert leaks(few)["leakage", ""].severity == "note"
    assert aucs(few) is None
