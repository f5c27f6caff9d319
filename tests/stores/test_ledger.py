"""The ledger: append-only, chained, one line of history for all writers."""

import os
import re
import sqlite3
from multiprocessing import get_context

import pytest

from kpi_gate.stores.ledger import FIRST, Ledger, LedgerError


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


@pytest.mark.parametrize(
    ("edit", "fault"),
    [
        ("UPDATE ledger SET body = '{\"gain\": 9}' WHERE number = 2", "row 2 .* was changed"),
        (
            "UPDATE ledger SET at = '2030-01-01T00:00:00+00:00' WHERE number = 1",
            "row 1 .* was changed",
        ),
        ("DELETE FROM ledger WHERE number = 2", "row 2 is missing"),
        ("DELETE FROM ledger WHERE number = 1", "row 1 is missing"),
    ],
)
def test_an_edit_behind_the_triggers_is_seen(ledger, tmp_path, edit, fault):
    for number in range(3):
        ledger.append("ads", "decision", f"a{number}", {"gain": number})
    with sqlite3.connect(tmp_path / "ledger.db") as connection:
        for verb in ("update", "delete"):
            connection.execute(f"DROP TRIGGER ledger_no_{verb}")
        connection.execute(edit)
    assert any(re.search(fault, found) for found in ledger.verify())


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


def test_many_writers_make_one_chain(ledger):
    ledger.entries()
    workers = [get_context("spawn").Process(target=_write, args=(ledger.url, 15)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    assert len(ledger.entries()) == 45
    assert ledger.verify() == []
