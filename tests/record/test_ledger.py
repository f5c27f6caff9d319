"""The ledger: append-only, chained, one line of history for all writers."""

import os
import re
import resource
import sqlite3
from multiprocessing import get_context

import pytest

from kpi_gate.record.ledger import Ledger, LedgerError
from kpi_gate.record.ledger_chain import FIRST
from kpi_gate.record.ledger_table import LedgerTable


@pytest.fixture
def ledger(tmp_path):
    return Ledger(f"sqlite:///{tmp_path}/ledger.db")


def test_entries_come_back_in_order_and_chained(ledger):
    one = ledger.append("ads", "decision", "a1", {"verdict": "HOLD", "gain": 0.1})
    two = ledger.append("fraud", "decision", "b1", {"verdict": "REJECT"})
    assert ledger.entries() == [one, two]
    assert one.previous_hash == FIRST
    assert two.previous_hash == one.hash
    assert ledger.entries("fraud") == [two]
    assert ledger.entries(subject="a1") == [one]
    assert ledger.verify() == []


@pytest.mark.parametrize("statement", ["UPDATE ledger SET body = '{}'", "DELETE FROM ledger"])
def test_rows_can_be_neither_changed_nor_removed(ledger, tmp_path, statement):
    ledger.append("ads", "decision", "a1", {})
    with (
        sqlite3.connect(tmp_path / "ledger.db") as connection,
        pytest.raises(sqlite3.IntegrityError, match="append-only"),
    ):
        connection.execute(statement)


def raw(tmp_path, *statements, armed=False):
    """Edit the file as somebody with an SQLite shell would: the triggers dropped first."""
    connection = sqlite3.connect(tmp_path / "ledger.db")
    with connection:
        for verb in () if armed else ("update", "delete"):
            connection.execute(f"DROP TRIGGER IF EXISTS ledger_no_{verb}")
        for statement in statements:
            connection.executescript(statement)
    connection.close()


def unbound(edit):
    """Rid the table of its constraints before the edit."""
    made = "CREATE TABLE copy AS SELECT * FROM ledger; DROP TABLE ledger"
    return "; ".join([made, "ALTER TABLE copy RENAME TO ledger", edit])


