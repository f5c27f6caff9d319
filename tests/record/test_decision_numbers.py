"""The numbers of a decision: numbers alone, whatever else its gain says."""

import json
from datetime import date

import pytest
from sample_decisions import DECISIONS

from kpi_gate.record.decision_numbers import all_numbers


@pytest.mark.parametrize("name", DECISIONS)
def test_all_of_them_are_numbers(name):
    decision = DECISIONS[name]
    if decision.gain is not None:
        named = decision.gain.model_copy(update={"top_day": date(2024, 3, 1)})
        decision = decision.model_copy(update={"gain": named})
    numbers = all_numbers(decision)
    assert all(value is None or isinstance(value, int | float) for value in numbers.values())
    json.dumps(numbers)
