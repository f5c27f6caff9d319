"""The verbs as plain functions of a run: flows, the command line and dvc.yaml all call these."""

from typing import TYPE_CHECKING

from kpi_gate.data.snapshot import SNAPSHOT, Snapshot
from kpi_gate.decision.gate import decide as judge_evidence
from kpi_gate.decision.verdict import Decision, Verdict
from kpi_gate.evaluation.evidence_files import read_evidence
from kpi_gate.pipeline.loading import freeze, load_rows
from kpi_gate.pipeline.recording import run_content
from kpi_gate.pipeline.steadiness import require_steady
from kpi_gate.pipeline.ticks import write_tick
from kpi_gate.pipeline.validating import validate_snapshot
from kpi_gate.record.ledger import Entry
from kpi_gate.record.model_files import ModelError
from kpi_gate.release import promotion
from kpi_gate.run.champion import fetch_champion as fetch_champion  # noqa: PLC0414
from kpi_gate.run.context import Run, unknown_name
from kpi_gate.usecase.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from kpi_gate.decision.retrain_rule import Choice
    from kpi_gate.proof.selftest import Bout, SelfTest
    from kpi_gate.watch.context import Watch
    from kpi_gate.watch.result import Watched


def take_snapshot(run: Run) -> Snapshot:
    """Freeze the rows known at `as_of`; the same rows give the same fingerprint.

    Raises:
        Refusal: If there are no rows, or a role column is missing.
        StageMissingError: If `dvc.yaml` does not list the use case.
    """
    stage, stages = run.stage("snapshot"), run.stages
    stages.require(stage)
    rows, taken = load_rows(run), []
    require_steady(run, rows)
    write_tick(run)
    # a database behind load() changes unseen by DVC
    stages.run(stage, lambda: taken.append(freeze(run, rows)), always=True)
    stages.keep_in_remote(stage)
    (snapshot,) = taken
    snapshot.fingerprint = stages.fingerprint(stage, snapshot.path)
    write_tick(run, snapshot.fingerprint)
    run.begin(snapshot)
    return snapshot


def validate(run: Run) -> bool:
    """Refuse rows that break the contract or the expectations; return whether it had to run.

    Raises:
        Refusal: If they do; the bad rows are then in quarantine, with the reason.
    """
    return run.stages.run(run.stage("validate"), lambda: validate_snapshot(run))


def train(run: Run) -> bool:
    """Train the candidate on what lies before the gate window; return whether it had to run.

    Raises:
        Refusal: If there is too little data to train on.
    """
    return run.stages.run(run.stage("train"), lambda: train_on_snapshot(run))


def train_on_snapshot(run: Run) -> None:
    """Train the candidate on the frozen rows, beside the champion.

    Raises:
        Refusal: If there is too little data to train on, or nothing fresh to judge by.
    """
    from kpi_gate.pipeline.fresh_rows import require_fresh_rows
    from kpi_gate.run.candidate import train_candidate

    require_fresh_rows(run)
    rows, frozen = run.snapshot.learnable, run.snapshot.fingerprint
    run.candidate = train_candidate(run, rows, run.windows, run.work / "candidate", frozen)


def compare(run: Run) -> bool:
    """Score candidate, champion and anchor on the same fresh rows; return whether it had to run.

    Raises:
        Refusal: If one of them cannot score.
    """
    return run.stages.run(run.stage("compare"), lambda: compare_on_snapshot(run))


def compare_on_snapshot(run: Run, *, timed: bool = True) -> None:
    """Write the evidence of the frozen rows.

    Args:
        run: The use case and the moment.
        timed: Whether to measure how long both sides take; else they count as equally fast.

    Raises:
        Refusal: If one of them cannot score.
    """
    from kpi_gate.evaluation.comparison import write_evidence
    from kpi_gate.learning.scoring import ScoringError

    models = {"champion": run.champion, "candidate": run.candidate}
    if run.anchor is not None:
        models["anchor"] = run.anchor
    folder = run.work / "evidence"
    try:
        write_evidence(folder, models, run.use_case, run.snapshot, run.windows, timed=timed)
    except KeyError as error:
        raise unknown_name(run, error) from error
    except (ScoringError, ModelError) as error:
        raise Refusal("both_sides_score", str(error)) from error


def decide(run: Run) -> Decision:
    """Judge the evidence of this tick by the objective and what past candidates taught."""
    evidence, history = read_evidence(run.work / "evidence"), run.history
    lineage = evidence.lineage
    first = lineage is not None and lineage.champion.is_baseline
    return judge_evidence(
        evidence,
        run.use_case.settings.gate(),
        history.past_gains(against_baseline=first),
        tick=run.as_of,
        looks=history.past_looks(lineage.window) if lineage is not None else 0,
    )


