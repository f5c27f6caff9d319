"""Moving the alias: intent, move, golden rows, done; stale evidence; approval; rollback."""

from datetime import UTC, datetime

import pytest
from test_steps import AFTER_DRIFT, LATER, champion, play
from typer.testing import CliRunner

from kpi_gate import promotion, releases, steps
from kpi_gate.cli import app
from kpi_gate.promotion import PromotionError
from kpi_gate.stores import registry
from kpi_gate.stores.models import MODEL_FILE

pytestmark = pytest.mark.slow


def kinds(job):
    return [entry.kind for entry in job.ledger.entries()]


def decided(job):
    """Do everything but promote."""
    found = steps.snapshot(job)
    steps.freeze_champion(job)
    steps.validate(job)
    steps.train(job)
    steps.compare(job)
    return steps.record(job, steps.decide(job), found)


def test_evidence_against_another_champion_is_stale(job, first_champion):
    entry = decided(job(AFTER_DRIFT))
    assert entry.body["verdict"] == "PROMOTE"
    registry.point(job().place, "toy", registry.CHAMPION, "")
    with pytest.raises(PromotionError, match="stale: measured against v1, now there is baseline"):
        steps.promote(job(AFTER_DRIFT), entry)
    assert champion(job()) == ""
    assert kinds(job())[-2:] == ["intent", "void"]
    assert not steps.promote(job(AFTER_DRIFT), entry).moved, "a voided promotion stays void"


def test_of_two_open_promotions_the_first_in_the_ledger_wins(job, first_champion):
    entry = decided(job(AFTER_DRIFT))
    forced = {"version": "v1", "from": "v1", "approved_by": "", "asked_by": "x", "forced": "x"}
    rival = job().ledger.entries("toy", "decision")[0]
    job().ledger.append("toy", "intent", rival.subject, forced)
    with pytest.raises(PromotionError, match="stale"):
        steps.promote(job(AFTER_DRIFT), entry)
    assert champion(job()) == "1"


def test_a_version_that_scores_its_golden_rows_differently_is_not_promoted(job, first_champion):
    entry = decided(job(AFTER_DRIFT))
    stored = sorted(
        (job().place.home / "artifacts").rglob(MODEL_FILE), key=lambda p: p.stat().st_mtime
    )
    stored[-1].write_bytes(stored[0].read_bytes())
    with pytest.raises(PromotionError, match="golden rows"):
        steps.promote(job(AFTER_DRIFT), entry)
    assert champion(job()) == "1"
    assert kinds(job())[-1] == "void"


def test_a_first_version_that_cannot_be_loaded_leaves_the_baseline(job):
    entry = decided(job())
    next((job().place.home / "artifacts").rglob(MODEL_FILE)).write_bytes(b"half")
    with pytest.raises(PromotionError, match="The champion is baseline"):
        steps.promote(job(), entry)
    assert champion(job()) == ""


def test_what_a_crash_left_open_is_finished_or_voided(job):
    entry = decided(job())
    intent = {"version": "v1", "from": "", "approved_by": "", "asked_by": "x", "forced": ""}
    job().ledger.append("toy", "intent", entry.subject, intent)
    outcomes = promotion.heal(job().place, "toy")
    assert [outcome.moved for outcome in outcomes] == [True]
    assert champion(job()) == "1"
    assert kinds(job()) == ["decision", "intent", "done"]
    assert promotion.heal(job().place, "toy") == []


def test_only_a_promote_promotes_unless_a_person_forces_it(job, first_champion):
    entry, outcome, _ = play(job(LATER))
    assert entry.body["verdict"] != "PROMOTE"
    assert outcome.words == "the champion stays"
    with pytest.raises(PromotionError, match="nothing to promote"):
        promotion.promote(job().place, entry)
    forced = promotion.promote(job().place, entry, forced="the board wants it")
    assert forced.moved
    assert champion(job()) == "2"
    assert job().ledger.entries()[-1].body["forced"] == "the board wants it"


def test_an_invalid_decision_cannot_be_forced(job):
    entry, _, _ = play(job(datetime(2020, 1, 1, tzinfo=UTC)))
    with pytest.raises(PromotionError, match="nothing to promote"):
        promotion.promote(job().place, entry, forced="please")


def needs_approval(job):
    return job().use_case.settings.objective.model_copy(update={"approval": "required"})


def tag(job, version, **tags):
    from kpi_gate.stores.tracking import client

    with client(job().place) as mlflow_client:
        for name, value in tags.items():
            mlflow_client.set_model_version_tag("toy", version, name, value)


def test_a_promotion_that_needs_approval_waits_for_the_reviewers_tag(job):
    objective = needs_approval(job)
    entry, outcome, _ = play(job(objective=objective))
    assert entry.body["verdict"] == "PROMOTE"
    assert "waits for approval" in outcome.words
    assert champion(job()) == ""
    tag(job, "1", approved_by="  ")
    assert "waits for approval" in play(job(objective=objective))[1].words
    before = datetime.now(UTC).replace(microsecond=0)
    tag(job, "1", approved_by="jane")
    again, outcome, _ = play(job(objective=objective))
    assert again == entry
    assert outcome.moved
    assert champion(job()) == "1"
    for row in job().ledger.entries()[-2:]:
        assert row.body["approved_by"] == "jane"
        assert before <= datetime.fromisoformat(row.body["approved_seen_at"]) <= datetime.now(UTC)


