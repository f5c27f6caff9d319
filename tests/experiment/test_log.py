"""A log is read alike wherever it is kept, or what is wrong with it is named to the row."""

import sqlite3
import uuid
from contextlib import closing
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kpi_gate.experiment.log import LogError, SqlTable, read_log
from kpi_gate.experiment.plan import Margin, Plan

HEAD = "time,unit,arm,policy_version,action,amount\n"
GOOD = "2026-01-01T00:00:00Z,u1,control,v1,1,2.5\n"
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


def plan(**changes):
    given = {
        "use_case": "toy", "kpi": "profit", "unit": "EUR", "horizon_decisions": 1000,
        "control": "v1", "treatment": "v2", "salt": "s", "minimum_effect": 0.1, "weeks": 4,
        "units_per_week": 100, "standard_deviation": 1.0, "units_per_arm": 200,
    }  # fmt: skip
    return Plan.model_validate({**given, **changes})


def columns(**changes):
    given = {
        "time": pa.array([MOMENT, MOMENT]), "unit": ["1", "2"], "arm": ["control", "treatment"],
        "policy_version": ["v1", "v2"], "action": [1.0, 0.0],
    }  # fmt: skip
    return pa.table({name: made for name, made in {**given, **changes}.items() if made is not None})


def written(folder, table, name="log.parquet"):
    pq.write_table(table, folder / name)
    return folder / name


def fault_of(path, *given):
    with pytest.raises(LogError) as caught:
        read_log(path, *given)
    assert str(path) in str(caught.value)
    return str(caught.value)


WRONG_LINES = {
    "naive": ("2026-01-01T00:00:00,u1,control,v1,1,2", "column time, row 2: '2026-01-01T00:00:00' "
              "has no offset from UTC"),
    "a day": ("2026-01-01,u1,control,v1,1,2", "row 2: '2026-01-01' has no offset"),
    "no time": ("soon,u1,control,v1,1,2", "column time, row 2: 'soon' is no time"),
    "arm": ("2026-01-01T00:00:00Z,u1,B,v1,1,2", "column arm, row 2: 'B' must be one of control, "
            "treatment"),
    "decimal comma": ('2026-01-01T00:00:00Z,u1,control,v1,1,"2,5"', "column amount, row 2: '2,5' "
                      "is no number; write a point"),
    "text": ("2026-01-01T00:00:00Z,u1,control,v1,lots,2", "column action, row 2: 'lots' is no num"),
    "endless": ("2026-01-01T00:00:00Z,u1,control,v1,1,inf", "column amount, row 2: 'inf' is no"),
    "no unit": ("2026-01-01T00:00:00Z,,control,v1,1,2", "column unit, row 2 is missing"),
    "no action": ("2026-01-01T00:00:00Z,u1,control,v1,,2", "column action, row 2 is missing"),
    "half a line": ("2026-01-01T00:00:00Z,u1,cont", "row 2 has 3 fields, the header 6: it is half"),
    "bare comma": ("2026-01-01T00:00:00Z,u1,control,v1,1,2,5", "row 2 has 7 fields, the header 6"),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG_LINES)
def test_what_is_wrong_with_a_line_is_named(tmp_path, what):
    line, words = WRONG_LINES[what]
    path = tmp_path / "log.csv"
    path.write_text(f"{HEAD}{GOOD}{line}\n{GOOD}")
    assert words in fault_of(path)


WRONG_FILES = {
    "nothing": ("", "is empty"),
    "a header alone": (HEAD, "holds no row"),
    "semicolons": ((HEAD + GOOD).replace(",", ";"), "columns are separated by ';'"),
    "another name": (HEAD.replace("unit", "user") + GOOD, "no column unit; of the log's columns"),
    "packed": ("PK\x03\x04", "is a zip file"),
}


@pytest.mark.parametrize("what", WRONG_FILES)
def test_what_is_wrong_with_a_file_is_named(tmp_path, what):
    content, words = WRONG_FILES[what]
    path = tmp_path / "log.csv"
    path.write_text(content)
    assert words in fault_of(path)


