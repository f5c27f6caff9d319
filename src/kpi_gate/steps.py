"""The verbs as plain functions of a job: flows, the command line and dvc.yaml all call these."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import yaml

from kpi_gate import promotion, usecases
from kpi_gate.decision.evidence import BASELINE, Contender, Evidence, utc
from kpi_gate.decision.gate import decide as judge_evidence
from kpi_gate.decision.gate import decision_id, refuse
from kpi_gate.decision.verdict import Decision, Verdict
from kpi_gate.learning.windows import Windows, plan_windows
from kpi_gate.stores import models, registry, snapshots
from kpi_gate.stores.evidence import read_evidence
from kpi_gate.stores.ledger import Entry, Ledger
from kpi_gate.stores.models import ModelCard, ModelError
from kpi_gate.stores.settings import Place
from kpi_gate.stores.snapshots import Snapshot
from kpi_gate.stores.tracking import RunContent
from kpi_gate.usecase import ROLES, ConfigurationError, UseCase

if TYPE_CHECKING:
    from kpi_gate.learning.policy import Policy
    from kpi_gate.learning.training import Trained

GOLDEN_ROWS = 20


class Refusal(Exception):  # noqa: N818  (a "no", which becomes a decision, not a fault of the machine)
    """A step refuses to go on; the run ends in a recorded decision and the champion stays.

    Attributes:
        check: Name of the check that failed.
        reason: What was wrong, where, and what to do.
        verdict: INVALID, or INSUFFICIENT_EVIDENCE.
    """

    def __init__(self, check: str, reason: str, verdict: Verdict = Verdict.INVALID) -> None:
        super().__init__(reason)
        self.check, self.reason, self.verdict = check, reason, verdict


@dataclass(frozen=True)
class Job:
    """One run of one use case.

    Attributes:
        use_case: The problem.
        as_of: Nothing later is known, UTC.
        place: Where files and services are.
    """

    use_case: UseCase
    as_of: datetime
    place: Place

    @property
    def name(self) -> str:
        """Name of the use case."""
        return self.use_case.name

    @property
    def work(self) -> Path:
        """Folder of the use case's files under DVC."""
        return self.place.work(self.name)

    @property
    def ledger(self) -> Ledger:
        """The ledger of this installation."""
        return Ledger(self.place.ledger_url)

    def stage(self, verb: str) -> str:
        """Name of the DVC stage of a verb."""
        return f"{verb}@{self.name}"


@dataclass(frozen=True)
class Retrained:
    """What a retraining came to.

    Attributes:
        entry: The decision, as the ledger holds it.
        outcome: What became of the champion, in a sentence.
        repeated: Whether there was nothing new, and the decision is an earlier one.
    """

    entry: Entry
    outcome: str
    repeated: bool = False

    @property
    def decision(self) -> Decision:
        """The decision itself."""
        return Decision.model_validate(self.entry.body["decision"])


def open_job(name: str, as_of: datetime | None = None) -> Job:
    """Return the job of a use case as of a moment, by default now.

    Raises:
        ConfigurationError: If the use case is unknown or wrong, or the moment is in the future.
    """
    moment = now() if as_of is None else utc(as_of)
    if moment > now():
        raise ConfigurationError(f"as_of == {moment:%Y-%m-%dT%H:%M}Z, must not be in the future")
    return Job(usecases.load(name), moment, Place())


def same_tick(use_case: UseCase, place: Place) -> Job:
    """Return the job of the tick that the last snapshot wrote down."""
    path = place.work(use_case.name) / "tick.yaml"
    if not path.exists():
        raise FileNotFoundError(f"{path}: no tick yet; run `kpi-gate snapshot {use_case.name} --as-of DATE`")
    as_of = yaml.safe_load(path.read_text(encoding="utf-8"))["as_of"]
    return Job(use_case, datetime.fromisoformat(as_of), place)


