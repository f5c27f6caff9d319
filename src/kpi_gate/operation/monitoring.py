"""Look at a champion in use: is it healthy, what does it earn, is it stale, what has moved?"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kpi_gate import releases
from kpi_gate.champion import freeze_champion, stand_in
from kpi_gate.decision.evidence import Contender, Window
from kpi_gate.decision.staleness import Staleness
from kpi_gate.job import Job, Refusal
from kpi_gate.learning.maturity import measure_maturity
from kpi_gate.learning.scoring import ScoringError, probabilities
from kpi_gate.operation import health
from kpi_gate.operation.batches import Batches, cut
from kpi_gate.operation.drift import explain
from kpi_gate.operation.finding import Finding
from kpi_gate.operation.realised import Realised, realise
from kpi_gate.operation.realised_findings import value_findings
from kpi_gate.operation.staleness import challenge
from kpi_gate.operation.watched import Watched
from kpi_gate.sides import actions, policy_of, score, under_the_log
from kpi_gate.stores import models, registry, snapshots
from kpi_gate.stores.models import ModelCard, ModelError

Floats = NDArray[np.float64]
SERVED, AUCS = "served.parquet", "aucs.json"
SEVERITIES = ("severe", "warning", "note")
UNKNOWN = "unknown"  # in place of a champion that cannot be read
BETWEEN_CHALLENGES = timedelta(days=7)  # each is a whole training
DRIFT_DAYS = 7


@dataclass(frozen=True)
class Watch:
    """One look at the champion of a use case.

    Attributes:
        job: The use case and the moment; its work folder is the watch's own.
        rows: All rows known then.
        quarantined: Days that count for nothing.
    """

    job: Job
    rows: pd.DataFrame
    quarantined: frozenset[date]

    @cached_property
    def batches(self) -> Batches:
        """The rows that are looked at, and the good ones before."""
        days = self.job.use_case.settings.monitor.reference_days
        return cut(self.rows, self.job.as_of, days, self.quarantined)

    @cached_property
    def champion(self) -> ModelCard:
        """Fetch the champion in use into the watch's folder.

        Raises:
            Refusal: If it cannot be read.
        """
        return freeze_champion(self.job)

    @property
    def folder(self) -> Path:
        """Folder of the champion's files."""
        return self.job.work / "champion"

    @cached_property
    def estimator(self) -> Any:
        """The champion's model; None for the baseline.

        Raises:
            ModelError: If it cannot be loaded.
        """
        if self.champion.contender.is_baseline:
            return None
        return models.load_model(self.folder / models.MODEL_FILE, self.job.use_case.trusted_types)

    def probability(self, rows: pd.DataFrame) -> Floats:
        """Return the champion's probabilities, shape `(n,)`."""
        return probabilities(self.estimator, rows, self.champion.features)

    def act(self, rows: pd.DataFrame) -> tuple[Floats, Floats]:
        """Return the champion's probabilities of what was done, and its actions."""
        use_case, card = self.job.use_case, self.champion
        scores = score(self.estimator, rows, card.features, use_case)
        done = actions(policy_of(card), use_case, scores, rows)
        return under_the_log(use_case, scores, rows), done


def look(watch: Watch) -> Watched:
    """Look at all three layers; what cannot be looked at is a finding, never a silence."""
    job, batches = watch.job, watch.batches
    findings = list(
        health.check_batch(batches.batch, batches.reference, job.use_case, batches.window)
    )
    findings += _labels(watch)
    try:
        champion = watch.champion.contender.name
        findings += _model(watch) if watch.estimator is not None else ()
    except (Refusal, ModelError, ScoringError) as error:
        champion = UNKNOWN
        findings.append(_fault("champion_readable", str(error)))
    seen = Watched(
        use_case=job.name,
        title=job.use_case.title,
        as_of=job.as_of,
        champion=champion,
        window=batches.window,
        rows=len(batches.batch),
        findings=_sorted(findings),
        labels=measure_maturity(
            watch.rows, job.as_of, job.use_case.settings.window.label_delay_days
        ),
    )
    return seen if champion == UNKNOWN else _value_and_drift(watch, seen)


def unloadable(job: Job, reason: str) -> Watched:
    """Return the look at rows that cannot be loaded: severe, and nothing else is known."""
    end = job.as_of.replace(hour=0, minute=0, second=0, microsecond=0)
    found = Finding(
        layer="health", check="rows_loadable", severity="severe", about="data", sentence=reason
    )
    return Watched(
        use_case=job.name,
        title=job.use_case.title,
        as_of=job.as_of,
        champion=UNKNOWN,
        window=Window(start=end - timedelta(days=1), end=end),
        rows=0,
        findings=(found,),
    )


def champion_of(watch: Watch) -> Contender | None:
    """Return who is in use; None where that cannot be read."""
    try:
        return watch.champion.contender
    except Refusal:
        return None


def _value_and_drift(watch: Watch, seen: Watched) -> Watched:
    """Add what the champion earns, what staleness costs, and what moved."""
    realised, drift = _realised(watch), None
    found = [*seen.findings, *(value_findings(realised) if realised is not None else ())]
    recent = watch.rows[
        watch.rows["event_time"] >= watch.batches.window.end - timedelta(days=DRIFT_DAYS)
    ]
    older = watch.batches.reference
    older = older[older["event_time"] < watch.batches.window.end - timedelta(days=DRIFT_DAYS)]
    if watch.estimator is not None and len(recent) and len(older):
        drift = explain(older, recent, watch.job.use_case, watch.probability)
        found += drift.as_findings()
    more = {"findings": _sorted(found), "realised": realised, "drift": drift}
    return seen.model_copy(update={**more, "staleness": staleness(watch)})


