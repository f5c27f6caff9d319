"""Moving the alias: intent, move, golden rows, done; stale evidence; approval; rollback."""

import sys
from datetime import UTC, datetime

import pytest
from starts import (
    AFTER_DRIFT,
    LATER,
    champion,
    newest_decision,
    play,
    promoted,
    waiting_for_approval,
)
from typer.testing import CliRunner

from kpi_gate import pipeline
from kpi_gate.cli.app import app
from kpi_gate.record.model_files import MODEL_FILE
from kpi_gate.record.registered import ANCHOR, CHAMPION
from kpi_gate.release import promotion
from kpi_gate.release.promotion import PromotionError

pytestmark = pytest.mark.slow


def kinds(run):
    return [entry.kind for entry in run.ledger.entries()]


def test_evidence_against_another_champion_is_stale(run_at, second_decision):
    entry = newest_decision(run_at())
    assert entry.body["verdict"] == "PROMOTE"
    run_at().registry.point(CHAMPION, "")
    with pytest.raises(PromotionError, match="stale: measured against v1, now there is baseline"):
        promoted(run_at(AFTER_DRIFT), entry)
    assert champion(run_at()) == ""
    assert kinds(run_at())[-2:] == ["intent", "void"]
    assert not promoted(run_at(AFTER_DRIFT), entry).moved, "a voided promotion stays void"


def test_of_two_open_promotions_the_first_in_the_ledger_wins(run_at, second_decision):
    entry = newest_decision(run_at())
    forced = {"version": "v1", "from": "v1", "approved_by": "", "asked_by": "x", "forced": "x"}
    rival = run_at().ledger.entries("toy", "decision")[0]
    run_at().ledger.append("toy", "intent", rival.subject, forced)
    with pytest.raises(PromotionError, match="stale"):
        promoted(run_at(AFTER_DRIFT), entry)
    assert champion(run_at()) == "v1"


def test_a_version_that_scores_its_golden_rows_differently_is_not_promoted(run_at, second_decision):
    entry = newest_decision(run_at())
    stored = sorted(
        (run_at().workspace.home / "artifacts").rglob(MODEL_FILE), key=lambda p: p.stat().st_mtime
    )
    stored[-1].write_bytes(stored[0].read_bytes())
    with pytest.raises(PromotionError, match="golden rows"):
        promoted(run_at(AFTER_DRIFT), entry)
    assert champion(run_at()) == "v1"
    assert kinds(run_at())[-1] == "void"


def test_a_first_version_that_cannot_be_loaded_leaves_the_baseline(run_at, first_decision):
    entry = newest_decision(run_at())
    next((run_at().workspace.home / "artifacts").rglob(MODEL_FILE)).write_bytes(b"half")
    with pytest.raises(PromotionError, match="The champion is baseline"):
        promoted(run_at(), entry)
    assert champion(run_at()) == ""


def test_what_a_crash_left_open_is_finished_or_voided(run_at, first_decision):
    entry = newest_decision(run_at())
    intent = {"version": "v1", "from": "", "approved_by": "", "asked_by": "x", "forced": ""}
    run_at().ledger.append("toy", "intent", entry.subject, intent)
    outcomes = promotion.recover(run_at())
    assert [outcome.moved for outcome in outcomes] == [True]
    assert champion(run_at()) == "v1"
    assert kinds(run_at()) == ["decision", "intent", "done"]
    assert promotion.recover(run_at()) == []


def test_only_a_promote_promotes_unless_a_person_forces_it(run_at, quiet_tick):
    entry = newest_decision(run_at())
    outcome = promoted(run_at(LATER), entry)
    assert entry.body["verdict"] != "PROMOTE"
    assert outcome.words == "the champion stays"
    with pytest.raises(PromotionError, match="nothing to promote"):
        promotion.promote(run_at(), entry)
    forced = promotion.promote(run_at(), entry, forced="the board wants it")
    assert forced.moved
    assert champion(run_at()) == "v2"
    assert run_at().ledger.entries()[-1].body["forced"] == "the board wants it"


def test_an_invalid_decision_cannot_be_forced(run_at):
    entry, _, _ = play(run_at(datetime(2020, 1, 1, tzinfo=UTC)))
    with pytest.raises(PromotionError, match="nothing to promote"):
        promotion.promote(run_at(), entry, forced="please")


def tag(run_at, version, **tags):
    from kpi_gate.record.mlflow_client import client

    with client(run_at().workspace) as mlflow_client:
        for name, value in tags.items():
            mlflow_client.set_model_version_tag("toy", version, name, value)


def test_a_promotion_that_needs_approval_waits_for_the_reviewers_tag(run_at, waiting):
    here, entry = run_at(**waiting_for_approval(run_at)), newest_decision(run_at())
    assert entry.body["verdict"] == "PROMOTE"
    assert "waits for approval" in promoted(here, entry).words
    assert champion(run_at()) == ""
    tag(run_at, "1", approved_by="  ")
    assert "waits for approval" in promoted(here, entry).words
    before = datetime.now(UTC).replace(microsecond=0)
    tag(run_at, "1", approved_by="jane")
    again, outcome, _ = play(here)
    assert again == entry
    assert outcome.moved
    assert champion(run_at()) == "v1"
    for row in run_at().ledger.entries()[-2:]:
        assert row.body["approved_by"] == "jane"
        assert before <= datetime.fromisoformat(row.body["approved_seen_at"]) <= datetime.now(UTC)


