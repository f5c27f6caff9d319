from pathlib import Path

import pytest
import yaml

from kpi_gate.decision.value.model import Parameter, ValueModel
from kpi_gate.evaluation.gate_settings import gate_settings
from kpi_gate.usecase import contract
from kpi_gate.usecase.contract import Choices, ConfigurationError, Feature, UseCase, read_settings

GOOD = """
objective: {kpi: profit, unit: EUR, horizon_decisions: 1000, min_effect: 0.02, switch_cost: 10}
guardrails:
  - {measure: action_rate, at_most: 0.9}
  - {slice: region, may_lose: 0.1, min_events: 10}
value:
  cost_eur: {low: 0.5, base: 1.0, high: 2.0}
  cap_eur: 100
window:
  label_delay_days: 14
  tune_days: 28
  gate_min_days: 28
  gate_max_days: 120
  gate_min_rows: 800
  train_last_rows: [3000, null]
model: {seed: 7, threads: 1}
validation: {freshness_days: 45}
schedule: {retrain: "0 3 1 * *", timezone: Europe/Lisbon}
"""


def written(folder, change=None):
    content = yaml.safe_load(GOOD)
    if change is not None:
        change(content)
    path = folder / "toy.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def put(*keys, value):
    def change(content):
        for key in keys[:-1]:
            content = content[key]
        content[keys[-1]] = value

    return change


def drop(*keys):
    def change(content):
        for key in keys[:-1]:
            content = content[key]
        del content[keys[-1]]

    return change


def use_case(folder, change=None, **parts):
    return UseCase(
        **{
            "name": "toy",
            "title": "Toy",
            "settings": read_settings(written(folder, change)),
            "load": lambda folder, as_of: None,
            "features": (Feature("age", "number"), Feature("job", "category")),
            "estimator": dict,
            "value": ValueModel("toy", lambda action, outcome, columns, given: {}, ("amount",)),
            "baseline": len,
            "baseline_name": "do nothing",
            "known": ("amount",),
            "known_later": ("duration",),
            **parts,
        }
    )


LEAST = """
objective: {unit: EUR, horizon_decisions: 1000, switch_cost: 10}
value: {cost_eur: 1.0}
window: {label_delay_days: 14}
"""


def test_what_is_left_out_has_its_default(tmp_path):
    (tmp_path / "shop.yaml").write_text(LEAST)
    settings = read_settings(tmp_path / "shop.yaml")
    assert settings.objective.kpi == "shop"
    assert settings.objective.delta == 0.01
    assert [(rail.measure, rail.may_rise_by, rail.at_most) for rail in settings.guardrails] == [
        ("calibration_error", 0.03, None),
        ("latency_ratio", None, 2.0),
    ]
    assert settings.window.model_dump() == {
        "label_delay_days": 14,
        "tune_days": 28,
        "tune_min_rows": 200,
        "gate_min_days": 28,
        "gate_max_days": 112,
        "gate_min_rows": 1000,
        "train_last_rows": (None,),
        "refit": "averaged",
        "refit_may_change": 0.2,
        "refit_may_lose": 0.5,
    }
    assert settings.model == {"threads": 1, "seed": 7}
    assert settings.schedule.retrain == "0 3 1 * *"
    assert settings.schedule.monitor == "0 6 * * *"
    assert settings.freshness_days == 46.5, "half as long again as the longest month"
    assert settings == type(settings).model_validate(settings.model_dump())


def test_what_is_always_watched_stands_between_what_is_said(tmp_path):
    rails = read_settings(written(tmp_path)).guardrails
    names = ["calibration_error", "action_rate", "latency_ratio", "slice region"]
    assert [rail.name for rail in rails] == names
    own = put("guardrails", value=[{"measure": "latency_ratio", "at_most": 5}])
    found = read_settings(written(tmp_path, own)).guardrails
    assert [(rail.name, rail.at_most) for rail in found][1:] == [("latency_ratio", 5)]


