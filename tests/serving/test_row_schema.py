"""A row is sound, or its faults name the column, the value and the way out."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpi_gate.serving.manifest import Column
from kpi_gate.serving.schema import LONGEST_TEXT, MOST_FAULTS, Checker, faults

COLUMNS = (
    Column(name="unit", role="unit", kind="text", nullable=False),
    Column(name="age", role="feature", kind="number"),
    Column(name="region", role="feature", kind="text"),
    Column(name="rooms", role="feature", kind="whole"),
    Column(name="member", role="known", kind="truth"),
    Column(name="since", role="known", kind="time", required=False),
)
SOUND = {"unit": "u1", "age": 31.5, "region": "north", "rooms": 3, "member": True}
VALUES = {
    "unit": st.one_of(st.text(min_size=1, max_size=50), st.integers(0, 2**53)),
    "age": st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False)),
    "region": st.one_of(st.none(), st.text(max_size=LONGEST_TEXT)),
    "rooms": st.one_of(st.none(), st.integers(-(2**53), 2**53)),
    "member": st.one_of(st.none(), st.booleans()),
}
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20)),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=5,
)


def words(row):
    return [(fault.column, fault.words) for fault in faults(COLUMNS, [row])]


@given(st.fixed_dictionaries(VALUES))
def test_whatever_has_the_right_types_is_sound(row):
    assert faults(COLUMNS, [row]) == []


@given(st.lists(JSON, max_size=3))
def test_whatever_comes_is_answered_in_json(rows):
    for fault in faults(COLUMNS, rows):
        assert json.loads(json.dumps(fault._asdict(), allow_nan=False))["row"] in range(len(rows))
        assert fault.words


@given(st.sampled_from(sorted(SOUND)), JSON)
def test_one_wrong_value_names_its_column_alone(name, value):
    found = faults(COLUMNS, [SOUND, {**SOUND, name: value}])
    assert {(fault.row, fault.column) for fault in found} <= {(1, name)}


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("age", "31", "must be a number, not text"),
        ("age", True, "must be a number, not a truth value"),
        ("age", math.nan, "must be a finite number"),
        ("age", math.inf, "must be a finite number"),
        ("age", 2**1100, "must be a finite number"),
        ("age", [1], "must be a number, not a list"),
        ("rooms", 2.5, "must be a whole number"),
        ("rooms", 1e300, "must lie within 2^53"),
        ("rooms", {}, "must be a whole number, not an object"),
        ("region", 3, "must be text, not a number"),
        ("region", "x" * 1001, "has 1,001 letters, must have at most 1,000"),
        ("member", 1, "must be true or false, not a number"),
        ("unit", None, "it must not be null"),
        ("unit", "", "must not be empty"),
        ("unit", 1.5, "must be text or a whole number"),
        ("since", "yesterday", "must be a time such as 2026-05-01T12:00:00Z"),
        ("since", "2026-05-01T12:00:00", "has no offset from UTC, must be a time such as"),
        ("event_time", "0001-01-01T00:00:00Z", "must lie between the years 1700 and 2200"),
        ("event_time", 1_700_000_000, "must be a time such as 2026-05-01T12:00:00Z, not a number"),
        ("id", 7, "must be text, not a number"),
        ("agee", 3, "unknown; did you mean 'age'?"),
        ("outcome", 1, "unknown"),
    ],
)
def test_what_is_wrong_is_said(name, value, expected):
    (found,) = words({**SOUND, name: value})
    assert found[0] == name
    assert found[1].startswith(expected)


def test_a_missing_column_is_never_filled_silently():
    row = {name: value for name, value in SOUND.items() if name not in ("age", "unit")}
    assert words(row) == [
        ("unit", "it is missing"),
        ("age", "it is missing; null says that it is not known"),
    ]


@pytest.mark.parametrize("row", [None, 3, "text", [1, 2]])
def test_what_is_no_row_is_said(row):
    (found,) = faults(COLUMNS, [SOUND, row])
    assert (found.row, found.column) == (1, "")
    assert found.words.startswith("a row is an object, not ")


def test_long_values_and_many_faults_are_cut_short():
    row = {**SOUND, "age": "x" * 5_000, **{f"extra{place}": 1 for place in range(500)}}
    found = Checker(COLUMNS).check([row, row])
    assert len(found) == MOST_FAULTS
    assert all(len(str(fault.value)) <= 61 for fault in found)
