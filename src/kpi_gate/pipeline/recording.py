"""From a decision to its record, and from the record to what was decided before."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pandas as pd

from kpi_gate.decision.evidence import BASELINE, Evidence
from kpi_gate.decision.gate import refuse
from kpi_gate.decision.verdict import Decision
from kpi_gate.record import model_files, registry
from kpi_gate.record.decision_run import RunContent
from kpi_gate.record.dvc_stages import Snapshot
from kpi_gate.record.ledger_brief import stated
from kpi_gate.release import promotion
from kpi_gate.run.context import Refusal, Run
from kpi_gate.run.provenance import replay_facts, source_files


def run_content(
    run: Run, decision: Decision, found: Snapshot | None, prefect_run: str
) -> tuple[RunContent, dict[str, Any]]:
    """Return what goes into the MLflow run of a decision, and its facts for the ledger."""
    settings, trained = run.use_case.settings, decision.lineage is not None
    facts: dict[str, Any] = {
        "as_of": run.as_of.isoformat(),
        "snapshot": found.fingerprint if found else "",
        "snapshot_rows": found.rows if found else 0,
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
        model=run.work / "candidate" if trained else None,
        sample=_sample(run) if trained else None,
        trusted_types=run.use_case.trusted_types,
        snapshot=facts["snapshot"],
        snapshot_path=f"data/{run.name}/snapshot.parquet",
        sources=source_files(run),
    )
    files = sorted((run.work / "candidate").iterdir()) if trained else []
    return content, {
        **facts,
        "model_files": {path.name: registry.file_hash(path) for path in files},
        "replay": replay_facts(run, frozen=found is not None),
    }


def _sample(run: Run) -> pd.DataFrame:
    """Return rows for the model's signature; as floats, whole numbers may be missing too."""
    golden = pd.read_parquet(run.work / "candidate" / model_files.GOLDEN_FILE)
    numbers = {feature.name: float for feature in run.use_case.features if feature.kind == "number"}
    return golden[run.use_case.feature_names].head(5).astype(numbers)


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def refused(run: Run, error: Refusal, found: Snapshot | None) -> Decision:
    """Return the decision of a run that a step refused."""
    marks = found.fingerprint if found else ""
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


def past_gains(run: Run, evidence: Evidence) -> Sequence[tuple[float, float]]:
    """Return (gain, standard error) of every earlier candidate, also the rejected ones.

    Comparisons with the baseline and with a champion are different populations.
    """
    first = evidence.lineage is not None and evidence.lineage.champion.is_baseline
    gains = []
    for body in earlier_decisions(run):
        error = stated(body, "decision.gain.standard_error")
        if error and (body["champion"] == BASELINE) == first:
            gains.append((stated(body, "decision.gain.estimate"), error))
    return gains


def past_looks(run: Run, evidence: Evidence) -> int:
    """Count the earlier decisions that looked at rows of this gate window."""
    if evidence.lineage is None:
        return 0
    window, looks = evidence.lineage.window, 0
    for body in earlier_decisions(run):
        ends = [stated(body, f"decision.lineage.window.{end}") for end in ("start", "end")]
        if None not in ends:
            start, end = (datetime.fromisoformat(moment) for moment in ends)
            looks += start < window.end and window.start < end
    return looks


def earlier_decisions(run: Run) -> list[Mapping[str, Any]]:
    """Return what the ledger holds of the decisions on moments before this one."""
    return [
        entry.body
        for entry in run.ledger.entries(run.name, "decision")
        if datetime.fromisoformat(entry.body["as_of"]) < run.as_of
    ]
