"""The section `serving` of a use case's YAML: defaults, ranges, and what a fault is told as."""

import pytest
from champions import use_case_with

from kpi_gate.errors import ConfigurationError
from kpi_gate.files.faults import checked
from kpi_gate.usecase.serving_settings import NEED_PROPENSITIES, ServingSettings
from kpi_gate.usecase.settings import Settings

LEAST = {
    "objective": {"unit": "EUR", "horizon_decisions": 1000, "switch_cost": 0},
    "value": {"cost": 1.0},
    "window": {"label_delay_days": 1},
    "guardrails": [{"measure": "action_rate", "at_most": 1}],
}


def settings(serving, **more):
    return checked(Settings, {**LEAST, **more, "serving": serving}, "fraud.yaml")


def test_nothing_said_is_a_holdout_and_all_at_once():
    found = settings({}).served()
    assert (found.holdout.share, found.exploration.share) == (0.01, 0)
    assert (found.canary, found.shadow, found.log.values) == (None, "none", ())
    assert settings({"canary": {}}).serving.canary.steps == (0.01, 0.1, 0.5, 1.0)
    assert settings({"holdout": 0}).served().holdout.share == 0


@pytest.mark.parametrize("kind", NEED_PROPENSITIES)
def test_what_needs_propensities_is_explored_by_default(kind):
    estimator = {"kind": kind} | ({"switch_above": 10.0} if kind == "switch" else {})
    assert settings({}, estimator=estimator).served().exploration.share == 0.02
    assert settings({"exploration": 0}, estimator=estimator).served().exploration.share == 0
    by_itself = {"kind": "choice", "explore": 0.1}
    assert settings({}, estimator=estimator, policy=by_itself).served().exploration.share == 0


def test_no_decision_hangs_on_it():
    assert settings({"holdout": 0.02}).model_dump() == settings({}).model_dump()


@pytest.mark.parametrize(
    ("serving", "told"),
    [
        ({"holdout": 0.3}, r"serving.holdout.share: must be less than or equal to 0.2 .*0.3"),
        ({"holdout": {"share": float("nan")}}, "serving.holdout.share: must be"),
        ({"holdout": True}, "serving.holdout: must"),
        ({"exploration": {"share": 0.6}}, "serving.exploration.share: must be .* 0.5"),
        ({"exploration": {"action": 2}}, "serving.exploration.action: must be 0 or 1 .*2"),
        ({"exploration": {"cap": {"column": "x"}}}, "serving.exploration.cap.most: .*needed"),
        ({"canary": {"steps": []}}, "serving.canary.steps: at least 1"),
        ({"canary": {"steps": [0.1, 0.1, 1]}}, "goes from 0.1 to 0.1, must rise"),
        ({"canary": {"steps": [0, 1]}}, "begins with 0, must begin above 0"),
        ({"canary": {"steps": [0.1, 0.5]}}, "ends with 0.5, must end with 1"),
        ({"canary": {"steps": [0.1, 2]}}, "must be less than or equal to 1"),
        ({"canary": {"steps": [n / 30 for n in range(1, 31)]}}, "at most 20"),
        ({"canary": {"step_minutes": 0}}, "serving.canary.step_minutes: must be greater than 0"),
        ({"canary": {"guards": {"failures": 1}}}, "no such key .*failure_rate_may_rise_by"),
        ({"shadow": "champion"}, "serving.shadow: must be 'none' or 'candidate'"),
        ({"log": {"values": ["a", "b", "a"]}}, "a is there twice"),
        ({"keep_versions": 0}, "serving.keep_versions: must be greater than or equal to 1"),
        ({"holdouts": 0.1}, "did you mean holdout?"),
    ],
)
def test_a_fault_names_key_value_and_bound(serving, told):
    with pytest.raises(ConfigurationError, match=told):
        settings(serving)


@pytest.mark.parametrize("kind", ["probability", "choice"])
def test_where_there_is_no_action_to_draw_nothing_is_explored(kind):
    with pytest.raises(ConfigurationError, match=r"exploration.share == 0.1: .* leave \w+ out"):
        settings({"exploration": 0.1}, policy={"kind": kind})
    assert settings({}, policy={"kind": kind}).served().exploration.share == 0
    assert settings({"exploration": 0}, policy={"kind": kind}).served().exploration.share == 0


def test_settings_are_frozen():
    with pytest.raises(ValueError, match="frozen"):
        ServingSettings().keep_versions = 3


@pytest.mark.parametrize(
    ("serving", "told"),
    [
        ({"log": {"values": ["taste", "mood"]}}, "serving.log.values: 'mood' is no column known"),
        ({"exploration": {"cap": {"column": "spent", "most": 5}}}, "cap.column: 'spent' is no col"),
    ],
)
def test_columns_that_nobody_sends_are_refused(serving, told):
    with pytest.raises(ConfigurationError, match=told):
        use_case_with(serving=ServingSettings(**serving))
    use_case_with(serving=ServingSettings(log={"values": ["taste", "unit"]}))