CHAINED = "INSERT INTO ledger SELECT {}, at, use_case, kind, 'x', body, hash, 'h' FROM ledger "
EDITS = {
    "a changed body": (
        "UPDATE ledger SET body = '{\"gain\": 9}' WHERE number = 2",
        "row 2 .* was c",
    ),
    "a body with one space more": (
        "UPDATE ledger SET body = '{\"gain\":  1}' WHERE number = 2",
        "row 2 .* was changed",
    ),
    "a body that is no JSON": ("UPDATE ledger SET body = '{' WHERE number = 2", "row 2 .* no JSON"),
    "a body that is a list": (
        "UPDATE ledger SET body = '[]' WHERE number = 2",
        "row 2 .* without n",
    ),
    "a body too deep": (
        "UPDATE ledger SET body = replace(hex(zeroblob(50000)), '0', '[') WHERE number = 2",
        "row 2 .* no JSON",
    ),
    "a body of bytes": (
        "UPDATE ledger SET body = CAST(x'ff00fe' AS TEXT) WHERE number = 2",
        "row 2 .* no JSON",
    ),
    "a blob": ("UPDATE ledger SET body = x'ff' WHERE number = 2", "row 2 .* body that is no text"),
    "a changed date": (
        "UPDATE ledger SET at = '2030-01-01T00:00:00+00:00' WHERE number = 1",
        "row 1 .* was changed",
    ),
    "a date that is no date": (
        "UPDATE ledger SET at = 'soon' WHERE number = 1",
        "row 1 .* no date",
    ),
    "a number for a date": ("UPDATE ledger SET at = 5 WHERE number = 1", "row 1 .* no date"),
    "a verdict made a release": ("UPDATE ledger SET kind = 'done' WHERE number = 2", "row 2 .done"),
    "a changed hash": ("UPDATE ledger SET hash = 'f' WHERE number = 2", "row 3 .* does not follow"),
    "a row taken out": ("DELETE FROM ledger WHERE number = 2", "row 2 is missing"),
    "the first row taken out": ("DELETE FROM ledger WHERE number = 1", "row 1 is missing"),
    "two rows taken out": ("DELETE FROM ledger WHERE number < 3", "rows 1 to 2 are missing"),
    "a row taken out, and the gap closed": (
        "DELETE FROM ledger WHERE number = 2; UPDATE ledger SET number = 2 WHERE number = 3",
        "row 2 .* does not follow",
    ),
    "two rows that changed places": (
        "UPDATE ledger SET number = -1 WHERE number = 2; UPDATE ledger SET number = 2 WHERE "
        "number = 3; UPDATE ledger SET number = 3 WHERE number = -1",
        "row 2 .* does not follow",
    ),
    "a row put at the end": (CHAINED.format("4") + "WHERE number = 3", "row 4 .* was changed"),
    "a row put before": (
        CHAINED.format("0") + "WHERE number = 3",
        "row 0 .* in the place of row 1",
    ),
    "an empty hash": (
        unbound("UPDATE ledger SET hash = NULL WHERE number = 2"),
        "row 2 .* no hash",
    ),
    "an empty body": (
        unbound("UPDATE ledger SET body = NULL WHERE number = 2"),
        "row 2 .* no body",
    ),
    "an empty number": (unbound("UPDATE ledger SET number = NULL WHERE number = 2"), "no number"),
    "a number twice": (
        unbound("UPDATE ledger SET number = 2 WHERE number = 3"),
        "row 2 .* place of",
    ),
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_behind_the_triggers_is_seen_and_stops_every_reader(ledger, tmp_path, name):
    edit, fault = EDITS[name]
    for number in range(3):
        ledger.append("ads", "decision", f"a{number}", {"gain": number})
    raw(tmp_path, edit)
    faults = ledger.verify()
    assert any(re.search(fault, found) for found in faults), faults
    assert faults[-1] == "the append-only triggers are gone"
    for asked in (ledger, Ledger(ledger.url)):
        with pytest.raises(LedgerError, match=r"rows? \S+ .*nothing moves.*kpi-gate ledger verify"):
            asked.entries("ads")
    with pytest.raises(LedgerError, match="nothing moves until it is whole"):
        ledger.protect("to hide it", "me")


def test_every_faulty_row_is_named(ledger, tmp_path):
    for number in range(6):
        ledger.append("ads", "decision", f"a{number}", {"gain": number})
    raw(tmp_path, "UPDATE ledger SET body = '{}' WHERE number IN (2, 5)")
    raw(tmp_path, "DELETE FROM ledger WHERE number = 4")
    named = [re.findall(r"row (\d+)", fault) for fault in ledger.verify()]
    assert named == [["2"], ["4"], ["5"], []]


@pytest.mark.parametrize(
    "edit",
    [
        "DROP TRIGGER ledger_no_update",
        "DROP TRIGGER ledger_no_delete",
        "DROP TRIGGER ledger_no_delete; CREATE TRIGGER ledger_no_delete BEFORE DELETE ON ledger "
        "BEGIN SELECT 1; END",
    ],
)
def test_lost_triggers_stop_every_reader_until_a_person_puts_them_back(ledger, tmp_path, edit):
    ledger.append("ads", "decision", "a1", {})
    raw(tmp_path, edit, armed=True)
    assert Ledger(ledger.url).verify() == ["the append-only triggers are gone"]
    with pytest.raises(LedgerError, match=r"triggers are gone.*kpi-gate ledger protect --reason"):
        ledger.entries()
    ledger.protect("restored from a dump", "jane@desk")
    assert ledger.verify() == []
    assert ledger.entries()[-1].kind == "protected"
    assert ledger.entries()[-1].body == {
        "reason": "restored from a dump",
        "asked_by": "jane@desk",
        "faults": ["the append-only triggers are gone"],
    }
    with pytest.raises(LedgerError, match="triggers are in place"):
        ledger.protect("again", "jane@desk")
    with (
        sqlite3.connect(tmp_path / "ledger.db") as connection,
        pytest.raises(sqlite3.IntegrityError, match="append-only"),
    ):
        connection.execute("DELETE FROM ledger")


def test_a_crash_between_table_and_triggers_is_healed(ledger, tmp_path):
    with LedgerTable(ledger.url).begin():
        pass
    raw(tmp_path)
    assert Ledger(ledger.url).verify() == []
    ledger.append("ads", "decision", "a1", {})
    assert Ledger(ledger.url).verify() == []


def test_to_read_makes_no_ledger(ledger, tmp_path):
    assert ledger.entries() == ledger.verify() == []
    assert not (tmp_path / "ledger.db").exists()


def test_bad_calls_are_refused(ledger):
    with pytest.raises(ValueError, match="kind == 'guess'"):
        ledger.append("ads", "guess", "a1", {})
    with pytest.raises(ValueError, match="not JSON compliant"):
        ledger.append("ads", "decision", "a1", {"gain": float("nan")})
    assert ledger.entries() == []


def test_an_unreachable_database_is_one_clear_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerError, match=r"ledger sqlite:///.*KPI_GATE_LEDGER_URL"):
        Ledger(f"sqlite:///{tmp_path}/file/ledger.db").entries()