def test_offsets_become_utc_and_a_missing_amount_is_null(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text(f"{HEAD}2026-01-01 00:00:00+02:00,7,treatment,2,0,\n{GOOD}")
    first, second = read_log(path).to_pylist()
    assert first["time"] == datetime(2025, 12, 31, 22, tzinfo=UTC)
    assert (first["unit"], first["policy_version"], first["amount"]) == ("7", "2", None)
    assert (second["time"], second["amount"]) == (MOMENT, 2.5)


IDENTITY = uuid.UUID(int=7)
UNITS = {
    "whole numbers": (pa.array([7, 8]), ["7", "8"]),
    "floats": (pa.array([7.0, 8.0]), ["7", "8"]),
    "text": (pa.array(["7", "8"]), ["7", "8"]),
    "text of floats": (pa.array(["7.0", "8.0"]), ["7", "8"]),
    "levels": (pa.array(["a", "b"]).dictionary_encode(), ["a", "b"]),
    "UUIDs": (pa.array([IDENTITY.bytes] * 2, pa.uuid()), [str(IDENTITY)] * 2),
    "bytes of UUIDs": (pa.array([IDENTITY.bytes] * 2, pa.binary(16)), [str(IDENTITY)] * 2),
}


@pytest.mark.parametrize("what", UNITS)
def test_units_are_read_alike(tmp_path, what):
    given, read = UNITS[what]
    assert read_log(written(tmp_path, columns(unit=given)))["unit"].to_pylist() == read


def test_units_that_are_none_are_named(tmp_path):
    path = written(tmp_path, columns(unit=pa.array([1.5, 2.0])))
    assert "column unit, row 1: '1.5' is no whole number" in fault_of(path)
    path = written(tmp_path, columns(unit=pa.array([2.0, 2.0**53])))
    assert "column unit, row 2" in fault_of(path)


def test_a_naive_column_and_a_missing_one(tmp_path):
    naive = written(tmp_path, columns(time=pa.array([MOMENT.replace(tzinfo=None)] * 2)))
    assert "column time, row 1: '2026-01-01 00:00:00' has no offset" in fault_of(naive)
    assert "no column arm" in fault_of(written(tmp_path, columns(arm=None)))


def test_a_half_written_file_a_missing_one_and_one_of_another_kind(tmp_path):
    path = written(tmp_path, columns())
    path.write_bytes(path.read_bytes()[:-20])
    assert "half-written" in fault_of(path)
    assert "there is no such file or folder" in fault_of(tmp_path / "none.parquet")
    other = tmp_path / "log.xlsx"
    other.write_text("x")
    assert "must end in .parquet or .csv" in fault_of(other)
    (tmp_path / "empty").mkdir()
    assert "holds no file" in fault_of(tmp_path / "empty")


def test_a_folder_is_one_log_and_unfinished_files_are_none_of_it(tmp_path):
    written(tmp_path, columns(outcome=pa.array([1, 0])), "a.parquet")
    (tmp_path / "b.csv").write_text(HEAD + GOOD)
    (tmp_path / "_c.parquet").write_text("not yet")
    table = read_log(tmp_path)
    assert table.column_names == ["time", "unit", "arm", "policy_version", "action", "amount",
                                  "outcome"]  # fmt: skip
    assert table["amount"].to_pylist() == [None, None, 2.5]


def test_a_guardrail_asks_for_its_column_and_other_columns_are_left_out(tmp_path):
    watched = plan(margins=[Margin(column="latency", direction="rise", margin=1)])
    path = written(tmp_path, columns(note=["x", "y"]))
    assert "no column latency, which a guardrail watches" in fault_of(path, watched)
    path = written(tmp_path, columns(latency=[3, None], decision_id=[1, 2]))
    assert read_log(path, watched)["latency"].to_pylist() == [3.0, None]
    assert "decision_id" in read_log(path, keys=True).column_names


def test_truth_values_in_any_writing(tmp_path):
    path = written(tmp_path, columns(exposed=["yes", "0"], outcome=[True, False]))
    table = read_log(path)
    assert (table["exposed"].to_pylist(), table["outcome"].to_pylist()) == ([True, False], [1, 0])
    path = written(tmp_path, columns(exposed=["yes", "perhaps"]))
    assert "column exposed, row 2: 'perhaps' must be true or false" in fault_of(path)


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "log.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "create table exposures (time text, unit integer, arm text, policy_version text, "
            "action real, outcome integer, secret text)"
        )
        row = "('2026-01-01T00:00:00Z', 5, 'control', 'v1', 1, null, 'x')"
        connection.execute(f"insert into exposures values {row}")  # noqa: S608
    return path


def test_a_table_is_read_as_a_file_is(database):
    table = read_log(SqlTable(f"sqlite:///{database}", "exposures"))
    (row,) = table.to_pylist()
    assert (row["unit"], row["time"], row["outcome"]) == ("5", MOMENT, None)
    assert "secret" not in table.column_names


@pytest.mark.parametrize(
    ("url", "table", "words"),
    [
        ("sqlite:///{path}", "nowhere", "there is no such table; there are: exposures"),
        ("sqlite:///{path}.none", "exposures", "there is no such file"),
        ("nonsense", "exposures", "cannot be read"),
        ("nosuchdatabase://user:hunter2@host/base", "exposures", "cannot be read"),
    ],
)
def test_a_table_that_cannot_be_read(database, url, table, words):
    with pytest.raises(LogError) as caught:
        read_log(SqlTable(url.format(path=database), table))
    assert words in str(caught.value)
    assert f"table {table}" in str(caught.value)
    assert "hunter2" not in str(caught.value) + repr(SqlTable(url, table))
    assert not database.with_name("log.db.none").exists()


def test_a_naive_time_in_a_table(database):
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("update exposures set time = '2026-01-01 00:00:00'")
    with pytest.raises(LogError, match=r"column time, row 1: .* has no offset from UTC"):
        read_log(SqlTable(f"sqlite:///{database}", "exposures"))
