"""`judge` decides as it did when its decisions were recorded, number by number."""

import json

import pytest
from facts import differences, facts, recorded, written
from judged import CASES, judged

RECORDED = recorded("judge") | recorded("judge_estimators")


@pytest.mark.parametrize("name", CASES)
def test_a_table_is_judged_as_recorded(name):
    now = json.loads(written({name: facts(judged(CASES[name]))}))
    assert list(differences(RECORDED[name], now[name])) == []


def test_what_differs_is_named():
    (case,) = (written({"hold": {"gain": {"lower": 0.1}, "checks": [["days", "ok", 3.0, 5.0]]}}),)
    before, now = json.loads(case), json.loads(case)
    assert list(differences(before, now)) == []
    now["hold"]["gain"]["lower"] = 0.1 + 1e-17 + 2e-17
    now["hold"]["checks"][0][1] = "failed"
    assert list(differences(before, now)) == [
        "/hold/gain/lower: was 0.1, is 0.10000000000000003",
        '/hold/checks/0/1: was "ok", is "failed"',
    ]