def record(run: Run, decision: Decision, prefect_run: str = "") -> Entry:
    """Record a decision in MLflow and the ledger; recording it twice changes nothing.

    Raises:
        TrackingError: If MLflow cannot be reached; nothing is recorded then.
        LedgerError: If the ledger cannot be written.
    """
    content, facts = run_content(run, decision, prefect_run)
    return promotion.record(run, decision, content, facts)


def promote(run: Run, entry: Entry, *, proved: bool = False) -> promotion.Outcome:
    """Move the champion's alias if the decision says so; else say that it stays.

    Args:
        run: The use case and the moment.
        entry: The decision.
        proved: Whether the gate must have passed its self-test, as nobody watches a schedule.

    Raises:
        PromotionError: If the evidence is stale by now.
    """
    if entry.body["verdict"] != Verdict.PROMOTE:
        return promotion.Outcome(False, "the champion stays")
    fault = proof_fault(run) if proved else ""
    if fault:
        words = f"{fault}. {entry.body['version']} waits; see `kpi-gate selftest {run.name}`"
        return promotion.Outcome(False, words)
    alarm = run.history.standing_alarm
    if alarm:
        words = f"{entry.body['version']} waits until a look finds nothing severe: {alarm}"
        return promotion.Outcome(False, words)
    return promotion.promote(run, entry)


def settle(run: Run, *, proved: bool = False) -> list[promotion.Outcome]:
    """Read what reviewers said of promotions that wait, before anything new is decided.

    Args:
        run: The use case and the moment.
        proved: Whether the gate must have passed its self-test.
    """
    outcomes = []
    for entry in run.history.pending_reviews:
        try:
            outcomes.append(promote(run, entry, proved=proved))
        except promotion.PromotionError as error:  # voided, and said so in the ledger
            outcomes.append(promotion.Outcome(False, str(error)))
    return outcomes


def monitor(run: Run) -> "Watched":
    """Look at the champion in use, act on what is severe, decide on proposals, and record it.

    Rows that cannot be loaded are a severe finding, and recorded like any other.

    Raises:
        TrackingError: If MLflow cannot be reached; nothing is recorded then.
        LedgerError: If the ledger is broken or cannot be written.
    """
    from kpi_gate.pipeline import respond
    from kpi_gate.watch.look import look, unloadable

    try:
        watch = _watch(run)
    except Refusal as refusal:
        seen = unloadable(run, str(refusal))
    else:
        seen = respond.act(watch, look(watch))
    respond.keep(run, seen)
    return seen


def _watch(run: Run) -> "Watch":
    """Return a look at the champion, in a folder apart: a retraining's files stay as they are.

    Raises:
        Refusal: If the rows cannot be loaded.
    """
    from kpi_gate.watch.context import Watch

    place = run.place.model_copy(update={"root": run.place.home / "monitor"})
    return Watch(run.at(place=place), load_rows(run))


def choose_to_retrain(run: Run) -> "Choice | None":
    """Decide whether a tick of the schedule is followed; None where the calendar rules.

    A choice of the monitor to retrain that nothing has followed yet is followed now.

    Raises:
        Refusal: If the rows cannot be loaded, or the champion cannot be read.
        LedgerError: If the choice cannot be recorded.
    """
    from kpi_gate.decision.retrain_rule import Proposal
    from kpi_gate.pipeline.retrain_choice import choose_now, record_choice
    from kpi_gate.watch.value.challenger import measured_staleness

    if run.use_case.settings.trigger.when == "calendar" or run.history.accepted_choice:
        return None
    watch = _watch(run)
    cost, _ = measured_staleness(watch, watch.quarantined)
    proposals = [Proposal(by="schedule", reason="the schedule is due")]
    alarm = run.history.standing_alarm
    if alarm:
        proposals.append(Proposal(by="health", reason=alarm))
    choice = choose_now(run, proposals, cost, watch.champion.card.contender)
    record_choice(run, choice)
    return choice


def selftest(run: Run, each: "Callable[[Bout], None]" = lambda bout: None) -> "SelfTest":
    """Let adversaries ask the gate for promotion on the newest rows, and record its answers.

    Raises:
        Refusal: If the rows cannot be loaded, or are too few.
        LedgerError: If it cannot be recorded.
    """
    from kpi_gate.proof.harness import newest_moment
    from kpi_gate.proof.record import prove

    rows = load_rows(run)
    return prove(newest_moment(run, rows), rows, each)


def proof_fault(run: Run) -> str:
    """Say why this gate may not promote on a schedule; empty where its self-test is passed.

    A gate whose settings, code or environment are new is tested first.
    """
    from kpi_gate.proof.harness import newest_moment
    from kpi_gate.proof.record import last_proof, page_of, prove

    passed = last_proof(run)
    if passed is None:
        try:
            there = (run.work / SNAPSHOT).exists()
            rows = run.snapshot.frozen if there else load_rows(run)
            passed = prove(newest_moment(run, rows), rows, lambda bout: None).passed
        except Refusal as refusal:
            return f"the gate cannot be tested: {refusal}"
    return "" if passed else f"the gate fails its self-test: see {page_of(run)}"