def snapshot(job: Job) -> Snapshot:
    """Freeze the rows known at `as_of`; the same rows give the same fingerprint.

    Raises:
        Refusal: If there are no rows, or a role column is missing.
    """
    raw, path = job.place.raw(job.name), job.work / "snapshot.parquet"
    if job.use_case.fetch is not None and not (raw.exists() and any(raw.iterdir())):
        job.use_case.fetch(raw)
    rows = job.use_case.load(raw, job.as_of)
    missing = [role for role in ROLES if role not in rows.columns]
    if missing:
        raise Refusal("roles_present", f"load() of {job.name} gives no column {', '.join(missing)}")
    rows = snapshots.mask_future(rows, job.as_of) if len(rows) else rows
    if rows.empty:
        raise Refusal("rows_present", f"{job.name} has 0 rows before {job.as_of:%Y-%m-%d}; is --as-of too early?")
    _write_tick(job)
    snapshots.run_stage(
        job.place.root,
        job.stage("snapshot"),
        lambda: snapshots.write_rows(rows, path),
        always=True,  # a database behind load() changes unseen by DVC
    )
    snapshots.keep_in_remote(job.place.root, job.stage("snapshot"))
    found = snapshots.fingerprint(job.place.root, path)
    return Snapshot(job.name, job.as_of, len(rows), found, path)


def _write_tick(job: Job) -> None:
    """Write down what this run knows from outside; DVC sees it as parameters."""
    before = [
        entry.body
        for entry in job.ledger.entries(job.name, "decision")
        if entry.body["verdict"] != Verdict.INVALID
        and datetime.fromisoformat(entry.body["as_of"]) < job.as_of
    ]
    last = max(before, key=lambda body: body["as_of"], default=None)
    previous = {"as_of": last["as_of"], "rows": last["snapshot_rows"]} if last else None
    tick = {"as_of": job.as_of.isoformat(), "previous": previous}
    job.work.mkdir(parents=True, exist_ok=True)
    (job.work / "tick.yaml").write_text(yaml.safe_dump(tick), encoding="utf-8")


def freeze_champion(job: Job) -> ModelCard:
    """Fetch the champion in use and the anchor beside the snapshot, or stand the baseline in.

    Raises:
        Refusal: If the champion or the anchor cannot be read.
    """
    folder = job.work / "champion"
    snapshots.clear(folder)
    version = registry.version_of(job.place, job.name, registry.CHAMPION)
    if not version:
        digest = registry.digest(job.use_case.baseline_name.encode(), ModelCard(contender=_nobody()))
        card = ModelCard(contender=Contender(name=BASELINE, digest=digest))
        card.write(folder)
        return card
    try:
        card = registry.fetch(job.place, job.name, version, folder)
        anchor = registry.version_of(job.place, job.name, registry.ANCHOR)
        if anchor:
            registry.fetch(job.place, job.name, anchor, folder / "anchor")
    except ModelError as error:
        reason = f"{error}; the alias stays. Use `kpi-gate rollback {job.name} --reason ...`"
        raise Refusal("champion_readable", reason) from error
    return card


def _nobody() -> Contender:
    return Contender(name=BASELINE, digest="")


def validate(job: Job) -> bool:
    """Refuse rows that break the contract or the expectations; return whether it had to run.

    Raises:
        Refusal: If they do; the bad rows are then in quarantine, with the reason.
    """
    return snapshots.run_stage(job.place.root, job.stage("validate"), lambda: _validate(job))


def _validate(job: Job) -> None:
    from kpi_gate.stores.expectations import PreviousSnapshot, validate_rows

    tick = yaml.safe_load((job.work / "tick.yaml").read_text(encoding="utf-8"))
    before = tick["previous"]
    previous = (
        PreviousSnapshot(datetime.fromisoformat(before["as_of"]), before["rows"]) if before else None
    )
    report = validate_rows(read_snapshot(job), job.use_case, job.as_of, previous)
    folder = job.work / "validation"
    snapshots.clear(folder)
    (folder / "report.html").write_text(report.html, encoding="utf-8")
    (folder / "report.json").write_text(json.dumps(report.summary, indent=2), encoding="utf-8")
    if not report.passed:
        quarantine = job.place.home / "quarantine" / job.name / f"{job.as_of:%Y-%m-%dT%H%M}.parquet"
        snapshots.write_rows(report.bad_rows.astype({"reason": str}), quarantine)
        reasons = "; ".join(failure.reason for failure in report.failures)
        kept = f"{len(report.bad_rows)} rows are in quarantine: {quarantine.name}"
        raise Refusal("data_valid", f"{reasons}. {kept}")


def train(job: Job) -> bool:
    """Train the candidate on what lies before the gate window; return whether it had to run.

    Raises:
        Refusal: If there is too little data to train on.
    """
    return snapshots.run_stage(job.place.root, job.stage("train"), lambda: _train(job))