def test_a_rejected_promotion_is_given_up_with_the_reviewers_name(job):
    objective = needs_approval(job)
    entry, _, _ = play(job(objective=objective))
    tag(job, "1", approved_by="jane", rejected_by="joe", rejected_reason="margins moved")
    _, outcome, _ = play(job(objective=objective))
    assert outcome.words == "the promotion was given up: rejected by joe: margins moved"
    assert champion(job()) == ""
    last = job().ledger.entries()[-1]
    assert (last.kind, last.body["reason"]) == ("void", "rejected by joe: margins moved")
    assert play(job(objective=objective))[1] == outcome
    assert kinds(job()) == ["decision", "void"]
    forced = promotion.promote(job().place, entry, forced="joe is wrong")
    assert not forced.moved, "a rejection stands until its tag is taken away"


def test_a_rejection_reaches_a_promotion_that_a_crash_left_open(job):
    entry = decided(job())
    intent = {"version": "v1", "from": "", "approved_by": "jane", "asked_by": "x", "forced": ""}
    job().ledger.append("toy", "intent", entry.subject, intent)
    for alias in (registry.CHAMPION, registry.ANCHOR):
        registry.point(job().place, "toy", alias, "1")
    tag(job, "1", rejected_by="joe")
    (outcome,) = promotion.heal(job().place, "toy")
    assert "rejected by joe: no reason given" in outcome.words
    assert [champion(job()), registry.version_of(job().place, "toy", registry.ANCHOR)] == ["", ""]
    assert kinds(job()) == ["decision", "intent", "void"]


@pytest.mark.parametrize("verdict", ["REJECT", "AB_REQUIRED"])
def test_an_approval_lifts_no_other_verdict_than_promote(job, verdict):
    changes = {"objective": needs_approval(job)}
    if verdict == "REJECT":
        rails = job().use_case.settings.guardrails
        changes["guardrails"] = (rails[0].model_copy(update={"at_most": 0.01}), *rails[1:])
    else:
        changes["objective"] = changes["objective"].model_copy(update={"kpi_link": "required"})
    entry, outcome, _ = play(job(**changes))
    assert entry.body["verdict"] == verdict, entry.body["sentence"]
    tag(job, "1", approved_by="jane")
    _, outcome, _ = play(job(**changes))
    assert outcome.words == "the champion stays"
    with pytest.raises(PromotionError, match="nothing to promote"):
        promotion.promote(job().place, entry)
    assert champion(job()) == ""
    assert set(kinds(job())) == {"decision"}


def tagged(job, version, **tags):
    from kpi_gate.stores.tracking import client

    with client(job.place) as mlflow_client:
        for name, value in tags.items():
            mlflow_client.set_model_version_tag("toy", version, name, value)


def test_an_approval_is_read_at_the_next_tick_before_anything_new_is_decided(job):
    asked = job().use_case.settings.objective.model_copy(update={"approval": "required"})
    play(job(objective=asked))
    assert steps.settle(job(LATER, objective=asked))[0].words.startswith("v1 waits for approval")
    tagged(job(), "1", approved_by="Ann")
    outcomes = steps.settle(job(LATER, objective=asked))
    assert [outcome.moved for outcome in outcomes] == [True]
    assert champion(job()) == "1"
    assert job().ledger.entries("toy", "done")[-1].body["approved_by"] == "Ann"
    assert steps.settle(job(LATER, objective=asked)) == []
    entry, _, _ = play(job(LATER, objective=asked))
    assert entry.body["champion"] == "v1"


def test_of_two_that_wait_the_approved_one_moves_and_the_other_is_stale(job):
    asked = job().use_case.settings.objective.model_copy(update={"approval": "required"})
    play(job(objective=asked))
    play(job(LATER, objective=asked))
    waits = [entry.body["version"] for entry in promotion.waiting(job().place, "toy")]
    assert waits == ["v1", "v2"]
    tagged(job(), "1", approved_by="Ann")
    steps.settle(job(AFTER_DRIFT, objective=asked))
    assert champion(job()) == "1"
    assert promotion.waiting(job().place, "toy") == []


def test_a_rejection_is_read_at_the_next_tick(job):
    asked = job().use_case.settings.objective.model_copy(update={"approval": "required"})
    play(job(objective=asked))
    tagged(job(), "1", rejected_by="Bob", rejected_reason="too few rows")
    (outcome,) = steps.settle(job(LATER, objective=asked))
    assert "rejected by Bob: too few rows" in outcome.words
    assert champion(job()) == ""
    assert kinds(job())[-1] == "void"


