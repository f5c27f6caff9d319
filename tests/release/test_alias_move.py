"""A ledger that is broken, read-only, full or away: nothing moves, and the next run completes."""

import sqlite3

import pytest
import sqlalchemy as sql
from starts import AFTER_DRIFT, champion, newest_decision, play
from test_promotion import kinds

from kpi_gate import pipeline
from kpi_gate.record.ledger import Ledger, LedgerError
from kpi_gate.release import promotion
from kpi_gate.run.context import Run
from kpi_gate.workspace import Workspace

pytestmark = pytest.mark.slow


def elsewhere(run_at, ledger_url):
    """The same run with its ledger at another address."""
    made = run_at(AFTER_DRIFT)
    workspace = Workspace(root=made.workspace.root, ledger_url=ledger_url)
    return Run(made.use_case, made.as_of, workspace)


def completes(run_at, rows):
    """After the fault, the next run ends what was begun, once."""
    play(run_at(AFTER_DRIFT))
    assert champion(run_at()) == "v2"
    assert kinds(run_at()) == rows
    assert run_at().ledger.verify() == []


def test_a_broken_chain_closes_the_gate(run_at, second_decision):
    entry = newest_decision(run_at())
    broken, workspace = run_at(), run_at().workspace
    with sqlite3.connect(workspace.home / "ledger.db") as connection:
        connection.executescript(
            "DROP TRIGGER ledger_no_update; UPDATE ledger SET body = replace(body, '0.1', '0.9') "
            "WHERE number = 1;"
        )
    acts = {
        "heal": lambda: promotion.recover(broken),
        "promote": lambda: promotion.promote(broken, entry),
        "force": lambda: promotion.promote(broken, entry, forced="please"),
        "rollback": lambda: promotion.rollback(broken, "refunds"),
        "reanchor": lambda: promotion.reanchor(broken, "new year"),
        "decide": lambda: pipeline.decide(run_at(AFTER_DRIFT)),
        "freeze": lambda: pipeline.fetch_champion(run_at(AFTER_DRIFT)),
        "a whole run": lambda: play(run_at(AFTER_DRIFT)),
    }
    for name, act in acts.items():
        with pytest.raises(LedgerError, match=r"row 1 \(decision .*was changed.*verify") as error:
            act()
        assert "nothing moves until it is whole" in str(error.value), name
    assert champion(run_at()) == "v1"
    with sqlite3.connect(workspace.home / "ledger.db") as connection:
        assert connection.execute("SELECT count(*) FROM ledger").fetchone() == (4,)


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("sqlite:///file:{home}/ledger.db?mode=ro&uri=true", "readonly"),
        ("sqlite:///{home}/not-mounted/ledger.db", "no folder"),
        ("sqlite:///{home}", "unable to open"),
        ("postgresql://127.0.0.1:9/ledger", "ledger postgresql://127.0.0.1:9/ledger: "),
    ],
)
def test_a_ledger_that_cannot_be_written_promotes_nothing(run_at, url, fault, second_evidence):
    broken = elsewhere(run_at, url.format(home=run_at().workspace.home))
    with pytest.raises(LedgerError, match=f"{fault}.*; nothing was recorded"):
        play(broken)
    assert champion(run_at()) == "v1"
    assert kinds(run_at()) == ["decision", "intent", "done"]
    completes(run_at, ["decision", "intent", "done"] * 2)


@pytest.mark.parametrize(
    ("rows", "written"), [(0, []), (1, ["decision"]), (2, ["decision", "intent"])]
)
def test_a_full_disk_promotes_nothing(run_at, monkeypatch, rows, written, second_evidence):
    """The disk fills up before the n-th row of the run; SQLite itself says so."""
    real, calls, full = Ledger.append, [], []

    def fill_up(connection, *_):
        if full and "ledger.db" in str(connection.execute("PRAGMA database_list").fetchall()):
            connection.execute("PRAGMA max_page_count = 1")

    def append(self, *args, **more):
        if len(calls) == rows:
            full.append(True)
        calls.append(args[1])
        return real(self, *args[:3], {**args[3], "filler": "x" * 9_000}, **more)

    sql.event.listen(sql.pool.Pool, "checkout", fill_up)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(Ledger, "append", append)
            with pytest.raises(LedgerError, match=r"full; nothing was recorded"):
                play(run_at(AFTER_DRIFT))
    finally:
        sql.event.remove(sql.pool.Pool, "checkout", fill_up)
    assert champion(run_at()) == "v1"
    assert kinds(run_at()) == ["decision", "intent", "done", *written]
    completes(run_at, ["decision", "intent", "done"] * 2)