def _train(job: Job) -> None:
    from kpi_gate.learning import training
    from kpi_gate.learning.policy import Policy
    from kpi_gate.learning.scoring import ScoringError

    rows, settings, use_case = read_snapshot(job), job.use_case.settings, job.use_case
    windows = plan(job, rows)
    policy = Policy(settings=settings.policy, parameters=settings.base_values())
    try:
        trained = training.train(
            rows,
            windows,
            make=lambda: use_case.estimator(settings.model),
            features=use_case.feature_names,
            policy=policy,
            value=use_case.value,
            last_rows=settings.window.train_last_rows,
            threads=int(settings.model["threads"]),
        )
    except training.TrainingError as error:
        raise Refusal("enough_to_train", str(error), Verdict.INSUFFICIENT_EVIDENCE) from error
    except ScoringError as error:
        raise Refusal("candidate_scores", f"the candidate cannot score: {error}") from error
    _write_candidate(job, trained, policy, windows, rows)


def _write_candidate(
    job: Job, trained: "Trained", policy: "Policy", windows: Windows, rows: pd.DataFrame
) -> None:
    from kpi_gate.learning.scoring import act, probabilities

    features, folder = job.use_case.feature_names, job.work / "candidate"
    snapshots.clear(folder)
    content = models.dump_model(trained.estimator)
    gate_start = windows.gate.start
    contender = Contender(
        name="candidate", digest="", trained_until=gate_start, tuned_until=gate_start
    )
    card = ModelCard(
        contender=contender,
        policy=policy,
        features=tuple(features),
        chosen=trained.chosen,
        variants=tuple(asdict(variant) for variant in trained.variants),
        trained_rows=trained.rows,
        outcome_rate=trained.outcome_rate,
        snapshot=snapshots.fingerprint(job.place.root, job.work / "snapshot.parquet"),
        trained_at=job.as_of,
    )
    digest = registry.digest(content, card)
    named = contender.model_copy(update={"digest": digest})
    card.model_copy(update={"contender": named}).write(folder)
    (folder / models.MODEL_FILE).write_bytes(content)
    (folder / models.KEYS_FILE).write_bytes(trained.row_keys.tobytes())
    golden = rows[rows["event_time"] < gate_start].tail(GOLDEN_ROWS)
    probability = probabilities(trained.estimator, golden, features)
    columns = list(dict.fromkeys([*features, *job.use_case.value.columns]))
    action = act(policy, job.use_case.value, probability, golden)
    scored = golden[columns].assign(golden_probability=probability, golden_action=action)
    scored.to_parquet(folder / models.GOLDEN_FILE, index=False)


def compare(job: Job) -> bool:
    """Score candidate, champion and anchor on the same fresh rows; return whether it had to run.

    Raises:
        Refusal: If one of them cannot score.
    """
    return snapshots.run_stage(job.place.root, job.stage("compare"), lambda: _compare(job))


def _compare(job: Job) -> None:
    from kpi_gate import comparison
    from kpi_gate.learning.scoring import ScoringError

    rows = read_snapshot(job)
    found = snapshots.fingerprint(job.place.root, job.work / "snapshot.parquet")
    try:
        comparison.write_evidence(job.work, job.use_case, rows, plan(job, rows), job.as_of, found)
    except (ScoringError, ModelError) as error:
        raise Refusal("both_sides_score", str(error)) from error


def decide(job: Job) -> Decision:
    """Judge the evidence of this tick by the objective and what past candidates taught."""
    evidence = read_evidence(job.work / "evidence")
    return judge_evidence(evidence, job.use_case.settings.gate(), past_gains(job, evidence))


def past_gains(job: Job, evidence: Evidence) -> Sequence[tuple[float, float]]:
    """Return (gain, standard error) of every earlier candidate, also the rejected ones.

    Comparisons with the baseline and with a champion are different populations.
    """
    first = evidence.lineage is not None and evidence.lineage.champion.is_baseline
    gains = []
    for entry in job.ledger.entries(job.name, "decision"):
        gain, body = entry.body["decision"]["gain"], entry.body
        earlier = datetime.fromisoformat(body["as_of"]) < job.as_of
        if gain and gain["standard_error"] and earlier and (body["champion"] == BASELINE) == first:
            gains.append((gain["estimate"], gain["standard_error"]))
    return gains