def test_rollback_returns_to_the_champion_before_with_its_reason(job, second_champion):
    assert champion(job()) == "2"
    assert promotion.rollback(job().place, "toy", "refunds rose") == "v1"
    assert champion(job()) == "1"
    assert releases.read(job().ledger.entries("toy")).champion == "v1"
    intent, last = job().ledger.entries()[-2:]
    assert (intent.kind, last.kind) == ("rollback_intent", "rollback")
    assert last.body["reason"] == intent.body["reason"] == "refunds rose"
    assert promotion.rollback(job().place, "toy", "and again") == ""
    assert champion(job()) == ""
    with pytest.raises(PromotionError, match="no promotion to roll back"):
        promotion.rollback(job().place, "toy", "once more")
    with pytest.raises(PromotionError, match="needs a reason"):
        promotion.rollback(job().place, "toy", " ")


def test_after_a_rollback_the_same_tick_does_not_promote_again_by_itself(job, second_champion):
    promotion.rollback(job().place, "toy", "refunds rose")
    _, outcome, trained = play(job(AFTER_DRIFT))
    assert not outcome.moved
    assert not trained
    assert outcome.words.startswith("nothing was promoted: v2 was rolled back on ")
    assert ": refunds rose; retrain, or give --force with a --reason" in outcome.words
    answer = CliRunner().invoke(app, ["promote", "toy"])
    assert (answer.exit_code, answer.output) == (1, f"toy: {outcome.words}.\n")
    assert champion(job()) == "1"
    last = job().ledger.entries("toy", "decision")[-1]
    assert promotion.promote(job().place, last, forced="refunds were a bug").moved
    assert champion(job()) == "2"
    assert promotion.rollback(job().place, "toy", "they were not") == "v1"
    assert champion(job()) == "1"


def test_an_alias_moved_by_hand_is_not_rolled_over(job, first_champion):
    play(job(LATER))
    registry.point(job().place, "toy", registry.CHAMPION, "2")
    with pytest.raises(PromotionError, match="moved the alias by hand"):
        promotion.rollback(job().place, "toy", "why not")


def test_a_lost_alias_is_put_back_by_a_rollback(job, second_champion):
    registry.point(job().place, "toy", registry.CHAMPION, "")
    assert promotion.rollback(job().place, "toy", "the registry lost it") == "v1"
    assert champion(job()) == "1"


def test_a_rollback_passes_over_what_cannot_be_loaded(job, second_champion):
    stored = sorted(
        (job().place.home / "artifacts").rglob(MODEL_FILE), key=lambda p: p.stat().st_mtime
    )
    stored[0].write_bytes(b"half")
    assert promotion.rollback(job().place, "toy", "refunds rose") == ""
    assert champion(job()) == ""
    (passed_over,) = job().ledger.entries()[-1].body["passed_over"]
    assert passed_over.startswith("v1: its golden rows cannot be scored: ")


def test_a_champion_that_was_put_in_by_hand_is_refused_until_it_is_put_back(job, first_champion):
    play(job(LATER))
    play(job(AFTER_DRIFT))
    assert champion(job()) == "3"
    registry.point(job().place, "toy", registry.CHAMPION, "2")
    entry, outcome, _ = play(job(AFTER_DRIFT))
    assert entry.body["verdict"] == "INVALID"
    assert "toy@champion is v2 in MLflow, the ledger's is v3" in entry.body["sentence"]
    assert not outcome.moved
    registry.point(job().place, "toy", registry.CHAMPION, "3")
    assert steps.freeze_champion(job(AFTER_DRIFT)).contender.name == "v3"


@pytest.mark.parametrize("alias", ["2", "1", ""])
def test_a_rollback_that_a_crash_left_open_is_finished(job, alias, first_champion):
    entry, _, _ = play(job(AFTER_DRIFT))
    body = {"version": "v1", "from": "v2", "reason": "refunds rose", "asked_by": "jane"}
    job().ledger.append("toy", "rollback_intent", entry.subject, body)
    registry.point(job().place, "toy", registry.CHAMPION, alias)
    (outcome,) = promotion.heal(job().place, "toy")
    assert outcome.words == "v1 is champion again, after v2"
    assert champion(job()) == "1"
    assert kinds(job())[-2:] == ["rollback_intent", "rollback"]
    assert promotion.heal(job().place, "toy") == []


def test_a_rollback_left_open_is_given_up_where_somebody_moved_the_alias_on(job, first_champion):
    entry, _, _ = play(job(AFTER_DRIFT))
    body = {"version": "", "from": "v1", "reason": "refunds rose", "asked_by": "jane"}
    job().ledger.append("toy", "rollback_intent", entry.subject, body)
    (outcome,) = promotion.heal(job().place, "toy")
    assert "stale: begun at v1, now there is v2" in outcome.words
    assert champion(job()) == "2"
    assert kinds(job())[-2:] == ["rollback_intent", "rollback_void"]
    assert "promoted by this decision before" in play(job(AFTER_DRIFT))[1].words
    assert promotion.rollback(job().place, "toy", "refunds rose") == "v1"
