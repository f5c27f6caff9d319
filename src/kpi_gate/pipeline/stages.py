"""The verbs as plain functions of a run: flows, the command line and dvc.yaml all call these."""

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from kpi_gate.decision.gate import decide as judge_evidence
from kpi_gate.decision.verdict import Decision, Verdict
from kpi_gate.evaluation.evidence_files import read_evidence
from kpi_gate.pipeline.loading import load_rows, write_rows
from kpi_gate.pipeline.recording import past_gains, past_looks, run_content
from kpi_gate.pipeline.steadiness import require_steady
from kpi_gate.pipeline.ticks import read_learnable, write_tick
from kpi_gate.pipeline.validating import validate_snapshot
from kpi_gate.record import dvc_stages
from kpi_gate.record.dvc_stages import Snapshot
from kpi_gate.record.ledger import Entry
from kpi_gate.record.model_files import ModelError
from kpi_gate.release import promotion, quarantine
from kpi_gate.run.alarms import standing_alarm
from kpi_gate.run.champion import freeze_champion as freeze_champion  # noqa: PLC0414
from kpi_gate.run.context import Refusal, Run, plan, read_snapshot, unknown_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from kpi_gate.decision.retrain_rule import Choice
    from kpi_gate.proof.selftest import Bout, SelfTest
    from kpi_gate.watch.context import Watch
    from kpi_gate.watch.result import Watched


def snapshot(run: Run) -> Snapshot:
    """Freeze the rows known at `as_of`; the same rows give the same fingerprint.

    Raises:
        Refusal: If there are no rows, or a role column is missing.
        StageMissingError: If `dvc.yaml` does not list the use case.
    """
    path = run.work / "snapshot.parquet"
    dvc_stages.require_stage(run.place.root, run.stage("snapshot"))
    rows = load_rows(run)
    require_steady(run, rows)
    write_tick(run)
    dvc_stages.run_stage(
        run.place.root,
        run.stage("snapshot"),
        lambda: write_rows(run, rows, path),
        always=True,  # a database behind load() changes unseen by DVC
    )
    dvc_stages.keep_in_remote(run.place.root, run.stage("snapshot"))
    found = dvc_stages.fingerprint(run.place.root, run.stage("snapshot"), path)
    write_tick(run, found)
    return Snapshot(run.name, run.as_of, len(rows), found, path)


def validate(run: Run) -> bool:
    """Refuse rows that break the contract or the expectations; return whether it had to run.

    Raises:
        Refusal: If they do; the bad rows are then in quarantine, with the reason.
    """
    work = partial(validate_snapshot, run)
    return dvc_stages.run_stage(run.place.root, run.stage("validate"), work)


def train(run: Run) -> bool:
    """Train the candidate on what lies before the gate window; return whether it had to run.

    Raises:
        Refusal: If there is too little data to train on.
    """
    work = partial(_on_snapshot, run, train_on_snapshot)
    return dvc_stages.run_stage(run.place.root, run.stage("train"), work)


def _on_snapshot(run: Run, work: "Callable[[Run, str], None]") -> None:
    path = run.work / "snapshot.parquet"
    work(run, dvc_stages.fingerprint(run.place.root, run.stage("snapshot"), path))


def train_on_snapshot(run: Run, frozen: str) -> None:
    """Train the candidate on the frozen rows, whose fingerprint is `frozen`, beside the champion.

    Raises:
        Refusal: If there is too little data to train on, or nothing fresh to judge by.
    """
    from kpi_gate.pipeline.fresh_rows import require_fresh_rows
    from kpi_gate.run.candidate import train_candidate

    rows = read_learnable(run)
    windows = plan(run, rows)
    require_fresh_rows(run, rows, windows)
    train_candidate(run, rows, windows, run.work / "candidate", frozen)