def test_good_settings_are_read(tmp_path):
    settings = read_settings(written(tmp_path))
    assert settings.base_values() == {"cost_eur": 1.0, "cap_eur": 100.0}
    assert settings.gate().objective == settings.objective
    assert settings.window.train_last_rows == (3000, None)
    of_a_table = gate_settings(written(tmp_path))
    assert [rail.name for rail in of_a_table.guardrails] == ["action_rate", "slice region"]
    assert of_a_table.model_copy(update={"guardrails": settings.guardrails}) == settings


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (drop("objective"), "objective: this key is needed"),
        (drop("objective", "unit"), "objective.unit: this key is needed"),
        (drop("objective", "switch_cost"), "objective.switch_cost: this key is needed, if only as"),
        (drop("value"), "value: this key is needed"),
        (drop("window"), "window: this key is needed"),
        (drop("window", "label_delay_days"), "window.label_delay_days: this key is needed"),
        (put("more", value=1), "more: there is no such key (given: 1)"),
        (put("objective", "min_efect", value=1), "objective.min_efect: there is no such key"),
        (put("window", "gate_days", value=1), "window.gate_days: there is no such key"),
        (put("objective", "min_effect", value="much"), "objective.min_effect: must be a number"),
        (put("objective", "min_effect", value=-1), "objective.min_effect: must be greater"),
        (put("objective", "confidence", value=1), "objective.confidence: must be less"),
        (put("objective", "confidence", value=0.5), "(given: 0.5)"),
        (put("guardrails", value="none"), "guardrails: must be a list"),
        (put("guardrails", 0, value={"measure": "x"}), "guardrails.0: a measure needs `at_most`"),
        (put("value", value={}), "value: at least 1 item"),
        (
            put("value", "cost_eur", "low", value=3),
            "low <= base <= high is needed, got 3.0, 1.0, 2.0",
        ),
        (put("value", "cost_eur", value="one"), "value.cost_eur"),
        (put("window", "gate_max_days", value=7), "gate_max_days == 7, must be >= gate_min_days"),
        (put("window", "gate_min_days", value=0), "window.gate_min_days"),
        (put("model", "seed", value=None), "model: seed == None, must be a whole number >= 0"),
        (put("model", "threads", value=0), "model: threads == 0, must be a whole number >= 1"),
        (put("schedule", "retrain", value="daily"), "cron == 'daily', must have 5 fields"),
        (put("schedule", "timezone", value="Lisbon"), "timezone == 'Lisbon' is not known"),
        (put("validation", "freshness_days", value=0), "validation.freshness_days"),
    ],
)
def test_wrong_settings_name_the_file_the_key_and_the_bound(tmp_path, change, words):
    with pytest.raises(ConfigurationError) as caught:
        read_settings(written(tmp_path, change))
    assert str(caught.value).startswith(f"{tmp_path / 'toy.yaml'}: ")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_fault_is_told_at_once(tmp_path):
    def change(content):
        del content["window"]
        content["objective"]["confidence"] = 2

    with pytest.raises(
        ConfigurationError, match=r"objective.confidence: .*; line 1: window: this key is needed"
    ):
        read_settings(written(tmp_path, change))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "must hold keys such as `objective`, holds None"),
        (b"- a\n- b\n", "must hold keys"),
        (b"a: [", "cannot be read as YAML"),
        (b"\xff\xfe\xfd", "line 1: byte 0xff is no UTF-8"),
        (b"a: !!python/object/apply:os.system [true]", "line 1: tag "),
    ],
)
def test_a_file_that_is_no_yaml_is_named(tmp_path, content, words):
    path = tmp_path / "toy.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"toy.yaml: ") as caught:
        read_settings(path)
    assert words in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"gone.yaml: there is no such file"):
        gate_settings(Path(tmp_path / "gone.yaml"))


@pytest.mark.parametrize("column", ["duration", "outcome", "label_time"])
def test_a_feature_that_is_known_later_is_refused(tmp_path, column):
    with pytest.raises(ConfigurationError, match=rf"feature '{column}' is known only after"):
        use_case(tmp_path, features=(Feature("age", "number"), Feature(column, "number")))