def test_a_rejected_promotion_is_given_up_with_the_reviewers_name(run_at, waiting):
    here, entry = run_at(**waiting_for_approval(run_at)), newest_decision(run_at())
    tag(run_at, "1", approved_by="jane", rejected_by="joe", rejected_reason="margins moved")
    outcome = promoted(here, entry)
    assert outcome.words == "the promotion was given up: rejected by joe: margins moved"
    assert champion(run_at()) == ""
    last = run_at().ledger.entries()[-1]
    assert (last.kind, last.body["reason"]) == ("void", "rejected by joe: margins moved")
    assert promoted(here, entry) == outcome
    assert kinds(run_at()) == ["decision", "void"]
    forced = promotion.promote(run_at(), entry, forced="joe is wrong")
    assert not forced.moved, "a rejection stands until its tag is taken away"


def test_a_rejection_reaches_a_promotion_that_a_crash_left_open(run_at, first_decision):
    entry = newest_decision(run_at())
    intent = {"version": "v1", "from": "", "approved_by": "jane", "asked_by": "x", "forced": ""}
    run_at().ledger.append("toy", "intent", entry.subject, intent)
    for alias in (CHAMPION, ANCHOR):
        run_at().registry.point(alias, "v1")
    tag(run_at, "1", rejected_by="joe")
    (outcome,) = promotion.recover(run_at())
    assert "rejected by joe: no reason given" in outcome.words
    assert champion(run_at()) == run_at().registry.version_of(ANCHOR) == ""
    assert kinds(run_at()) == ["decision", "intent", "void"]


@pytest.mark.parametrize("verdict", ["REJECT", "AB_REQUIRED"])
def test_an_approval_lifts_no_other_verdict_than_promote(run_at, verdict, first_decision):
    changes = waiting_for_approval(run_at)
    if verdict == "REJECT":
        rails = run_at().use_case.settings.guardrails
        changes["guardrails"] = (rails[0].model_copy(update={"at_most": 0.01}), *rails[1:])
    else:
        changes["objective"] = changes["objective"].model_copy(update={"kpi_link": "required"})
    entry, outcome, _ = play(run_at(**changes))
    assert entry.body["verdict"] == verdict, entry.body["sentence"]
    tag(run_at, entry.body["version"][1:], approved_by="jane")
    outcome = promoted(run_at(**changes), entry)
    assert outcome.words == "the champion stays"
    with pytest.raises(PromotionError, match="nothing to promote"):
        promotion.promote(run_at(), entry)
    assert champion(run_at()) == ""
    planned = {"experiment_plan"} if verdict == "AB_REQUIRED" else set()
    assert set(kinds(run_at())) == {"decision"} | planned


def test_an_approval_is_read_at_the_next_tick_before_anything_new_is_decided(run_at, waiting):
    next_tick = run_at(LATER, **waiting_for_approval(run_at))
    assert pipeline.apply_reviews(next_tick)[0].words.startswith("v1 waits for approval")
    tag(run_at, "1", approved_by="Ann")
    outcomes = pipeline.apply_reviews(next_tick)
    assert [outcome.moved for outcome in outcomes] == [True]
    assert champion(run_at()) == "v1"
    assert run_at().ledger.entries("toy", "done")[-1].body["approved_by"] == "Ann"
    assert pipeline.apply_reviews(next_tick) == []
    pipeline.take_snapshot(next_tick)
    assert pipeline.fetch_champion(next_tick).name == "v1"


def test_of_two_that_wait_the_approved_one_moves_and_the_other_is_stale(run_at, waiting):
    asked = waiting_for_approval(run_at)
    play(run_at(LATER, **asked))
    waits = [entry.body["version"] for entry in run_at().history.pending_reviews]
    assert waits == ["v1", "v2"]
    tag(run_at, "1", approved_by="Ann")
    pipeline.apply_reviews(run_at(AFTER_DRIFT, **asked))
    assert champion(run_at()) == "v1"
    assert run_at().history.pending_reviews == []


def test_a_rejection_is_read_at_the_next_tick(run_at, waiting):
    tag(run_at, "1", rejected_by="Bob", rejected_reason="too few rows")
    (outcome,) = pipeline.apply_reviews(run_at(LATER, **waiting_for_approval(run_at)))
    assert "rejected by Bob: too few rows" in outcome.words
    assert champion(run_at()) == ""
    assert kinds(run_at())[-1] == "void"


