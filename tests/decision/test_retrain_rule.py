import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from kpi_gate.decision.retrain_rule import Choice, Proposal, choose
from kpi_gate.decision.staleness import Staleness, measure_staleness
from kpi_gate.decision.watch_settings import TriggerSettings

MONEY = TriggerSettings(when="money")
CALENDAR = TriggerSettings()
PROPOSERS = ("schedule", "drift", "health", "value", "person")


def stale(shrunk=412.0, lower=190.0, upper=640.0, **other):
    return Staleness(
        **{
            "unit": "EUR",
            "per_day": shrunk,
            "standard_error": 100.0,
            "lower": lower,
            "upper": upper,
            "shrunk": shrunk,
            "days": 14,
            "decisions_per_day": 1_000.0,
            "confidence": 0.9,
            **other,
        }
    )


def chosen(*by, settings=MONEY, staleness=None, age=60.0, since=30.0, switch=1_500.0):
    proposals = [Proposal(by=name, reason=f"{name} says so") for name in by]
    return choose(
        settings,
        proposals,
        staleness,
        champion_age_days=age,
        days_since_retrain=since,
        switch_cost=switch,
        unit="EUR",
    )


def test_the_sentence():
    choice = chosen("value", staleness=stale())
    assert (choice.action, choice.rule, choice.waiting_cost) == ("retrain", "money", 12_360.0)
    assert choice.reason == (
        "Staleness costs about 412 EUR a day (90%: 190 to 640). Promoting costs 1,500. "
        "Waiting 30 more days would cost 12,360. Retrain."
    )


def test_a_skip_says_what_waiting_costs():
    choice = chosen("schedule", staleness=stale(40.0, 10.0, 70.0))
    assert (choice.action, choice.rule) == ("skip", "not_worth_it")
    assert choice.reason.endswith("would cost 1,200. Waiting is cheaper. Skip.")
    with_work = MONEY.model_copy(update={"retrain_cost": 200.0})
    told = chosen(settings=with_work, staleness=stale()).reason
    assert "Retraining and promoting cost 1,700." in told


def test_what_may_be_chance_is_no_reason():
    choice = chosen("value", staleness=stale(lower=-5.0))
    assert choice.action == "skip"
    assert "lower bound is not above zero" in choice.reason


def test_the_costs_are_both_counted():
    exact = stale(50.0)
    for cost, action in ((1_499.0, "retrain"), (1_500.0, "skip")):
        settings = MONEY.model_copy(update={"retrain_cost": cost})
        assert chosen(settings=settings, staleness=exact, switch=0.0).action == action
        half = MONEY.model_copy(update={"retrain_cost": cost - 700})
        assert chosen(settings=half, staleness=exact, switch=700.0).action == action


def test_drift_alone_never_retrains():
    for settings in (MONEY, CALENDAR):
        for staleness in (None, stale(0.0, -1.0)):
            assert chosen("drift", settings=settings, staleness=staleness).action == "skip"


def test_health_stops_everything_but_a_person():
    everything = {"settings": CALENDAR, "staleness": stale(), "age": 9_999.0}
    blocked = chosen("health", "schedule", "value", **everything)
    assert (blocked.action, blocked.rule) == ("skip", "health")
    assert "health says so" in blocked.reason
    assert chosen("health", age=None).action == "skip"
    assert chosen("health", "person", **everything).rule == "person"


def test_the_calendar_rules_only_where_it_should():
    assert chosen("schedule", settings=CALENDAR).rule == "calendar"
    assert chosen("value", settings=CALENDAR).action == "skip"
    assert chosen("schedule", settings=MONEY).action == "skip"
    # money is followed under a calendar too, between its ticks
    assert chosen("value", settings=CALENDAR, staleness=stale()).rule == "money"


def test_the_greatest_age():
    assert chosen("schedule", age=366.0).rule == "max_age"
    assert chosen("schedule", age=365.0).action == "skip"
    assert chosen(staleness=stale(0.0, -1.0), age=400.0).rule == "max_age"
    assert chosen(staleness=Staleness(unit="EUR", confidence=0.9, unknown="x"), age=400.0).rule == (
        "max_age"
    )


def test_no_champion():
    assert chosen("schedule", age=None, since=None).rule == "no_champion"
    assert chosen("schedule", age=None, since=1.0).rule == "cooldown"


@given(
    st.sets(st.sampled_from(PROPOSERS)),
    st.floats(0, 6.99) | st.just(float("nan")),
    st.floats(-1e6, 1e6),
    st.none() | st.floats(0, 1e5),
    st.sampled_from([MONEY, CALENDAR]),
)
@examples(max_examples=100)
def test_the_cooldown_yields_to_a_person_only(by, since, shrunk, age, settings):
    staleness = stale(shrunk, shrunk - 1, shrunk + 1)
    choice = chosen(*sorted(by), settings=settings, staleness=staleness, age=age, since=since)
    assert (choice.action == "retrain") == ("person" in by)


@given(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4), st.floats(0, 1e5), st.floats(0, 1e5))
@examples(max_examples=100)
def test_staler_and_cheaper_never_turn_a_retraining_into_a_skip(shrunk, lower, more, cost):
    actions = [
        chosen(staleness=stale(shrunk + plus, lower + plus), switch=price).action
        for plus, price in ((0.0, cost), (more, cost), (0.0, cost / 2))
    ]
    assert actions[0] == "skip" or actions[1:] == ["retrain", "retrain"]


@given(
    st.sampled_from(["shrunk", "lower", "switch"]),
    st.sampled_from([float("nan"), float("inf"), float("-inf"), None]),
    st.sampled_from(["schedule", "value", "drift"]),
)
def test_what_is_no_number_never_retrains(name, broken, by):
    if name == "switch":
        number = float("nan") if broken is None else abs(broken)
        choice = chosen(by, staleness=stale(), switch=number)
    else:
        choice = chosen(by, staleness=stale(**{name: broken}))
        assert "not known" in choice.reason
    assert choice.action == "skip"
    assert chosen(by, age=float("nan")).action == "skip"


def test_missing_staleness_skips_and_says_so():
    choice = chosen("schedule", "value")
    assert (choice.action, choice.waiting_cost, choice.staleness) == ("skip", None, None)
    assert "was not measured" in choice.reason
    unknown = measure_staleness([1.0, np.nan], [1, 1], 0.9, unit="EUR")
    assert "1 of 2 days have no finite gain" in chosen("value", staleness=unknown).reason


@given(st.floats(1e-3, 1e3))
def test_the_unit_of_money_does_not_matter(rate):
    for shrunk in (49.0, 51.0):
        here = stale(shrunk, shrunk / 2)
        there = stale(shrunk * rate, shrunk / 2 * rate)
        assert chosen(staleness=here).action == chosen(staleness=there, switch=1_500 * rate).action


def test_it_travels():
    choice = chosen("schedule", "value", staleness=stale())
    assert Choice.model_validate(json.loads(choice.model_dump_json())) == choice
    assert [proposal.by for proposal in choice.proposals] == ["schedule", "value"]


@pytest.mark.parametrize("words", ["two lines\nof it.", "no stop"])
def test_words_of_others_stay_in_a_sentence(words):
    proposal = Proposal(by="person", reason=words)
    asked = {"champion_age_days": 1.0, "days_since_retrain": None, "switch_cost": 0.0}
    told = choose(MONEY, [proposal], None, unit="EUR", **asked).reason
    assert "\n" not in told
    assert told.endswith(". Retrain.")
    assert ".." not in told
