"""Where a log does not say what came of a decision, the use case's own rows do."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
from champions import TOY_MODULE, day

from kpi_gate.experiment.outcomes import with_outcomes
from kpi_gate.experiment.plan import Metric

USE_CASE = TOY_MODULE.USE_CASE
ROWS = pd.DataFrame(
    {
        "unit": ["1", "2", "3", "3"],
        "event_time": pd.to_datetime([day(0), day(0), day(1), day(1)]).as_unit("us"),
        "label_time": pd.to_datetime([day(2), None, day(3), day(3)], utc=True).as_unit("us"),
        "outcome": [1.0, np.nan, 0.0, 1.0],
        "taste": [0.1, 0.2, 0.3, 0.4],
        "decision_id": ["a", "b", "c", "d"],
    }
)


def log(**changes):
    given = {
        "time": pa.array([day(0), day(0), day(1), day(5)], pa.timestamp("us", "UTC")),
        "unit": ["1", "2", "3", "9"],
        "action": [1.0, 1.0, 1.0, 0.0],
    }
    return pa.table({**given, **changes})


def never():
    raise AssertionError("the rows are not needed")


def test_what_the_log_says_is_taken():
    whole = log(amount=[1.0, None, 2.0, 3.0], decision_id=["a", "b", "c", "d"])
    found = with_outcomes(whole, Metric(), USE_CASE, never)
    assert found.table.column_names == ["time", "unit", "action", "amount"]
    assert found.sentence == ""


def test_the_value_function_says_what_the_logged_action_was_worth():
    found = with_outcomes(log(), Metric(), USE_CASE, lambda: ROWS)
    assert found.table["amount"].to_pylist() == [10 - 4, None, None, None]
    assert found.table["outcome_time"].to_pylist()[:2] == [day(2), None]
    assert (found.asked, found.unmatched, found.ambiguous) == (4, 1, 1)
    assert "2 of 4 exposures found their row of the use case by unit, time; 1 have none and 1" in (
        found.sentence
    )


def test_a_decision_is_found_by_its_id_where_there_is_one():
    named = log(decision_id=["d", "c", "b", "a"])
    found = with_outcomes(named, Metric(numerator="outcome"), USE_CASE, lambda: ROWS)
    assert found.table["outcome"].to_pylist() == [1.0, 0.0, None, 1.0]
    assert "amount" not in found.table.column_names
    assert (found.key, found.lost) == (("decision_id",), 0.0)


def test_a_logged_outcome_is_valued_and_numbers_are_the_units_of_text():
    said = log(outcome=[0.0, 1.0, None, None])
    found = with_outcomes(said, Metric(), USE_CASE, lambda: ROWS.assign(unit=[1.0, 2.0, 3.0, 3.0]))
    assert found.table["amount"].to_pylist()[:2] == [-4, 6]


def test_rows_of_another_time_match_none():
    late = ROWS.assign(event_time=ROWS["event_time"] + timedelta(seconds=1))
    found = with_outcomes(log(), Metric(), USE_CASE, lambda: late)
    assert (found.unmatched, found.lost) == (4, 1.0)
