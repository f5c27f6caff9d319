"""The library's own answer on rows of JSON: types as the model has seen them, faults row by row."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from champions import TOY_MODULE
from classifiers import visits
from exports import model_of
from sklearn.linear_model import LogisticRegression

from kpi_gate.serving.export.columns import described, wire_rows
from kpi_gate.serving.export.reference import Reference
from kpi_gate.usecase.contract import Feature

USE_CASE = replace(TOY_MODULE.USE_CASE, features=(Feature("taste", "number"),))
ROWS = visits()


@pytest.fixture
def reference(tmp_path):
    known = ROWS[ROWS["taste"].notna()]
    estimator = LogisticRegression().fit(known[["taste"]], known["outcome"])
    return Reference(model_of(USE_CASE, estimator, ROWS, tmp_path / "model"), USE_CASE)


def test_a_fault_names_no_other_row(reference):
    rows = [{"unit": f"secret {place}", "taste": None if place else 1.0} for place in range(9)]
    faults = reference.decide(rows).fault
    assert faults[0] == ""
    assert all("NaN" in words for words in faults[1:6])
    assert faults[8] == "the model cannot score it"
    assert not any("secret" in words for words in faults)


def test_rows_come_back_as_they_were(tmp_path):
    at = pd.date_range("2026-01-01", periods=4, freq="D", tz="UTC").as_unit("us")
    table = pd.DataFrame(
        {
            "unit": [1, 2, 3, 4],
            "taste": [0.5, None, 2.0, 3.0],
            "count": [1, 2, 3, 4],
            "kind": pd.Categorical(["a", None, "b", "a"], ["a", "b", "c"]),
            "word": pd.Series(["x", None, "y", "z"], dtype="str"),
            "flag": [True, False, True, False],
            "since": at,
            "event_time": at,
        }
    )
    use_case = replace(USE_CASE, known=("count", "kind", "word", "flag", "since"))
    estimator = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    model = model_of(use_case, estimator, table, tmp_path / "model")
    columns = described(model.golden, use_case, ["taste"])
    assert {column.name: column.kind for column in columns} == {
        "unit": "whole",
        "taste": "number",
        "count": "whole",
        "kind": "text",
        "word": "text",
        "flag": "truth",
        "since": "time",
    }
    found = Reference(model, use_case).frame(wire_rows(model.golden, columns))
    pd.testing.assert_frame_equal(found[model.golden.columns], model.golden)


def test_null_in_whole_numbers_and_new_levels_are_kept_apart(tmp_path):
    table = ROWS.assign(
        count=1, kind=pd.Categorical(np.where(ROWS["taste"] > 0, "a", "b")), flag=True
    )
    use_case = replace(USE_CASE, known=("count", "kind", "flag"))
    estimator = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    reference = Reference(model_of(use_case, estimator, table, tmp_path / "model"), use_case)
    found = reference.frame(
        [
            {"unit": "u", "taste": 1, "count": None, "kind": "new", "flag": None},
            {"unit": 7, "taste": None, "count": 2, "kind": None, "flag": False},
        ]
    )
    assert found["count"].isna().tolist() == [True, False]
    assert found["kind"].tolist()[0] == "new"
    assert found["kind"].isna().tolist() == [False, True]
    assert found["flag"].isna().tolist() == [True, False]
    assert found["unit"].tolist() == ["u", 7]


def test_a_number_beyond_its_type_is_not_wrapped_round(tmp_path):
    table = ROWS.assign(count=np.int8(1))
    use_case = replace(USE_CASE, known=("count",))
    estimator = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    reference = Reference(model_of(use_case, estimator, table, tmp_path / "model"), use_case)
    for number in (127, 128, 1e12, 2.5):
        found = reference.frame([{"unit": "u", "taste": 1, "count": number}])
        assert found["count"].tolist() == [number]
