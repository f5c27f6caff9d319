"""Faults of settings: the line, the key, and what to write instead."""

import pytest
import yaml

from kpi_gate.errors import ConfigurationError
from kpi_gate.evaluation.gate_settings import gate_settings

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
        ({"unit": ""}, 3, "objective.unit: Input should be a valid string (given: None); it is em"),
        ({"unit": "true"}, 3, "objective.unit: must be a number or a text, not true"),
        ({"unit": "NO"}, 3, "NO is false to some readers of YAML"),
        ({"effect": "0,02"}, 5, "(given: 0,02); write a point, not a comma"),
        ({"effect": "1.000,5"}, 5, "write a point, not a comma, and nothing between thousands"),
        ({"effect": "true"}, 5, "objective.min_effect: must be a number or a text, not true"),
        ({"effect": "1e400"}, 5, "objective.min_effect: Input should be a finite number"),
        ({"slice": "2.0"}, 8, "guardrails.0.slice: Input should be a valid string (given: 2.0)"),
    ],
)
def test_a_fault_names_its_line_and_what_to_write(tmp_path, given, line, words):
    with pytest.raises(ConfigurationError) as caught:
        objective(tmp_path, **given)
    assert f"objective.yaml: line {line}: " in str(caught.value)
    assert words in str(caught.value)


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
