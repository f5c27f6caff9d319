"""What a retraining reads, it reads once: ledger, rows, models, cards and DVC's repository."""

from collections import Counter

import dvc.repo
import pandas as pd
import pytest
import skops.io
from starts import AFTER_DRIFT, play

from kpi_gate.data import snapshot
from kpi_gate.record import ledger_reading
from kpi_gate.record.model_files import MODEL_FILE, ModelCard
from kpi_gate.run import context

pytestmark = pytest.mark.slow


@pytest.fixture
def calls(monkeypatch):
    """Return what is called how often; a parquet file, a model and a card by what it is."""
    counted = Counter()

    def spy(owner, name, mark):
        real = getattr(owner, name)

        def spied(*given, **more):
            counted.update(mark(given))
            return real(*given, **more)

        monkeypatch.setattr(owner, name, spied)

    def rows_verified(given):
        return [f"row {row['number']}" for row in given[0]] or ["tail without rows"]

    spy(ledger_reading, "read", rows_verified)
    spy(pd, "read_parquet", lambda given: [f"parquet {getattr(given[0], 'name', 'in memory')}"])
    spy(skops.io, "loads", lambda given: [f"model {hash(given[0])}"])
    spy(ModelCard, "read", lambda given: [f"card {given[0]}"])
    spy(snapshot, "measure_maturity", lambda given: ["maturity"])
    spy(context, "plan_windows", lambda given: ["windows"])
    spy(dvc.repo.Repo, "__init__", lambda given: ["repository"])
    return counted


def test_a_retraining_reads_everything_once(run_at, first_champion, calls):
    run = run_at(AFTER_DRIFT)
    _, outcome, _ = play(run)
    assert outcome.moved
    assert {count for what, count in calls.items() if what.startswith("row ")} == {1}
    assert calls["parquet snapshot.parquet"] == 0, "the rows that were just frozen are at hand"
    once = {what: calls[what] for what in ("maturity", "windows", "repository")}
    assert set(once.values()) == {1}, once
    cards = {what: count for what, count in calls.items() if what.startswith("card ")}
    assert (len(cards), set(cards.values())) == (4, {1}), cards  # and that of the moved alias
    stored = {
        f"model {hash(path.read_bytes())}": name
        for name in ("champion", "candidate", "refit/candidate")
        for path in [run.work / name / MODEL_FILE]
    }
    loaded = {stored[what]: count for what, count in calls.items() if what in stored}
    # once more by the alias, for its golden rows
    assert loaded == {"champion": 1, "candidate": 1, "refit/candidate": 2}


def test_a_stage_that_runs_alone_finds_the_same(run_at, second_evidence):
    before, alone = run_at(AFTER_DRIFT), run_at(AFTER_DRIFT)
    assert before.snapshot.fingerprint == alone.snapshot.fingerprint
    pd.testing.assert_frame_equal(before.snapshot.learnable, alone.snapshot.frozen)
    assert before.windows == alone.windows
    assert (before.champion.name, alone.candidate.name) == ("v1", "candidate")
    assert before.anchor.card == alone.champion.card
