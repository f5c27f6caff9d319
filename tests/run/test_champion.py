"""Freezing who is in use: the ledger knows the champion and the anchor, MLflow must agree."""

import pytest
from starts import AFTER_DRIFT, LATER, champion, play

from kpi_gate import pipeline
from kpi_gate.record.ledger import LedgerError
from kpi_gate.record.model_files import MODEL_FILE
from kpi_gate.record.registered import ANCHOR
from kpi_gate.release import promotion
from kpi_gate.release.promotion import PromotionError
from kpi_gate.usecase.refusal import Refusal

pytestmark = pytest.mark.slow


def anchor(run):
    return run.registry.version_of(ANCHOR)


def test_reanchoring_is_a_recorded_act(run_at, second_champion):
    assert (champion(run_at()), anchor(run_at())) == ("v2", "v1")
    assert promotion.reanchor(run_at(), "a new year's budget") == "v2"
    assert anchor(run_at()) == "v2"
    intent, last = run_at().ledger.entries()[-2:]
    assert (intent.kind, last.kind) == ("anchor_intent", "anchor")
    assert (last.body["version"], last.body["from"]) == ("v2", "v1")
    assert last.body["reason"] == "a new year's budget"
    assert "@" in last.body["asked_by"]
    assert run_at().history.anchor == "v2"
    pipeline.take_snapshot(run_at(AFTER_DRIFT))
    assert pipeline.fetch_champion(run_at(AFTER_DRIFT)).name == "v2"
    assert (run_at().work / "champion/anchor" / MODEL_FILE).exists()


def test_an_anchor_moved_by_hand_is_refused_until_it_is_recorded(run_at, second_champion):
    run_at().registry.point(ANCHOR, "v2")
    with pytest.raises(Refusal, match=r"toy@anchor is v2 in MLflow.*v1.*realign toy") as refusal:
        pipeline.fetch_champion(run_at())
    assert refusal.value.check == "anchor_recorded"
    assert refusal.value.verdict == "INVALID"
    run_at().registry.point(ANCHOR, "v1")
    pipeline.fetch_champion(run_at())
    run_at().registry.point(ANCHOR, "v2")
    promotion.reanchor(run_at(), "it was meant")
    pipeline.fetch_champion(run_at())


def test_a_lost_anchor_is_not_replaced_by_the_next_promotion(run_at, first_champion):
    run_at().registry.point(ANCHOR, "")
    with pytest.raises(Refusal, match="has no toy@anchor, the ledger released v1"):
        pipeline.fetch_champion(run_at())
    promotion.rollback(run_at(), "back to the baseline")
    entry = run_at().ledger.entries("toy", "decision")[-1]
    assert promotion.promote(run_at(), entry, forced="on again").moved
    assert anchor(run_at()) == ""


def test_a_ledger_begun_anew_does_not_hide_behind_mlflows_aliases(run_at, first_champion):
    run_at().ledger.entries()  # this home remembers it
    (run_at().workspace.home / "ledger.db").unlink()
    with pytest.raises(LedgerError, match=r"verified before with hash .* is missing"):
        play(run_at(LATER))
    for path in run_at().workspace.home.glob("ledger-*"):  # on another machine nothing remembers it
        path.unlink()
    entry, outcome, _ = play(run_at(LATER))
    assert entry.body["verdict"] == "INVALID"
    assert "toy@champion is v1 in MLflow, the ledger's is none" in entry.body["sentence"]
    assert not outcome.moved


@pytest.mark.parametrize("moved", ["v1", "v2"])
def test_a_reanchoring_that_a_crash_left_open_is_finished(run_at, moved, second_champion):
    subject = run_at().ledger.entries("toy", "decision")[-1].subject
    body = {"version": "v2", "from": "v1", "reason": "x", "asked_by": "jane"}
    run_at().ledger.append("toy", "anchor_intent", subject, body)
    run_at().registry.point(ANCHOR, moved)
    (outcome,) = promotion.recover(run_at())
    assert outcome.words == "v2 is the anchor now, after v1"
    assert anchor(run_at()) == "v2"
    assert run_at().ledger.entries()[-1].kind == "anchor"


def test_what_cannot_be_the_anchor(run_at):
    with pytest.raises(PromotionError, match="needs a reason"):
        promotion.reanchor(run_at(), " ")
    with pytest.raises(PromotionError, match="no champion to anchor to"):
        promotion.reanchor(run_at(), "x")


def test_a_champion_that_cannot_be_loaded_cannot_be_the_anchor(run_at, first_champion):
    next((run_at().workspace.home / "artifacts").rglob(MODEL_FILE)).write_bytes(b"half")
    with pytest.raises(PromotionError, match="v1 cannot be the anchor"):
        promotion.reanchor(run_at(), "x")
    assert run_at().ledger.entries()[-1].kind == "done"
