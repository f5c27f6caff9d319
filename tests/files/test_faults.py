"""Faults of settings: the line, the key, and what to write instead."""

from functools import reduce

import pytest
import yaml
from pydantic import BaseModel

from kpi_gate.errors import ConfigurationError
from kpi_gate.evaluation.gate_settings import gate_settings
from kpi_gate.files.faults import EXAMPLES
from kpi_gate.files.yaml_file import parse_yaml
from kpi_gate.usecase.settings import Settings, settings_in

TEXT = """objective:
  kpi: profit
  unit: {unit}
  horizon_decisions: 1e4
  min_effect: {effect}
  switch_cost: 100
guardrails:
  - {{slice: {slice}, may_lose: 0.5, min_events: 5}}
"""


def objective(folder, unit="EUR", effect="0.02", slice="region"):  # noqa: A002  (as in the file)
    path = folder / "objective.yaml"
    path.write_text(TEXT.format(unit=unit, effect=effect, slice=slice))
    return gate_settings(path)


@pytest.mark.parametrize(
    ("given", "line", "words"),
    [
        ({"unit": "1e3"}, 3, "(given: 1e3); where it is a text, write it in quotes: '1e3'"),
        ({"unit": "2024-05-01"}, 3, "where it is a text, write it in quotes: '2024-05-01'"),
        ({"unit": "1_000"}, 3, "where it is a text, write it in quotes: '1_000'"),
        ({"unit": ""}, 3, "objective.unit: must be a text (given: None); it is em"),
        ({"unit": "true"}, 3, "objective.unit: must be a number or a text, not true"),
        ({"unit": "NO"}, 3, "NO is false to some readers of YAML"),
        ({"effect": "0,02"}, 5, "(given: '0,02'); write a point, not a comma"),
        ({"effect": "2 EUR"}, 5, "must be a number (given: '2 EUR'); write the number alone: 2"),
        ({"effect": "1.000,5"}, 5, "write a point, not a comma, and nothing between thousands"),
        ({"effect": "true"}, 5, "objective.min_effect: must be a number or a text, not true"),
        ({"effect": "1e400"}, 5, "objective.min_effect: must be a finite number"),
        ({"slice": "2.0"}, 8, "guardrails.0.slice: must be a text (given: 2.0)"),
    ],
)
def test_a_fault_names_its_line_and_what_to_write(tmp_path, given, line, words):
    with pytest.raises(ConfigurationError) as caught:
        objective(tmp_path, **given)
    assert f"objective.yaml: line {line}: " in str(caught.value)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"objective.min_efect": 1}, r"min_efect: there is no such key \(.*; did you mean min_eff"),
        ({"window.gate_days": 1}, r"gate_days: .*; did you mean gate_\w+_days\?"),
        ({"windw": {"tune_days": 3}}, r"windw: there is no such key; did you mean window\?"),
        ({"guardrails": [{"at_mots": 1}]}, r"guardrails.0.at_mots: .*; did you mean at_most\?"),
        ({"value.cost.bas": 1}, r"value.cost.bas: .*; did you mean base\?"),
        ({"objective.xyzzy": 1}, r"xyzzy: .*; the keys here are kpi, unit, horizon_decisions, "),
        ({"xyzzy": 1}, r"xyzzy: .*; the keys here are objective, guardrails, estimator, value, "),
        ({"window.label_delay_days": "30 days"}, r"a number \(given: '30 days'\); .* alone: 30$"),
        ({"window.label_delay_days": None}, r"label_delay_days: must be a number \(given: null\)$"),
        ({"window.tune_days": 2.5}, r"tune_days: must be a whole number \(given: 2.5\)$"),
        ({"window": 30}, r"window: must hold keys with values \(given: 30\)$"),
        (
            {"policy": {"within": "day"}},
            r"policy.within: must be a list, such as \[a, b\] \(given: 'day'",
        ),
        ({"window": ...}, r"window: .* needed: window.label_delay_days, such as 30 \(days until"),
        ({"window": {}}, r"window.label_delay_days: this key is needed, such as 30 \(days until"),
        (
            {"objective": ...},
            r"needed: objective.unit, such as EUR .* objective.horizon_decisions, ",
        ),
        ({"value": ...}, r"value: this key is needed, such as `value: {cost: 5.0}` "),
    ],
)
def test_a_slip_is_told_with_the_way_out_and_nothing_else(change, words):
    content = {
        "objective": {"unit": "EUR", "horizon_decisions": 1_000, "switch_cost": 0},
        "value": {"cost": {"low": 1, "base": 2, "high": 3}},
        "window": {"label_delay_days": 30},
        "guardrails": [{"measure": "action_rate", "at_most": 1}],
    }
    for key, value in change.items():
        *above, last = key.split(".")
        section = reduce(dict.__getitem__, above, content)
        section.pop(last, None)
        section |= {} if value is ... else {last: value}
    with pytest.raises(ConfigurationError, match=words) as caught:
        settings_in(parse_yaml(yaml.safe_dump(content), "toy.yaml"))
    assert "pydantic" not in str(caught.value).lower()
    assert " valid " not in str(caught.value)


def test_every_key_that_has_no_default_has_an_example():
    def needed(model, head=""):
        for name, field in model.model_fields.items():
            if field.is_required():
                kind = field.annotation
                section = isinstance(kind, type) and issubclass(kind, BaseModel)
                yield from needed(kind, f"{name}.") if section else [head + name]

    assert {*needed(Settings)} == {*EXAMPLES} - {"objective.switch_cost"}


def test_numbers_with_an_exponent_are_numbers(tmp_path):
    found = objective(tmp_path, effect="2e-2").objective
    assert (found.horizon_decisions, found.min_effect) == (10_000, 0.02)


def test_thousands_of_faults_are_told_in_a_few_lines(tmp_path):
    path = tmp_path / "objective.yaml"
    path.write_text(yaml.safe_dump({f"key{number}": [[number]] for number in range(2_400)}))
    with pytest.raises(ConfigurationError) as caught:
        gate_settings(path)
    assert "faults more" in str(caught.value)
    assert len(str(caught.value)) < 2_000