def test_a_value_column_that_is_known_later_is_refused(tmp_path):
    late = ValueModel("toy", lambda action, outcome, columns, given: {}, ("duration",))
    with pytest.raises(ConfigurationError, match=r"'duration' for the value"):
        use_case(tmp_path, value=late)


def test_an_unknown_measure_is_refused(tmp_path):
    change = put("guardrails", 0, value={"measure": "hapiness", "at_least": 1})
    with pytest.raises(
        ConfigurationError, match=r"'hapiness', must be one of action_rate, .*offers"
    ):
        use_case(tmp_path, change, measures={"offers": len})
    assert use_case(tmp_path, measures={"offers": len}).name == "toy"


def test_a_snapshot_must_have_every_column_once(tmp_path):
    columns = use_case(tmp_path).columns
    assert columns == [*contract.ROLES, "age", "job", "amount", "region"]


def parameter(name):
    return {name: Parameter(0, 1, 2, "money", "assumption")}


def parts(action, outcome, columns, given):
    return {}


ADS = Choices("ad", ("a", "b"))
CHOICE = put("policy", value={"kind": "choice"})
RATIO = ValueModel("rate", parts, base=lambda action, outcome, columns, given: action)


@pytest.mark.parametrize(
    ("change", "given", "words"),
    [
        (None, {"value": ValueModel("toy", parts, parameters=parameter("fee"))}, "fee is missing"),
        (
            None,
            {"value": ValueModel("toy", parts, parameters=parameter("cost_eur"))},
            "value: cap_eur is not of toy: cost_eur",
        ),
        (put("value", "cap_eur", value="unlinked"), {}, "value.cap_eur == 'unlinked', must be a"),
        (put("estimator", value={"kind": "dr"}), {}, "estimator.kind == 'dr', must be one of"),
        (put("estimator", value={"kind": "ratio"}), {}, "toy has none"),
        (None, {"value": RATIO}, "rate has one"),
        (put("estimator", value={"kind": "snips"}), {}, "choices missing"),
        (None, {"choices": ADS}, "choices given"),
        (CHOICE, {}, "policy.kind == 'choice'"),
        (None, {"known_later": ("age",)}, "feature 'age' is known only after event_time"),
    ],
)
def test_parts_that_do_not_go_together_are_refused(tmp_path, change, given, words):
    with pytest.raises(ConfigurationError, match=words):
        use_case(tmp_path, change, **given)


def test_whether_an_outcome_is_observed_is_no_feature(tmp_path):
    with pytest.raises(ConfigurationError, match="'observed' is known only after"):
        use_case(tmp_path, features=(Feature("observed", "category"),))


def test_a_snapshot_must_have_what_estimator_policy_and_choices_need(tmp_path):
    def logged(content):
        CHOICE(content)
        content["estimator"] = {"kind": "snips"}
        content["validation"]["one_per_unit"] = ["time_zone"]

    columns = use_case(tmp_path, logged, choices=ADS).columns
    assert {"propensity", "ad", "time_zone"} <= set(columns)
    grouped = put("policy", value={"most": 2, "within": ["day", "shelf"]})
    columns = use_case(tmp_path, grouped).columns
    assert "shelf" in columns
    assert "day" not in columns


def test_what_is_unlinked_has_no_base(tmp_path):
    model = ValueModel("toy", parts, money_weight=("cap_eur",))
    settings = use_case(tmp_path, put("value", "cap_eur", value="unlinked"), value=model).settings
    assert settings.base_values() == {"cost_eur": 1.0}
    assert settings.ranges == ["cost_eur"]
    with pytest.raises(ConfigurationError, match=r"value\.cap_eur"):
        read_settings(written(tmp_path, put("value", "cap_eur", value="perhaps")))


def test_data_is_the_owners_own(tmp_path):
    settings = read_settings(written(tmp_path, put("data", value={"drift": True, "seed": 3})))
    assert settings.data == {"drift": True, "seed": 3}