def compare(run: Run) -> bool:
    """Score candidate, champion and anchor on the same fresh rows; return whether it had to run.

    Raises:
        Refusal: If one of them cannot score.
    """
    work = partial(_on_snapshot, run, compare_on_snapshot)
    return dvc_stages.run_stage(run.place.root, run.stage("compare"), work)


def compare_on_snapshot(run: Run, frozen: str, *, timed: bool = True) -> None:
    """Write the evidence of the frozen rows, whose fingerprint is `frozen`.

    Args:
        run: The use case and the moment.
        frozen: Fingerprint of the snapshot.
        timed: Whether to measure how long both sides take; else they count as equally fast.

    Raises:
        Refusal: If one of them cannot score.
    """
    from kpi_gate.evaluation import comparison
    from kpi_gate.learning.scoring import ScoringError

    rows = read_learnable(run)
    windows = plan(run, rows)
    try:
        comparison.write_evidence(
            run.work, run.use_case, rows, windows, run.as_of, frozen, timed=timed
        )
    except KeyError as error:
        raise unknown_name(run, error) from error
    except (ScoringError, ModelError) as error:
        raise Refusal("both_sides_score", str(error)) from error


def decide(run: Run) -> Decision:
    """Judge the evidence of this tick by the objective and what past candidates taught."""
    evidence = read_evidence(run.work / "evidence")
    return judge_evidence(
        evidence,
        run.use_case.settings.gate(),
        past_gains(run, evidence),
        tick=run.as_of,
        looks=past_looks(run, evidence),
    )


def record(run: Run, decision: Decision, found: Snapshot | None, prefect_run: str = "") -> Entry:
    """Record a decision in MLflow and the ledger; recording it twice changes nothing.

    Raises:
        TrackingError: If MLflow cannot be reached; nothing is recorded then.
        LedgerError: If the ledger cannot be written.
    """
    content, facts = run_content(run, decision, found, prefect_run)
    return promotion.record(run.place, run.name, decision, content, facts)


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
    alarm = standing_alarm(run)
    if alarm:
        words = f"{entry.body['version']} waits until a look finds nothing severe: {alarm}"
        return promotion.Outcome(False, words)
    return promotion.promote(run.place, entry)


def settle(run: Run, *, proved: bool = False) -> list[promotion.Outcome]:
    """Read what reviewers said of promotions that wait, before anything new is decided.

    Args:
        run: The use case and the moment.
        proved: Whether the gate must have passed its self-test.
    """
    outcomes = []
    for entry in promotion.waiting(run.place, run.name):
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
    return Watch(replace(run, place=place), load_rows(run), quarantine.quarantined(run))


def choose_to_retrain(run: Run) -> "Choice | None":
    """Decide whether a tick of the schedule is followed; None where the calendar rules.

    A choice of the monitor to retrain that nothing has followed yet is followed now.

    Raises:
        Refusal: If the rows cannot be loaded, or the champion cannot be read.
        LedgerError: If the choice cannot be recorded.
    """
    from kpi_gate.decision.retrain_rule import Proposal
    from kpi_gate.pipeline.retrain_choice import accepted, choose_now, record_choice
    from kpi_gate.watch.value.overview import staleness

    if run.use_case.settings.trigger.when == "calendar" or accepted(run) is not None:
        return None
    watch = _watch(run)
    cost = staleness(watch, watch.quarantined).staleness
    proposals = [Proposal(by="schedule", reason="the schedule is due")]
    alarm = standing_alarm(run)
    if alarm:
        proposals.append(Proposal(by="health", reason=alarm))
    choice = choose_now(run, proposals, cost, watch.champion.contender)
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
            frozen = (run.work / "snapshot.parquet").exists()
            rows = read_snapshot(run) if frozen else load_rows(run)
            passed = prove(newest_moment(run, rows), rows, lambda bout: None).passed
        except Refusal as refusal:
            return f"the gate cannot be tested: {refusal}"
    return "" if passed else f"the gate fails its self-test: see {page_of(run)}"
