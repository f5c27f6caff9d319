import pytest
from builders import RAILS, settings
from pydantic import ValidationError

from kpi_gate.decision.objective import GateSettings, Guardrail, Objective, Range


def test_delta_is_the_larger_of_effect_and_pay_back():
    assert settings(min_effect=0.02, switch_cost=150).objective.delta == 0.02
    assert settings(min_effect=0.001, switch_cost=150).objective.delta == 0.015
    assert settings(min_effect=0, switch_cost=0).objective.delta == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"min_effect": -0.01},
        {"min_effect": float("nan")},
        {"min_effect": 1e300},
        {"switch_cost": float("inf")},
        {"horizon_decisions": 0},
        {"horizon_decisions": 10**400},
        {"confidence": 1.0},
        {"confidence": 0.5},
        {"confidence": float("nan")},
        {"kpi": ""},
        {"unit": ""},
        {"kpi_link": "maybe"},
        {"max_unit_share": 0},
        {"max_tail_skew": float("inf")},
        {"resamples": 10},
        {"min_effective_units": 1},
        {"unknown": 1},
    ],
)
def test_an_objective_out_of_range_is_refused(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        settings(**wrong)


@pytest.mark.parametrize("missing", ["unit", "horizon_decisions"])
def test_a_forgotten_objective_is_refused(missing):
    content = settings().model_dump()
    del content["objective"][missing]
    with pytest.raises(ValidationError, match=missing):
        GateSettings.model_validate(content)


def test_what_a_gain_must_exceed_is_said():
    given = {"unit": "EUR", "horizon_decisions": 100}
    with pytest.raises(ValidationError, match="say `min_effect` or `switch_cost`"):
        Objective(**given)
    assert Objective(**given, min_effect=0).delta == 0
    assert Objective(**given, switch_cost=50).delta == 0.5


@pytest.mark.parametrize("words", [{}, *({"guardrails": none} for none in ([], None, "none"))])
def test_that_there_are_no_guardrails_is_said(words):
    content = settings().model_dump(include={"objective"})
    found = GateSettings.model_validate({**content, **words})
    assert (found.guardrails, found.unguarded) == ((), True)
    assert GateSettings.model_validate({**settings().model_dump()}).unguarded is False


@pytest.mark.parametrize(
    "lost", [{"guardrails": ()}, {"guardrails": [RAILS[0]], "unguarded": True}, {"guardrails": [1]}]
)
def test_guardrails_that_got_lost_are_not_said_to_be_none(lost):
    content = settings().model_dump(include={"objective"})
    with pytest.raises(ValidationError, match="guardrails"):
        GateSettings.model_validate({**content, **lost})


@pytest.mark.parametrize("level", [True, 1.5, ""])
def test_a_level_is_written_as_the_rows_spell_it(level):
    rail = {"slice": "region", "may_lose": 0.5, "min_events": 20}
    assert settings({**rail, "retired": ["west", 7]}).guardrails[0].retired == ("west", "7")
    with pytest.raises(ValidationError, match="retired"):
        settings({**rail, "retired": [level]})


@pytest.mark.parametrize(
    ("rail", "words"),
    [
        ({}, "either a `measure` or a `slice`"),
        ({"measure": "m", "slice": "s"}, "either a `measure` or a `slice`"),
        ({"measure": "m"}, "needs `at_most`"),
        ({"measure": "m", "budget": 1}, "needs `at_most`"),
        ({"measure": "m", "at_most": 1, "budget": 1}, "`budget` goes with one"),
        ({"measure": "m", "may_rise_by": 1, "may_fall_by": 1, "budget": 1}, "`budget` goes with"),
        ({"measure": "m", "at_most": 1, "may_lose": 1}, "belong to a `slice`"),
        ({"measure": "m", "at_most": 1, "by": "age"}, "`by` names a column"),
        ({"measure": "action_rate_gap", "at_most": 1}, "`by` names a column"),
        ({"measure": "m", "at_most": float("nan")}, "finite"),
        ({"measure": "m", "may_rise_by": -1}, "greater than or equal to 0"),
        ({"slice": "s", "min_events": 1}, "needs `may_lose`"),
        ({"slice": "s", "may_lose": 1, "min_events": 0}, "greater than or equal to 1"),
        ({"slice": "s", "may_lose": 1, "min_events": 1, "at_most": 1}, "only"),
    ],
)
def test_a_guardrail_that_guards_nothing_is_refused(rail, words):
    with pytest.raises(ValidationError, match=words):
        Guardrail.model_validate(rail)


def test_a_guardrail_is_named_by_what_it_watches():
    fair = {"measure": "action_rate_gap", "by": "age", "at_most": 0.1}
    assert Guardrail.model_validate(fair).name == "action_rate_gap by age"
    assert Guardrail.model_validate(RAILS[0]).name == "contact_rate"
    assert Guardrail(slice="job", may_lose=1, min_events=1).name == "slice job"
    assert Guardrail(slice="job", may_lose=1).min_events == 30


def test_a_range_is_in_order():
    assert Range(low=1, base=1, high=2).base == 1
    for low, base, high in ((2, 1, 3), (1, 3, 2)):
        with pytest.raises(ValidationError, match="low <= base <= high"):
            Range(low=low, base=base, high=high)


def test_settings_do_not_change():
    with pytest.raises(ValidationError, match="frozen"):
        settings().objective.min_effect = 0.0