def _sorted(findings: list[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity)))


def _fault(check: str, sentence: str) -> Finding:
    words = {"layer": "health", "severity": "severe", "about": "model"}
    return Finding.model_validate({**words, "check": check, "sentence": sentence})


def _labels(watch: Watch) -> Iterator[Finding]:
    """Yield a warning where outcomes that are due do not come."""
    declared = watch.job.use_case.settings.window.label_delay_days
    found = measure_maturity(watch.rows, watch.job.as_of, declared)
    if found.stuck_since is not None:
        yield Finding(
            layer="health",
            check="labels_stuck",
            severity="warning",
            about="labels",
            sentence=f"no outcome has come since {found.stuck_since:%Y-%m-%d} although "
            f"{found.overdue:,} are due: value and staleness are not known for these days",
            value=float(found.overdue),
            bound=0.0,
        )


def _model(watch: Watch) -> Iterator[Finding]:
    """Yield what is wrong with the champion's scores, its behaviour and its inputs."""
    use_case, batches = watch.job.use_case, watch.batches
    golden = pd.read_parquet(watch.folder / models.GOLDEN_FILE)
    yield from health.check_golden(
        watch.probability, golden, lambda scores, rows: watch.act(rows)[1]
    )
    periods = batches.periods()
    if len(batches.batch):
        probability, action = watch.act(batches.batch)
        usual = [watch.act(part) for part in periods]
        days = [_weekday(part) for part in [*periods, batches.batch]] if batches.length == 1 else ()
        yield from health.check_outputs(
            probability,
            action,
            [scores for scores, _ in usual],
            [float(acts.mean()) for _, acts in usual],
            use_case.settings.monitor.decision_rate,
            use_case,
            days,
        )
        yield from health.check_behaviour(watch.probability, batches.batch, use_case)
    yield from _skew(watch)
    yield from _leaks(watch)


def _weekday(rows: pd.DataFrame) -> int:
    return int(rows["event_time"].iloc[0].weekday())


def _skew(watch: Watch) -> Iterator[Finding]:
    """Compare the rows of the last look as they were then with what they are now; keep today's."""
    path = watch.job.work / SERVED
    names = list(watch.champion.features)
    if path.exists():
        served = pd.read_parquet(path)
        if set(names) <= set(served) and len(served):
            yield from health.check_skew(served, watch.rows, names)
    snapshots.write_rows(watch.batches.batch, path)


def _leaks(watch: Watch) -> Iterator[Finding]:
    """Compare how each feature alone ranks the outcomes with how it did at the last look."""
    path, names = watch.job.work / AUCS, list(watch.champion.features)
    rows = watch.batches.reference
    earlier = _read_aucs(path)
    yield from health.check_leakage(rows, names, watch.job.use_case, earlier)
    found = health.feature_aucs(rows, names, watch.job.use_case)
    if found is not None:
        kept = {name: [float(number) for number in auc] for name, auc in found.items()}
        path.write_text(json.dumps(kept), encoding="utf-8")


def _read_aucs(path: Path) -> dict[str, health.Auc] | None:
    if not path.exists():
        return None
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): health.Auc(*map(float, pair)) for name, pair in kept.items()}
    except (ValueError, TypeError):  # half-written by a look that was killed: begin anew
        return None


def _realised(watch: Watch) -> Realised | None:
    """Value the champion since its promotion; None for the baseline, which nobody promoted."""
    job, name = watch.job, watch.champion.contender.name
    made = job.ledger.entries(job.name, "decision")
    decided = [entry.body for entry in made if entry.body["version"] == name]
    if watch.estimator is None or not decided:
        return None
    body = decided[-1]
    done = releases.standing(job.ledger.entries(job.name))
    before = next((e.body["from"] for e in reversed(done) if e.body["version"] == name), "")
    replaced = job.work / "replaced"
    snapshots.clear(replaced)
    if before:
        registry.fetch(
            job.place, job.name, before.removeprefix("v"), replaced, job.use_case.trusted_types
        )
    else:
        stand_in(job, replaced)
    lineage, gain = body["decision"].get("lineage"), body["decision"].get("gain")
    return realise(
        job,
        watch.rows,
        watch.folder,
        datetime.fromisoformat(body["as_of"]),
        gate=Window.model_validate(lineage["window"]) if lineage else None,
        replaced=replaced,
        promised=gain["shrunk"] if gain else None,
        quarantined=watch.quarantined,
    )


def staleness(watch: Watch) -> Staleness | None:
    """Measure staleness once a week; in between the last measure stands."""
    job = watch.job
    for entry in reversed(job.ledger.entries(job.name, "monitor")):
        at, told = datetime.fromisoformat(entry.body["as_of"]), entry.body.get("staleness")
        same = entry.body.get("champion") == watch.champion.contender.name
        if told and same and timedelta(0) <= job.as_of - at < BETWEEN_CHALLENGES:
            return Staleness.model_validate(told)
        if at < job.as_of - BETWEEN_CHALLENGES:
            break
    found = challenge(job, watch.rows, watch.folder, job.work / "challenger", watch.quarantined)
    return found.staleness(job.use_case.settings.trigger.confidence)