def test_a_missing_folder_is_no_new_ledger(tmp_path):
    with pytest.raises(LedgerError, match=r"no folder .*/mnt; nothing was recorded"):
        Ledger(f"sqlite:///{tmp_path}/mnt/ledger.db").entries()
    assert not (tmp_path / "mnt").exists()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_a_ledger_that_would_be_forgotten_is_refused(url):
    with pytest.raises(LedgerError, match="in memory"):
        Ledger(url).entries()


@pytest.mark.parametrize("content", [b"no database at all, but long enough to be read as one" * 9])
def test_a_file_that_is_no_database_is_one_clear_error(tmp_path, content):
    (tmp_path / "ledger.db").write_bytes(content)
    for ask in (Ledger.entries, Ledger.verify):
        with pytest.raises(LedgerError, match="file is not a database"):
            ask(Ledger(f"sqlite:///{tmp_path}/ledger.db"))


def test_a_full_disk_is_one_clear_error_and_passes(ledger, tmp_path):
    ledger.append("ads", "decision", "a1", {})
    size = (tmp_path / "ledger.db").stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        with pytest.raises(LedgerError, match=r"disk.*nothing was recorded"):
            ledger.append("ads", "decision", "a2", {"long": "x" * 50_000})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [entry.subject for entry in ledger.entries()] == ["a1"]
    ledger.append("ads", "decision", "a2", {"long": "x" * 50_000})
    assert ledger.verify() == []


def test_what_somebody_else_wrote_meanwhile_stops_a_row(ledger):
    first = ledger.append("ads", "decision", "a1", {}, after=0)
    ledger.append("fraud", "decision", "a1", {}, after=0)
    ledger.append("ads", "intent", "a1", {}, after=first.number)
    with pytest.raises(LedgerError, match=r"row 3 of ads a1 .* recorded no intent"):
        ledger.append("ads", "intent", "a1", {}, after=first.number)
    assert [entry.kind for entry in ledger.entries("ads")] == ["decision", "intent"]


def test_a_read_only_ledger_refuses_to_append(ledger, tmp_path):
    ledger.append("ads", "decision", "a1", {})
    reader = Ledger(f"sqlite:///file:{tmp_path}/ledger.db?mode=ro&uri=true")
    assert len(reader.entries()) == 1
    with pytest.raises(LedgerError, match="readonly"):
        reader.append("ads", "decision", "a2", {})


def _write(url, count):
    ledger = Ledger(url)
    for number in range(count):
        ledger.append("ads", "decision", f"{os.getpid()}-{number}", {})


@pytest.mark.slow
def test_many_writers_make_one_chain(ledger):
    workers = [get_context("spawn").Process(target=_write, args=(ledger.url, 15)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    assert len(ledger.entries()) == 45
    assert ledger.verify() == []
