"""Single bad rows are set aside where the settings say so; decisions with an id may repeat."""

from dataclasses import replace

import pandas as pd
import pytest
from test_validation import AS_OF, good_rows, put, toy

from kpi_gate.data.validation.engine import validate_rows
from kpi_gate.learning.scoring import row_keys
from kpi_gate.render import render
from kpi_gate.usecase.contract import UseCase

pytestmark = pytest.mark.slow


def tolerant(share: float, *more) -> UseCase:
    use_case = toy(*more)
    validation = use_case.settings.validation.model_copy(update={"tolerated_share": share})
    settings = use_case.settings.model_copy(update={"validation": validation})
    return replace(use_case, settings=settings)


def checked(rows, share, *more):
    return validate_rows(rows, tolerant(share, *more), AS_OF, None)


SPOILS = {
    "outcome of 7": put("outcome", 7.0, 3),
    "a declared expectation": put("spend_eur", 1e6, 3),
    "no colour that is known": put("colour", "green", 3),
    "no unit": put("unit", None, 3),
    "nan as text": put("unit", "nan", 3),
    "a label before its event": put("label_time", pd.Timestamp("2023-01-01", tz="UTC"), 3),
    "infinite": put("spend_eur", float("inf"), 3),
}


@pytest.mark.parametrize("spoil", SPOILS.values(), ids=SPOILS)
def test_a_declared_share_is_set_aside_and_the_rest_goes_on(spoil):
    rows = spoil(good_rows())
    strict, lenient = checked(rows, 0.0), checked(rows, 1 / 182)
    assert not strict.passed
    assert strict.set_aside == ()
    assert lenient.passed
    assert lenient.set_aside == (3,)
    assert lenient.summary["set_aside"]["share"] == pytest.approx(1 / 182)
    assert lenient.summary["set_aside"]["rows"] == 1
    assert not checked(SPOILS["outcome of 7"](put("spend_eur", 1e6, 4)(rows)), 1 / 182).passed
    assert "set aside and the rest goes on" in render(lenient, "html")
    assert ">PASSED<" in render(lenient, "html")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda rows: rows.drop(columns="colour"),
        lambda rows: rows.assign(event_time=rows["event_time"] - pd.Timedelta(days=30)),
        lambda rows: rows.assign(outcome=None, label_time=pd.NaT).astype({"outcome": float}),
    ],
    ids=["a column that is gone", "old rows", "outcomes that do not come"],
)
def test_what_is_wrong_with_the_whole_is_never_tolerated(spoil):
    assert not checked(spoil(good_rows()), 0.9).passed


def test_mostly_works():
    rule = {
        "type": "expect_column_values_to_be_between",
        "column": "spend_eur",
        "kwargs": {"max_value": 1000, "mostly": 0.99},
    }
    rows = put("spend_eur", 5000.0, 3)(good_rows())
    assert checked(rows, 0.0, rule).passed
    assert not checked(put("spend_eur", 5000.0, 4, 5)(rows), 0.0, rule).passed


def test_decisions_with_an_id_may_share_unit_and_moment():
    rows = pd.concat([good_rows(), good_rows().iloc[[3]]], ignore_index=True)
    without = checked(rows, 0.0)
    assert "expected one row for each unit and event_time" in without.failures[0].reason
    assert "such as 'u3'" in without.failures[0].reason
    named = rows.assign(decision_id=[f"d{number}" for number in range(len(rows))])
    assert checked(named, 0.0).passed
    assert len(set(row_keys(named))) == len(named)
    twice = named.assign(decision_id=["d0", *named["decision_id"][1:-1], "d1"])
    assert "decision_id: expected one row for each" in checked(twice, 0.0).failures[0].reason


@pytest.mark.parametrize("other", [lambda ids: ids.astype(float), lambda ids: ids.astype(str)])
def test_an_identity_is_its_text(other):
    rows = good_rows().assign(unit=range(182))
    assert (row_keys(rows) == row_keys(rows.assign(unit=other(rows["unit"])))).all()
