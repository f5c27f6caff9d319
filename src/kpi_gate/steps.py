"""The verbs as plain functions of a job: flows, the command line and dvc.yaml all call these."""

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from kpi_gate import promotion, quarantine
from kpi_gate.champion import freeze_champion as freeze_champion  # noqa: PLC0414
from kpi_gate.data.loading import load_rows, write_rows
from kpi_gate.data.steadiness import require_steady
from kpi_gate.data.ticks import read_learnable, write_tick
from kpi_gate.data.validating import validate_snapshot
from kpi_gate.decision.gate import decide as judge_evidence
from kpi_gate.decision.verdict import Decision, Verdict
from kpi_gate.job import Job, Refusal, plan, read_snapshot, unknown_name
from kpi_gate.operation.alarms import standing_alarm
from kpi_gate.recording import past_gains, past_looks, run_content
from kpi_gate.stores import snapshots
from kpi_gate.stores.evidence import read_evidence
from kpi_gate.stores.ledger import Entry
from kpi_gate.stores.models import ModelError
from kpi_gate.stores.snapshots import Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable

    from kpi_gate.decision.trigger import Choice
    from kpi_gate.operation.watch import Watch
    from kpi_gate.operation.watched import Watched
    from kpi_gate.proof.selftest import Bout, SelfTest


def snapshot(job: Job) -> Snapshot:
    """Freeze the rows known at `as_of`; the same rows give the same fingerprint.

    Raises:
        Refusal: If there are no rows, or a role column is missing.
        StageMissingError: If `dvc.yaml` does not list the use case.
    """
    path = job.work / "snapshot.parquet"
    snapshots.require_stage(job.place.root, job.stage("snapshot"))
    rows = load_rows(job)
    require_steady(job, rows)
    write_tick(job)
    snapshots.run_stage(
        job.place.root,
        job.stage("snapshot"),
        lambda: write_rows(job, rows, path),
        always=True,  # a database behind load() changes unseen by DVC
    )
    snapshots.keep_in_remote(job.place.root, job.stage("snapshot"))
    found = snapshots.fingerprint(job.place.root, job.stage("snapshot"), path)
    write_tick(job, found)
    return Snapshot(job.name, job.as_of, len(rows), found, path)


def validate(job: Job) -> bool:
    """Refuse rows that break the contract or the expectations; return whether it had to run.

    Raises:
        Refusal: If they do; the bad rows are then in quarantine, with the reason.
    """
    work = partial(validate_snapshot, job)
    return snapshots.run_stage(job.place.root, job.stage("validate"), work)


def train(job: Job) -> bool:
    """Train the candidate on what lies before the gate window; return whether it had to run.

    Raises:
        Refusal: If there is too little data to train on.
    """
    work = partial(_on_snapshot, job, train_on_snapshot)
    return snapshots.run_stage(job.place.root, job.stage("train"), work)


def _on_snapshot(job: Job, work: "Callable[[Job, str], None]") -> None:
    path = job.work / "snapshot.parquet"
    work(job, snapshots.fingerprint(job.place.root, job.stage("snapshot"), path))


def train_on_snapshot(job: Job, frozen: str) -> None:
    """Train the candidate on the frozen rows, whose fingerprint is `frozen`, beside the champion.

    Raises:
        Refusal: If there is too little data to train on, or nothing fresh to judge by.
    """
    from kpi_gate.candidate import train_candidate
    from kpi_gate.data.fresh_rows import require_fresh_rows

    rows = read_learnable(job)
    windows = plan(job, rows)
    require_fresh_rows(job, rows, windows)
    train_candidate(job, rows, windows, job.work / "candidate", frozen)


def compare(job: Job) -> bool:
    """Score candidate, champion and anchor on the same fresh rows; return whether it had to run.

    Raises:
        Refusal: If one of them cannot score.
    """
    work = partial(_on_snapshot, job, compare_on_snapshot)
    return snapshots.run_stage(job.place.root, job.stage("compare"), work)


def compare_on_snapshot(job: Job, frozen: str, *, timed: bool = True) -> None:
    """Write the evidence of the frozen rows, whose fingerprint is `frozen`.

    Args:
        job: The use case and the moment.
        frozen: Fingerprint of the snapshot.
        timed: Whether to measure how long both sides take; else they count as equally fast.

    Raises:
        Refusal: If one of them cannot score.
    """
    from kpi_gate import comparison
    from kpi_gate.learning.scoring import ScoringError

    rows = read_learnable(job)
    windows = plan(job, rows)
    try:
        comparison.write_evidence(
            job.work, job.use_case, rows, windows, job.as_of, frozen, timed=timed
        )
    except KeyError as error:
        raise unknown_name(job, error) from error
    except (ScoringError, ModelError) as error:
        raise Refusal("both_sides_score", str(error)) from error


def decide(job: Job) -> Decision:
    """Judge the evidence of this tick by the objective and what past candidates taught."""
    evidence = read_evidence(job.work / "evidence")
    return judge_evidence(
        evidence,
        job.use_case.settings.gate(),
        past_gains(job, evidence),
        tick=job.as_of,
        looks=past_looks(job, evidence),
    )


