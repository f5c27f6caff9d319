"""A return of the servers is one rollback on record, however many of them ask for it."""

import sys

import pytest

from kpi_gate.orchestration import serving_return
from kpi_gate.orchestration.serving_return import take_back
from kpi_gate.record.lock import BusyError, one_at_a_time

pytestmark = pytest.mark.slow


def test_the_first_rolls_back_and_the_second_finds_it_done(run_at, second_champion, monkeypatch):
    words = ["serving_return", "toy", "v2", "failure rate: 9% with v2"]
    monkeypatch.setattr(sys, "argv", words)
    monkeypatch.setattr(serving_return, "WAIT_SECONDS", 0.1)
    with one_at_a_time(run_at().workspace, "toy"):
        with pytest.raises(BusyError):
            take_back(*words[1:])
        with pytest.raises(SystemExit, match="another retrain"):
            serving_return.main()
    assert take_back(*words[1:]) == "v1"
    last = run_at().ledger.entries()[-1]
    assert (last.kind, last.body["reason"]) == ("rollback", "serving: failure rate: 9% with v2")
    assert run_at().history.champion == "v1"
    assert take_back(*words[1:]) is None
    serving_return.main()
    assert run_at().ledger.entries()[-1] == last
