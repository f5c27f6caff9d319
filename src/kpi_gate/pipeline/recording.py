"""From a decision to its record, and from the record to what was decided before."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from kpi_gate.decision.gate import refuse
from kpi_gate.decision.verdict import Decision
from kpi_gate.record import registry
from kpi_gate.record.decision_run import RunContent
from kpi_gate.release import promotion
from kpi_gate.run.context import Refusal, Run
from kpi_gate.run.provenance import replay_facts, source_files


def run_content(
    run: Run, decision: Decision, prefect_run: str
) -> tuple[RunContent, dict[str, Any]]:
    """Return what goes into the MLflow run of a decision, and its facts for the ledger."""
    settings, trained = run.use_case.settings, decision.lineage is not None
    snapshot = run.snapshot if run.is_frozen else None
    facts: dict[str, Any] = {
        "as_of": run.as_of.isoformat(),
        "snapshot": snapshot.fingerprint if snapshot else "",
        "snapshot_rows": len(snapshot.frozen) if snapshot else 0,
        "policy_hash": promotion.policy_hash(settings.model_dump_json()),
        "code": run.place.code_version(),
        "environment": run.place.environment_hash(),
        "prefect_run": prefect_run,
    }
    names = {"use_case": run.name, "decision_id": decision.decision_id, "verdict": decision.verdict}
    tags = {**names, **{name: str(value) for name, value in facts.items()}}
    if decision.lineage is not None:
        tags["evidence_end"] = decision.lineage.window.end.isoformat()
        tags["champion_then"] = decision.lineage.champion.name
    content = RunContent(
        parameters={
            **_flat(settings.model_dump(mode="json")),
            "chosen": decision.notes.get("chosen", ""),
        },
        tags=tags,
        artifacts={
            "validation": run.work / "validation",
            **({"evidence": run.work / "evidence"} if trained else {}),
        },
        model=run.candidate if trained else None,
        sample=_sample(run) if trained else None,
        snapshot=facts["snapshot"],
        snapshot_path=f"data/{run.name}/snapshot.parquet",
        sources=source_files(run),
    )
    files = sorted((run.work / "candidate").iterdir()) if trained else []
    return content, {
        **facts,
        "model_files": {path.name: registry.file_hash(path) for path in files},
        "replay": replay_facts(run),
    }


def _sample(run: Run) -> pd.DataFrame:
    """Return rows for the model's signature; as floats, whole numbers may be missing too."""
    numbers = {feature.name: float for feature in run.use_case.features if feature.kind == "number"}
    return run.candidate.golden[run.use_case.feature_names].head(5).astype(numbers)


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def refused(run: Run, error: Refusal) -> Decision:
    """Return the decision of a run that a step refused."""
    marks = run.snapshot.fingerprint if run.is_frozen else ""
    notes = {
        "title": run.use_case.title,
        "use_case": run.name,
        "as_of": run.as_of.isoformat(),
        "snapshot": marks,
        "limits": list(run.use_case.limits),
    }
    return refuse(
        error.reason,
        run.use_case.settings.gate(),
        check=error.check,
        subject=f"{run.name} {run.as_of.isoformat()} {marks}",
        verdict=error.verdict,
        notes=notes,
    )