def test_rollback_returns_to_the_champion_before_with_its_reason(run_at, second_champion):
    assert champion(run_at()) == "v2"
    assert promotion.rollback(run_at(), "refunds rose") == "v1"
    assert champion(run_at()) == "v1"
    assert run_at().history.champion == "v1"
    intent, last = run_at().ledger.entries()[-2:]
    assert (intent.kind, last.kind) == ("rollback_intent", "rollback")
    assert last.body["reason"] == intent.body["reason"] == "refunds rose"
    assert promotion.rollback(run_at(), "and again") == ""
    assert champion(run_at()) == ""
    with pytest.raises(PromotionError, match="no promotion to roll back"):
        promotion.rollback(run_at(), "once more")
    with pytest.raises(PromotionError, match="needs a reason"):
        promotion.rollback(run_at(), " ")


def test_after_a_rollback_the_same_tick_does_not_promote_again_by_itself(run_at, second_champion):
    promotion.rollback(run_at(), "refunds rose")
    _, outcome, trained = play(run_at(AFTER_DRIFT))
    assert not outcome.moved
    assert not trained
    assert outcome.words.startswith("nothing was promoted: v2 was rolled back on ")
    assert ": refunds rose; retrain, or give --force with a --reason" in outcome.words
    answer = CliRunner().invoke(app, ["promote", "toy"])
    assert (answer.exit_code, answer.output) == (1, f"toy: {outcome.words}.\n")
    assert champion(run_at()) == "v1"
    last = run_at().ledger.entries("toy", "decision")[-1]
    assert promotion.promote(run_at(), last, forced="refunds were a bug").moved
    assert champion(run_at()) == "v2"
    assert promotion.rollback(run_at(), "they were not") == "v1"
    assert champion(run_at()) == "v1"


def test_an_alias_moved_by_hand_is_not_rolled_over(run_at, quiet_tick):
    run_at().registry.point(CHAMPION, "v2")
    with pytest.raises(PromotionError, match="moved the alias by hand"):
        promotion.rollback(run_at(), "why not")


def test_a_lost_alias_is_put_back_by_a_rollback(run_at, second_champion):
    run_at().registry.point(CHAMPION, "")
    assert promotion.rollback(run_at(), "the registry lost it") == "v1"
    assert champion(run_at()) == "v1"


def test_a_rollback_passes_over_what_cannot_be_loaded(run_at, second_champion):
    stored = sorted(
        (run_at().workspace.home / "artifacts").rglob(MODEL_FILE), key=lambda p: p.stat().st_mtime
    )
    stored[0].write_bytes(b"half")
    assert promotion.rollback(run_at(), "refunds rose") == ""
    assert champion(run_at()) == ""
    (passed_over,) = run_at().ledger.entries()[-1].body["passed_over"]
    assert passed_over.startswith("v1: its golden rows cannot be scored: ")


def test_a_champion_that_was_put_in_by_hand_is_refused_until_it_is_put_back(run_at, quiet_tick):
    run_at().registry.point(CHAMPION, "v2")
    entry, outcome, _ = play(run_at(LATER))
    assert entry.body["verdict"] == "INVALID"
    assert "toy@champion is v2 in MLflow, the ledger's is v1" in entry.body["sentence"]
    assert not outcome.moved
    run_at().registry.point(CHAMPION, "v1")
    assert pipeline.fetch_champion(run_at(LATER)).name == "v1"


@pytest.mark.parametrize("alias", ["v2", "v1", ""])
def test_a_rollback_that_a_crash_left_open_is_finished(run_at, alias, second_champion):
    entry = newest_decision(run_at())
    body = {"version": "v1", "from": "v2", "reason": "refunds rose", "asked_by": "jane"}
    run_at().ledger.append("toy", "rollback_intent", entry.subject, body)
    run_at().registry.point(CHAMPION, alias)
    (outcome,) = promotion.recover(run_at())
    assert outcome.words == "v1 is champion again, after v2"
    assert champion(run_at()) == "v1"
    assert kinds(run_at())[-2:] == ["rollback_intent", "rollback"]
    assert promotion.recover(run_at()) == []


def test_a_rollback_left_open_is_given_up_where_the_alias_was_moved(run_at, second_champion):
    entry = newest_decision(run_at())
    body = {"version": "", "from": "v1", "reason": "refunds rose", "asked_by": "jane"}
    run_at().ledger.append("toy", "rollback_intent", entry.subject, body)
    (outcome,) = promotion.recover(run_at())
    assert "stale: begun at v1, now there is v2" in outcome.words
    assert champion(run_at()) == "v2"
    assert kinds(run_at())[-2:] == ["rollback_intent", "rollback_void"]
    assert "promoted by this decision before" in play(run_at(AFTER_DRIFT))[1].words
    assert promotion.rollback(run_at(), "refunds rose") == "v1"


def test_a_promotion_needs_nothing_of_a_server(run_at, first_decision, monkeypatch):
    monkeypatch.setitem(sys.modules, "kpi_gate.serving.export", None)  # as without kpi-gate[serve]
    made = newest_decision(run_at())
    assert promotion.promote(run_at(), made).moved
    last = run_at().history.of_kind("done")[-1]
    assert "export" not in last.body
    assert "kpi_gate.serving.export" in last.body["not_exported"]
