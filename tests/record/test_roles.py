"""What the roles imply that only some use cases have: propensity, observed, item, choices."""

import re
from dataclasses import replace

import numpy as np
import pytest
from test_validation import AS_OF, good_rows, toy

from kpi_gate.data.validation.engine import validate_rows
from kpi_gate.decision.objective import EstimatorSettings
from kpi_gate.learning.policy import PolicySettings
from kpi_gate.usecase.contract import Choices

pytestmark = pytest.mark.slow


def case(estimator="paired", choices=None, **policy):
    plain = toy()
    settings = plain.settings.model_copy(
        update={
            "estimator": EstimatorSettings(kind=estimator),
            "policy": PolicySettings(**policy),
            "validation": plain.settings.validation.model_copy(
                update={"one_per_unit": ("time_zone",)}
            ),
        }
    )
    return replace(plain, settings=settings, choices=choices)


SELECTIVE = case("selective")
LOGGED = case("snips", Choices("ad", ("a", "b")), kind="choice")
SLOTS = case(most=2, within=("shelf",))


def rows(use_case):
    found = (
        good_rows()
        .reset_index(drop=True)
        .assign(time_zone="Europe/Lisbon", shelf="top", ad="a", item="a")
    )
    found["propensity"] = 0.5
    found["observed"] = True
    hidden = found.index[:5]
    if use_case is SELECTIVE:
        found.loc[hidden, "observed"] = False
        found.loc[hidden, "outcome"] = np.nan
        found["label_time"] = found["label_time"].where(found["observed"])
    return found


def refused(use_case, spoilt):
    report = validate_rows(spoilt, use_case, AS_OF, None)
    return {failure.column: failure.reason for failure in report.failures}, report.bad_rows


@pytest.mark.parametrize("use_case", [SELECTIVE, LOGGED, SLOTS])
def test_good_rows_pass(use_case):
    assert refused(use_case, rows(use_case))[0] == {}


@pytest.mark.parametrize(
    ("use_case", "column", "value", "words"),
    [
        (LOGGED, "propensity", np.nan, "no nulls; 1 of"),
        (LOGGED, "propensity", 0.0, r"a probability in \(0, 1\]; 1 of .* such as 0.0"),
        (LOGGED, "propensity", 1.5, r"a probability in \(0, 1\]; 1 of .* such as 1.5"),
        (LOGGED, "ad", "c", "one of the 2 choices, such as a; 1 of .* such as 'c'"),
        (SELECTIVE, "propensity", -0.1, "a probability"),
        (SELECTIVE, "observed", False, "none where it is not observed"),
        (SLOTS, "shelf", None, "no nulls; 1 of"),
        (SLOTS, "item", None, "no nulls; 1 of"),
    ],
)
def test_a_row_without_its_role_is_refused_and_held_back(use_case, column, value, words):
    spoilt = rows(use_case).astype({column: object})
    spoilt.loc[spoilt.index[30], column] = value
    if column == "propensity":
        spoilt[column] = spoilt[column].astype(float)
    reasons, bad = refused(use_case, spoilt)
    told = reasons.get("outcome" if column == "observed" else column, "")
    assert re.search(words, told), reasons
    assert list(bad.index) == [30]


def test_an_observed_that_is_neither_is_refused():
    spoilt = rows(SELECTIVE).astype({"observed": object})
    spoilt.loc[30, "observed"] = None
    assert "no nulls" in refused(SELECTIVE, spoilt)[0]["observed"]


def test_a_column_that_a_role_needs_must_exist():
    for column in ("propensity", "observed"):
        reasons = refused(SELECTIVE, rows(SELECTIVE).drop(columns=column))[0]
        assert "expected the column to exist" in reasons[column]


def test_a_household_in_two_time_zones_is_refused():
    spoilt = rows(SLOTS)
    spoilt.loc[[3, 4], "unit"] = "twice"
    spoilt.loc[3, "time_zone"] = "America/New_York"
    reasons, bad = refused(SLOTS, spoilt)
    assert "one time_zone for each unit; 2 of" in reasons["time_zone"]
    assert list(bad.index) == [3, 4]


def test_items_tell_decisions_of_one_moment_apart():
    doubled = rows(SLOTS)
    doubled.loc[1, ["unit", "event_time"]] = doubled.loc[0, ["unit", "event_time"]].to_numpy()
    assert "one row for each unit, item and event_time" in refused(SLOTS, doubled)[0]["unit"]
    doubled.loc[1, "item"] = "b"
    assert refused(SLOTS, doubled)[0] == {}


def test_hidden_outcomes_are_never_due():
    many = rows(SELECTIVE)
    many["observed"] = False
    many.loc[many.index[100:], "observed"] = True
    many["outcome"] = many["outcome"].where(many["observed"])
    many["label_time"] = many["label_time"].where(many["observed"])
    assert refused(SELECTIVE, many)[0] == {}