def refusal(job: Job, error: Refusal, found: Snapshot | None) -> Decision:
    """Return the decision of a run that a step refused."""
    marks = found.fingerprint if found else ""
    notes = {"title": job.use_case.title, "as_of": job.as_of.isoformat(), "snapshot": marks}
    return refuse(
        error.reason,
        job.use_case.settings.gate(),
        check=error.check,
        subject=f"{job.name} {job.as_of.isoformat()} {marks}",
        verdict=error.verdict,
        notes=notes,
    )


def record(job: Job, decision: Decision, found: Snapshot | None, prefect_run: str = "") -> Entry:
    """Record a decision in MLflow and the ledger.

    Raises:
        TrackingError: If MLflow cannot be reached; nothing is recorded then.
        LedgerError: If the ledger cannot be written.
    """
    settings, trained = job.use_case.settings, decision.lineage is not None
    facts = {
        "as_of": job.as_of.isoformat(),
        "snapshot": found.fingerprint if found else "",
        "snapshot_rows": found.rows if found else 0,
        "policy_hash": promotion.policy_hash(settings.model_dump_json()),
        "code": job.place.code_version(),
        "environment": job.place.environment_hash(),
        "prefect_run": prefect_run,
    }
    names = {"use_case": job.name, "decision_id": decision.decision_id, "verdict": decision.verdict}
    tags = {**names, **{name: str(value) for name, value in facts.items()}}
    if decision.lineage is not None:
        tags["evidence_end"] = decision.lineage.window.end.isoformat()
        tags["champion_then"] = decision.lineage.champion.name
    content = RunContent(
        parameters={**_flat(settings.model_dump(mode="json")), "chosen": decision.notes.get("chosen", "")},
        tags=tags,
        artifacts={
            "validation": job.work / "validation",
            **({"evidence": job.work / "evidence"} if trained else {}),
        },
        model=job.work / "candidate" if trained else None,
        sample=_sample(job) if trained else None,
        snapshot=facts["snapshot"],
        snapshot_path=f"data/{job.name}/snapshot.parquet",
    )
    return promotion.record(job.place, job.name, decision, content, facts)


def _sample(job: Job) -> pd.DataFrame:
    """Return rows for the model's signature; as floats, whole numbers may be missing too."""
    golden = pd.read_parquet(job.work / "candidate" / models.GOLDEN_FILE)
    numbers = {feature.name: float for feature in job.use_case.features if feature.kind == "number"}
    return golden[job.use_case.feature_names].head(5).astype(numbers)


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def promote(job: Job, entry: Entry) -> promotion.Outcome:
    """Move the champion's alias if the decision says so; else say that it stays.

    Raises:
        PromotionError: If the evidence is stale by now.
    """
    if entry.body["verdict"] != Verdict.PROMOTE:
        return promotion.Outcome(False, "the champion stays")
    return promotion.promote(job.place, entry)


def standing_decision(job: Job) -> Entry | None:
    """Return the recorded decision on exactly this tick's files, if DVC sees nothing to do."""
    root = job.place.root
    if any(snapshots.stage_changed(root, job.stage(verb)) for verb in ("validate", "train", "compare")):
        return None
    evidence = read_evidence(job.work / "evidence")
    decision = decision_id(evidence, job.use_case.settings.gate())
    found = job.ledger.entries(job.name, "decision", decision)
    if not found:
        return None
    champion = champion_in_ledger(job)
    return found[-1] if champion in ("", found[-1].body["champion"], found[-1].body["version"]) else None


def champion_in_ledger(job: Job) -> str:
    """Return the version that the ledger's last release left in use; empty without one."""
    entries = [entry for entry in job.ledger.entries(job.name) if entry.kind in ("done", "rollback")]
    return str(entries[-1].body["version"]) if entries else ""


def plan(job: Job, rows: pd.DataFrame) -> Windows:
    """Lay out the windows of this tick."""
    seen = ModelCard.read(job.work / "champion").contender.seen_until()
    return plan_windows(rows["event_time"], job.use_case.settings.window, job.as_of, seen)


def read_snapshot(job: Job) -> pd.DataFrame:
    """Read the frozen rows of this tick."""
    return pd.read_parquet(job.work / "snapshot.parquet")


def now() -> datetime:
    """Return the present moment in UTC, to the second."""
    return datetime.now(UTC).replace(microsecond=0)
