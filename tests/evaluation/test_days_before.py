"""Days before the gate window, as a retraining reads them."""

import numpy as np
import pandas as pd
import pytest
from starts import AFTER_DRIFT

from kpi_gate import pipeline
from kpi_gate.decision.stats.day_history import LONG
from kpi_gate.evaluation import days_before
from kpi_gate.evaluation.evidence_files import read_evidence

pytestmark = pytest.mark.slow


def test_a_retraining_learns_how_days_stray_before_its_window(run_at, second_evidence, monkeypatch):
    run = run_at(AFTER_DRIFT)
    evidence = read_evidence(run.work / "evidence")
    history, window = evidence.history, run.windows.gate
    assert history.is_long
    assert history.fault() == ""
    first_of_window = int(pd.Timestamp(window.start).timestamp() // 86_400)
    assert history.days[-1] < first_of_window <= evidence.rows.day.min()
    assert np.count_nonzero(history.sums) > 0
    decision = pipeline.decide(run)
    assert "days before the window" in next(
        check.reason for check in decision.checks if check.name == "day_history"
    )
    models = {"champion": run.champion, "candidate": run.candidate}
    asked = (models, run.use_case, run.snapshot.learnable, run.windows, 0.5)
    again = days_before.days_before(*asked)
    assert np.array_equal(again.sums, history.sums)
    monkeypatch.setattr(days_before, "MOST_ROWS", int(history.rows[-LONG + 1 :].sum()))
    assert days_before.days_before(*asked) is None