def record(job: Job, decision: Decision, found: Snapshot | None, prefect_run: str = "") -> Entry:
    """Record a decision in MLflow and the ledger; recording it twice changes nothing.

    Raises:
        TrackingError: If MLflow cannot be reached; nothing is recorded then.
        LedgerError: If the ledger cannot be written.
    """
    content, facts = run_content(job, decision, found, prefect_run)
    return promotion.record(job.place, job.name, decision, content, facts)


def promote(job: Job, entry: Entry, *, proved: bool = False) -> promotion.Outcome:
    """Move the champion's alias if the decision says so; else say that it stays.

    Args:
        job: The use case and the moment.
        entry: The decision.
        proved: Whether the gate must have passed its self-test, as nobody watches a schedule.

    Raises:
        PromotionError: If the evidence is stale by now.
    """
    if entry.body["verdict"] != Verdict.PROMOTE:
        return promotion.Outcome(False, "the champion stays")
    fault = proof_fault(job) if proved else ""
    if fault:
        words = f"{fault}. {entry.body['version']} waits; see `kpi-gate selftest {job.name}`"
        return promotion.Outcome(False, words)
    alarm = standing_alarm(job)
    if alarm:
        words = f"{entry.body['version']} waits until a look finds nothing severe: {alarm}"
        return promotion.Outcome(False, words)
    return promotion.promote(job.place, entry)


def settle(job: Job, *, proved: bool = False) -> list[promotion.Outcome]:
    """Read what reviewers said of promotions that wait, before anything new is decided.

    Args:
        job: The use case and the moment.
        proved: Whether the gate must have passed its self-test.
    """
    outcomes = []
    for entry in promotion.waiting(job.place, job.name):
        try:
            outcomes.append(promote(job, entry, proved=proved))
        except promotion.PromotionError as error:  # voided, and said so in the ledger
            outcomes.append(promotion.Outcome(False, str(error)))
    return outcomes


def monitor(job: Job) -> "Watched":
    """Look at the champion in use, act on what is severe, decide on proposals, and record it.

    Rows that cannot be loaded are a severe finding, and recorded like any other.

    Raises:
        TrackingError: If MLflow cannot be reached; nothing is recorded then.
        LedgerError: If the ledger is broken or cannot be written.
    """
    from kpi_gate.operation import acting
    from kpi_gate.operation.monitoring import look, unloadable

    try:
        watch = _watch(job)
    except Refusal as refusal:
        seen = unloadable(job, str(refusal))
    else:
        seen = acting.act(watch, look(watch))
    acting.keep(job, seen)
    return seen


def _watch(job: Job) -> "Watch":
    """Return a look at the champion, in a folder apart: a retraining's files stay as they are.

    Raises:
        Refusal: If the rows cannot be loaded.
    """
    from kpi_gate.operation.watch import Watch

    place = job.place.model_copy(update={"root": job.place.home / "monitor"})
    return Watch(replace(job, place=place), load_rows(job), quarantine.quarantined(job))


def choose_to_retrain(job: Job) -> "Choice | None":
    """Decide whether a tick of the schedule is followed; None where the calendar rules.

    A choice of the monitor to retrain that nothing has followed yet is followed now.

    Raises:
        Refusal: If the rows cannot be loaded, or the champion cannot be read.
        LedgerError: If the choice cannot be recorded.
    """
    from kpi_gate.decision.trigger import Proposal
    from kpi_gate.operation.choosing import accepted, choose_now, record_choice
    from kpi_gate.operation.watch_value import staleness

    if job.use_case.settings.trigger.when == "calendar" or accepted(job) is not None:
        return None
    watch = _watch(job)
    cost = staleness(watch, watch.quarantined).staleness
    proposals = [Proposal(by="schedule", reason="the schedule is due")]
    alarm = standing_alarm(job)
    if alarm:
        proposals.append(Proposal(by="health", reason=alarm))
    choice = choose_now(job, proposals, cost, watch.champion.contender)
    record_choice(job, choice)
    return choice


def selftest(job: Job, each: "Callable[[Bout], None]" = lambda bout: None) -> "SelfTest":
    """Let adversaries ask the gate for promotion on the newest rows, and record its answers.

    Raises:
        Refusal: If the rows cannot be loaded, or are too few.
        LedgerError: If it cannot be recorded.
    """
    from kpi_gate.proof.arena import newest_moment
    from kpi_gate.proof.record import prove

    rows = load_rows(job)
    return prove(newest_moment(job, rows), rows, each)


def proof_fault(job: Job) -> str:
    """Say why this gate may not promote on a schedule; empty where its self-test is passed.

    A gate whose settings, code or environment are new is tested first.
    """
    from kpi_gate.proof.arena import newest_moment
    from kpi_gate.proof.record import last_proof, page_of, prove

    passed = last_proof(job)
    if passed is None:
        try:
            frozen = (job.work / "snapshot.parquet").exists()
            rows = read_snapshot(job) if frozen else load_rows(job)
            passed = prove(newest_moment(job, rows), rows, lambda bout: None).passed
        except Refusal as refusal:
            return f"the gate cannot be tested: {refusal}"
    return "" if passed else f"the gate fails its self-test: see {page_of(job)}"
