"""What is promoted is the recipe that was measured, fitted again on all that is mature."""

import json

import numpy as np
import pytest
from starts import AFTER_DRIFT, FIRST_TICK, champion, compared, newest_decision, play, refitting

from kpi_gate import pipeline
from kpi_gate.learning.scoring import row_keys
from kpi_gate.pipeline.refit import MARK

pytestmark = pytest.mark.slow


def judged(run):
    """Run the verbs until the verdict."""
    pipeline.take_snapshot(run)
    compared(run)
    pipeline.decide(run)
    return run


@pytest.mark.parametrize("how", ["after_gate", "averaged"])
def test_a_refit_that_agrees_is_promoted_and_the_twin_stays_on_record(how, run_at, tmp_path):
    run = run_at(**refitting(run_at, refit=how))
    entry, outcome, _ = play(run)
    refit, window = run.decision.refit, run.decision.lineage.window
    assert (outcome.moved, champion(run)) == (True, "v1")
    assert refit.agrees, refit.checks
    assert refit.measured == run.decision.lineage.candidate.digest != refit.refitted
    used = run.fetch("v1", tmp_path / "v1")
    assert used.card.contender.digest == refit.promoted == refit.refitted
    assert used.card.contender.trained_until == used.card.contender.tuned_until == window.end
    rows = run.snapshot.learnable
    mature = rows[rows["event_time"] < window.end]
    assert np.isin(used.row_keys, row_keys(mature)).all()
    assert np.isin(row_keys(mature.tail(300)), used.row_keys).all(), "the newest are among them"
    later = run_at(AFTER_DRIFT, **refitting(run_at))
    pipeline.take_snapshot(later)
    pipeline.fetch_champion(later)
    assert later.windows.gate.start >= window.end
    (path,) = run.workspace.home.rglob("decision/provenance.json")
    told = json.loads(path.read_text(encoding="utf-8"))
    assert (told["measured_as"], told["promoted_as"]) == (refit.measured, refit.promoted)
    for told in (run.decision.to_html(), run.decision.to_markdown(), run.decision.to_text()):
        words = " ".join(told.split())
        assert f"measured as {refit.measured}, promoted as {refit.promoted}" in words
    files = entry.body["replay"]["files"]
    assert files["refit/candidate/model.skops"] != files["candidate/model.skops"]


def test_a_refit_that_differs_is_not_promoted_and_the_page_says_why(run_at, tmp_path):
    run = run_at(**refitting(run_at, refit_may_change=1e-9))
    play(run)
    refit = run.decision.refit
    assert [check.name for check in refit.checks if check.failed] == ["decisions"]
    assert run.fetch("v1", tmp_path / "v1").card.contender.digest == refit.measured
    assert "of the decisions differ from the twin&#39;s" in run.decision.to_html()
    assert newest_decision(run).body["decision"]["refit"]["promoted"] == refit.measured


def test_it_is_fitted_once_and_always_the_same(run_at):
    run = judged(run_at(FIRST_TICK, **refitting(run_at)))
    before = pipeline.refit(run).refit
    mark = run.work / "refit" / MARK
    written = (run.work / "refit/candidate/model.skops").stat().st_mtime_ns
    assert pipeline.refit(run).refit == before
    assert (run.work / "refit/candidate/model.skops").stat().st_mtime_ns == written
    mark.unlink()  # as a kill leaves it
    assert pipeline.refit(run).refit.promoted == before.promoted
    assert (run.work / "refit/candidate/model.skops").stat().st_mtime_ns > written


def test_nothing_is_fitted_again_where_the_settings_say_so(run_at):
    run = judged(run_at(**refitting(run_at, refit="never")))
    assert (run.decision.verdict, pipeline.refit(run).refit) == ("PROMOTE", None)
    assert run.to_promote.folder == run.work / "candidate"
