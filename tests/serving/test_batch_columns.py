"""Columns of a file are taken as rows of JSON are, or marked row by row."""

from datetime import UTC, datetime
from io import BytesIO

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pytest
from exports import example, export_of, made_up, trained

from kpi_gate.serving.batch_columns import arrow_types, take
from kpi_gate.serving.manifest import Column

COLUMNS = (
    Column(name="unit", role="unit", kind="text", nullable=False),
    Column(name="age", role="feature", kind="number"),
    Column(name="region", role="feature", kind="text"),
    Column(name="rooms", role="feature", kind="whole"),
    Column(name="member", role="known", kind="truth"),
    Column(name="since", role="known", kind="time", required=False),
)
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def table(**changed):
    columns = {
        "unit": ["a", "b", "c"],
        "age": [1.5, None, 2.0],
        "region": ["north", None, "south"],
        "rooms": [1, 2, None],
        "member": [True, False, None],
        **changed,
    }
    return pa.table({name: column for name, column in columns.items() if column is not None})


def told(found):
    return [(fault.row, fault.column, fault.words) for fault in found.faults]


def test_sound_columns_are_taken_as_they_are():
    found = take(COLUMNS, table(since=[NOON, None, NOON], event_time=[NOON] * 3, other=[1, 2, 3]))
    assert told(found) == []
    assert found.sound.all()
    assert found.extra == ["other"]
    assert found.columns["unit"].tolist() == ["a", "b", "c"]
    np.testing.assert_array_equal(found.columns["age"], [1.5, np.nan, 2.0])
    np.testing.assert_array_equal(found.columns["rooms"], [1.0, 2.0, np.nan])
    np.testing.assert_array_equal(found.columns["member"], [1.0, 0.0, np.nan])
    assert found.columns["region"].tolist() == ["north", None, "south"]
    assert found.columns["since"][0] == np.datetime64("2026-05-01T12:00:00")
    assert np.isnat(found.columns["since"][1])


@pytest.mark.parametrize(
    ("changed", "row", "words"),
    [
        ({"age": ["x", None, "3"]}, 0, "must be a number"),
        ({"age": [1.0, np.inf, 2.0]}, 1, "must be a finite number"),
        ({"rooms": [1.0, 2.5, None]}, 1, "must be a whole number"),
        ({"rooms": [1, 2**60, 3]}, 1, "must lie within 2^53"),
        ({"region": [1, 2, 3]}, 0, "must be text"),
        ({"region": ["a", "b" * 1001, "c"]}, 1, "must have at most 1,000 letters"),
        ({"member": [1, 0, 1]}, 0, "must be true or false"),
        ({"unit": ["a", None, "c"]}, 1, "it must not be null"),
        ({"unit": ["a", "b", ""]}, 2, "it must not be null"),
        ({"unit": [1.5, 2.0, 3.0]}, 0, "must be text or a whole number"),
        ({"since": [NOON.replace(tzinfo=None)] * 3}, 0, "has no offset from UTC"),
        ({"since": [None, "soon", None]}, 1, "must be a time with an offset, such as"),
        ({"event_time": [1, 2, 3]}, 0, "must be a time with an offset, such as"),
        ({"region": None}, 0, "the file has no such column"),
    ],
)
def test_what_is_wrong_is_told_with_its_row(changed, row, words):
    found = take(COLUMNS, table(**changed))
    (name,) = changed
    assert found.faults[0][:2] == (row, name)
    assert found.faults[0].words.startswith(words)
    assert not found.sound[row]


def test_columns_of_one_encoding_or_another_are_one():
    plain = table(age=[1, 2, 3], unit=[1, 2, 3], region=pa.nulls(3), rooms=[1.0, 2.0, np.nan])
    found = take(COLUMNS, plain)
    assert told(found) == []
    assert found.columns["unit"].tolist() == [1, 2, 3]
    assert found.columns["region"].tolist() == [None] * 3
    encoded = table(region=pa.array(["x", None, "x"]).dictionary_encode())
    assert take(COLUMNS, encoded).columns["region"].tolist() == ["x", None, "x"]


def test_a_csv_file_is_read_by_the_columns_types():
    file = BytesIO(
        b"unit,age,region,rooms,member,event_time\n007,3,05,1,true,2026-05-01T12:00:00Z\n"
    )
    types = pc.ConvertOptions(column_types=arrow_types(COLUMNS), strings_can_be_null=True)
    found = take(COLUMNS, pc.read_csv(file, convert_options=types))
    assert told(found) == []
    assert found.columns["unit"].tolist() == ["007"]
    assert found.columns["region"].tolist() == ["05"]


def test_what_is_taken_is_decided_as_rows_are(tmp_path):
    use_case = example("campaign")
    rows = made_up(use_case)
    loaded = export_of(use_case, trained(use_case, rows), rows, tmp_path / "export")
    asked = loaded.golden["rows"]
    found = take(loaded.manifest.columns, pa.Table.from_pylist(asked))
    assert told(found) == []
    assert loaded.decide_columns(found.columns).action.tolist() == loaded.decide(asked).action
