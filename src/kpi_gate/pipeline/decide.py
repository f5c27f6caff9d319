"""From evidence to a decision, and from the decision to its record."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from kpi_gate.decision import gate
from kpi_gate.decision.fingerprint import decision_id
from kpi_gate.decision.verdict import Decision
from kpi_gate.evaluation.evidence_files import read_evidence
from kpi_gate.pipeline.experiment_plan import plan_with
from kpi_gate.record import decision_run, registry
from kpi_gate.record.decision_run import RunContent
from kpi_gate.record.ledger import Entry
from kpi_gate.release.alias_move import asked_by
from kpi_gate.run.context import REFIT, Run
from kpi_gate.run.provenance import policy_hash, replay_facts, source_files
from kpi_gate.usecase.cron import next_firing


def decide(run: Run) -> Decision:
    """Judge the evidence of this tick by the objective and what past candidates taught."""
    evidence, history = read_evidence(run.work / "evidence"), run.history
    lineage, settings = evidence.lineage, run.use_case.settings.gate()
    # a decision that is made again is made of what stood before it
    known = history.decisions.get(decision_id(evidence, settings))
    first = lineage is not None and lineage.champion.is_baseline
    run.decision = gate.decide(
        evidence,
        settings,
        history.past_gains(against_baseline=first),
        tick=run.as_of,
        looks=history.past_looks(lineage.window) if lineage is not None else 0,
        link=history.link_history(settings.objective.unit, before=known.number if known else None),
    )
    return run.decision


def record(run: Run) -> Entry:
    """Record the decision in MLflow and then in the ledger; recording it twice changes nothing.

    Raises:
        TrackingError: If MLflow cannot be reached; the ledger then holds nothing of it.
        LedgerError: If the ledger cannot be written.
    """
    decision = run.decision
    known = run.history.decisions.get(decision.decision_id)
    run.entry = _write(run, decision) if known is None else known
    plan_with(run, run.entry)
    # so that a row that is lost is missed
    decision_run.name_row(run.workspace, run.entry.body["run_id"], run.entry.number, run.entry.hash)
    return run.entry


def _write(run: Run, decision: Decision) -> Entry:
    content, facts = _content(run)
    recorded = decision_run.record_run(run.workspace, run.name, decision, content)
    body = {
        **facts,
        "verdict": decision.verdict.value,
        "sentence": decision.sentence,
        "reasons": [check.reason for check in decision.failed],
        "champion": decision.lineage.champion.name if decision.lineage else "",
        "version": recorded.version,
        "run_id": recorded.run_id,
        "asked_by": asked_by(),
        "decision": decision.model_dump(mode="json"),
    }
    return run.append("decision", decision.decision_id, body, after=0)


def _content(run: Run) -> tuple[RunContent, dict[str, Any]]:
    """Return what goes into the MLflow run of a decision, and its facts for the ledger."""
    decision = run.decision
    settings, trained = run.use_case.settings, decision.lineage is not None
    snapshot = run.snapshot if run.is_frozen else None
    facts: dict[str, Any] = {
        "as_of": run.as_of.isoformat(),
        "snapshot": snapshot.fingerprint if snapshot else "",
        "snapshot_rows": len(snapshot.frozen) if snapshot else 0,
        "policy_hash": policy_hash(settings.model_dump_json()),
        "code": run.workspace.code_version(),
        "environment": run.workspace.environment_hash(),
        "prefect_run": run.started_by,
    }
    names = {"use_case": run.name, "decision_id": decision.decision_id, "verdict": decision.verdict}
    tags = {**names, **{name: str(value) for name, value in facts.items()}}
    if decision.lineage is not None:
        tags["evidence_end"] = decision.lineage.window.end.isoformat()
        tags["champion_then"] = decision.lineage.champion.name
    if decision.refit is not None:
        tags["measured_as"], tags["promoted_as"] = decision.refit.measured, decision.refit.promoted
    content = RunContent(
        parameters={
            **_flat(settings.model_dump(mode="json")),
            "chosen": decision.notes.get("chosen", ""),
        },
        tags=tags,
        artifacts={
            "validation": run.work / "validation",
            **({"evidence": run.work / "evidence"} if trained else {}),
            **({REFIT: run.work / REFIT / "evidence"} if decision.refit else {}),
        },
        model=run.to_promote if trained else None,
        sample=_sample(run) if trained else None,
        snapshot=facts["snapshot"],
        snapshot_path=f"data/{run.name}/snapshot.parquet",
        sources=source_files(run),
        places=_places(run),
    )
    files = sorted(run.to_promote.folder.iterdir()) if trained else []
    return content, {
        **facts,
        "model_files": {path.name: registry.file_hash(path) for path in files},
        "replay": replay_facts(run),
    }


def _places(run: Run) -> dict[str, str]:
    """Return where the page of a decision says that one can look further."""
    schedule = run.use_case.settings.schedule
    tick = next_firing(schedule.retrain, schedule.timezone, run.as_of)
    return {
        "row in the ledger": f"kpi-gate show {run.decision.decision_id}",
        "next tick after this one": f"{tick:%Y-%m-%d %H:%M} UTC by the schedule" if tick else "",
    }


def _sample(run: Run) -> pd.DataFrame:
    """Return rows for the model's signature; as floats, whole numbers may be missing too."""
    numbers = {feature.name: float for feature in run.use_case.features if feature.kind == "number"}
    return run.to_promote.golden[run.use_case.feature_names].head(5).astype(numbers)


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat
