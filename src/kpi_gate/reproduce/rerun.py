"""Run a recorded decision again from its data, code and settings, and say same or different."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from kpi_gate.decision.verdict import Verdict
from kpi_gate.evaluation.evidence_files import FACTS_FILE, TABLE_FILE
from kpi_gate.record import decision_run
from kpi_gate.record.ledger import Entry, open_ledger
from kpi_gate.record.ledger_lookup import find
from kpi_gate.record.mlflow_client import TrackingError
from kpi_gate.reproduce.comparison import (
    TIMING,
    Finding,
    Reproduction,
    compare_decisions,
    compare_tables,
    compare_values,
    forgive_bytes,
)
from kpi_gate.reproduce.restore_code import LOST, source_targets
from kpi_gate.reproduce.restore_data import restore
from kpi_gate.reproduce.sandbox import ReproductionError, Scratch
from kpi_gate.run import provenance
from kpi_gate.run.context import REFIT
from kpi_gate.text import last_line
from kpi_gate.workspace import Workspace

if TYPE_CHECKING:
    from subprocess import CompletedProcess

STAGES = ("validate", "train", "compare")


def reproduce(
    workspace: Workspace, wanted: str, folder: Path, say: Callable[[str], None] = lambda _: None
) -> Reproduction:
    """Restore a decision into a folder, run its stages there, and compare with the record.

    Args:
        workspace: The user's places; they are only read.
        wanted: The decision's id, its beginning, or its row in the ledger.
        folder: Empty folder to work in.
        say: Is told what is going on.

    Raises:
        ConfigurationError: If there is no such decision, or more than one.
        ReproductionError: If something that it was made from is gone.
        LedgerError: If the ledger's chain is broken.
    """
    entry, history = find(open_ledger(workspace), wanted)
    say(f"restoring decision {entry.subject} of {entry.use_case}")
    with Scratch(folder, entry.use_case) as scratch:
        notes = restore(workspace, entry, history, scratch)
        judged = entry.body["decision"]["lineage"] is not None  # else a stage refused before
        recorded = _recorded_table(workspace, entry, scratch, "evidence") if judged else None
        findings = [
            *_compare_sources(entry, scratch),
            *_run(workspace, entry, scratch, recorded, say),
        ]
    findings, same_model = forgive_bytes(findings)
    then, now = entry.body["environment"], workspace.environment_hash()
    findings.append(Finding("environment", then, now, same=None))
    warnings = []
    if then != now:
        warnings.append(
            f"the locked environment was {then or 'not recorded'} then and is {now or 'unknown'} "
            "now: another version of a library may give other numbers"
        )
    warnings += [note for note in notes if note.startswith(LOST)]
    told = [*notes, same_model] if same_model else notes
    kept = tuple(note for note in told if not note.startswith(LOST))
    return Reproduction(
        entry.subject, entry.use_case, tuple(findings), kept, tuple(warnings), folder
    )


def _compare_sources(entry: Entry, scratch: Scratch) -> Iterator[Finding]:
    targets = source_targets(scratch)
    for name, then in entry.body.get("replay", {}).get("sources", {}).items():
        path = targets[name]
        now = provenance.file_hash(path) if path.exists() else "not there"
        yield compare_values(f"sources.{name}", then, now)


def _recorded_table(workspace: Workspace, entry: Entry, scratch: Scratch, artifact: str) -> Path:
    """Fetch a comparison that was recorded."""
    try:
        folder = decision_run.fetch_artifacts(
            workspace, entry.body["run_id"], artifact, scratch.root / "tmp"
        )
    except TrackingError as error:
        words = f"the evidence of decision {entry.subject} is gone: {error}"
        raise ReproductionError(words) from error
    table = folder / TABLE_FILE
    if not table.exists():
        raise ReproductionError(
            f"the evidence of decision {entry.subject} is gone: run {entry.body['run_id']} in "
            f"MLflow has no artifact {artifact}/{TABLE_FILE}"
        )
    return table


def _run(
    workspace: Workspace,
    entry: Entry,
    scratch: Scratch,
    recorded: Path | None,
    say: Callable[[str], None],
) -> Iterator[Finding]:
    """Run the stages, as far as they go, and compare what comes out."""
    say(f"{', '.join(STAGES)} {entry.use_case} as of {entry.body['as_of'][:10]}")
    verb, answer = scratch.verbs(STAGES, entry.use_case)
    verdict = _verdict(answer, verb, entry)
    if answer.returncode:
        yield from _compare_refusals(workspace, entry, scratch, verdict, answer.stdout)
        return
    if recorded is None:
        nothing = "no stage refused"
        yield compare_values("verdict", entry.body["verdict"], nothing)
        yield compare_values("refusal", entry.body["sentence"], nothing)
        return
    say(f"decide {entry.use_case}")
    yield from _compare_evidence(workspace, entry, scratch, recorded)


def _verdict(answer: "CompletedProcess[str]", verb: str, entry: Entry) -> Verdict:
    for verdict in Verdict:
        if verdict.exit_code == answer.returncode:
            return verdict
    raise ReproductionError(
        f"{verb} of decision {entry.subject} fails in the restored code: {last_line(answer.stderr)}"
    )


def _compare_refusals(
    workspace: Workspace, entry: Entry, scratch: Scratch, verdict: Verdict, printed: str
) -> Iterator[Finding]:
    first = printed.strip().partition("\n\n")[0]  # the decision's sentence, over several lines
    now = " ".join(first.split()).replace(str(scratch.root), str(workspace.root))
    then = " ".join(str(entry.body["sentence"]).split())
    yield compare_values("verdict", entry.body["verdict"], verdict.value)
    # a long word may have been broken at the end of a line
    same = then.replace(" ", "") == now.replace(" ", "")
    yield Finding("refusal", then, now, same)


def _compare_evidence(
    workspace: Workspace, entry: Entry, scratch: Scratch, recorded: Path
) -> Iterator[Finding]:
    then, files = entry.body["decision"], entry.body.get("replay", {}).get("files", {})
    if provenance.TABLE in files:
        what = f"files.{provenance.TABLE} in MLflow"
        yield compare_values(what, files[provenance.TABLE], provenance.file_hash(recorded))
    if provenance.MODEL in files:
        now = provenance.file_hash(scratch.work / provenance.MODEL)
        yield compare_values(f"files.{provenance.MODEL}", files[provenance.MODEL], now)
    yield from compare_tables(recorded, scratch.work / provenance.TABLE)
    timings = _carry_timings(scratch.work / "evidence" / FACTS_FILE, then["measures"])
    verb = "refit" if then.get("refit") else "decide"
    if verb == "refit":
        yield from _compare_refit(workspace, entry, scratch, timings)
    _, answer = scratch.verbs([verb], entry.use_case, "--json")
    _verdict(answer, verb, entry)
    yield from compare_decisions(then, json.loads(answer.stdout), timings)


def _compare_refit(
    workspace: Workspace, entry: Entry, scratch: Scratch, timings: dict[str, float | None]
) -> Iterator[Finding]:
    """Fit again what was promoted, compare it, and carry its timings as the twin's."""
    _, answer = scratch.verbs(["refit"], entry.use_case)
    _verdict(answer, "refit", entry)
    files, refit = entry.body["replay"]["files"], entry.body["decision"]["refit"]
    model, table = provenance.REFIT_MODEL, provenance.REFIT_TABLE
    if not refit["refitted"]:
        return  # what stopped it then must stop it now: the decisions say so
    now = scratch.work / model
    told = provenance.file_hash(now) if now.exists() else "not there"
    yield compare_values(f"files.{model}", files[model], told)
    if not now.exists():
        return
    recorded = _recorded_table(workspace, entry, scratch, REFIT)
    for finding in compare_tables(recorded, scratch.work / table):
        yield replace(finding, what=f"{REFIT} {finding.what}")
    evidence = scratch.work / REFIT / "evidence" / FACTS_FILE
    taken = _carry_timings(evidence, {"candidate": refit["measures"]})
    timings |= {
        what.replace("measures.candidate", "refit.measures"): ms for what, ms in taken.items()
    }


def _carry_timings(path: Path, then: dict[str, dict[str, float]]) -> dict[str, float | None]:
    """Put the timings of then into the new evidence, so that the gate judges the same; return ours.

    A timing is never the same twice, and a guardrail on it would make another decision.
    """
    facts = json.loads(path.read_text(encoding="utf-8"))
    timings: dict[str, float | None] = {}
    for side, numbers in then.items():
        for name, value in numbers.items():
            what = f"measures.{side}.{name}"
            if TIMING in what:
                timings[what] = facts["measures"].get(side, {}).get(name)
                facts["measures"].setdefault(side, {})[name] = value
    path.write_text(json.dumps(facts, indent=1), encoding="utf-8")
    return timings
