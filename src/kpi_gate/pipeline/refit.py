"""After the verdict: what is promoted is fitted again on all that is mature, if it stays the same.

The twin, which was held out of the gate window and measured there, has not seen the newest weeks.
"""

import json
from collections.abc import Callable
from pathlib import Path

from kpi_gate.decision.checks.twins import agreement, hold_against_twin, not_made
from kpi_gate.decision.fingerprint import digest
from kpi_gate.decision.verdict import Check, Decision, Refit, Verdict
from kpi_gate.evaluation.evidence_files import read_evidence
from kpi_gate.files.json_file import read_json
from kpi_gate.learning.scoring import ScoringError
from kpi_gate.learning.windows import without_gate
from kpi_gate.pipeline.stages import compare_model
from kpi_gate.record.dvc_stages import clear
from kpi_gate.record.golden_rows import golden_difference
from kpi_gate.record.model_files import Model
from kpi_gate.record.registered import ModelError
from kpi_gate.run.context import REFIT, Run
from kpi_gate.run.provenance import machine_hash, policy_hash
from kpi_gate.usecase.refusal import Refusal

MARK = "of.json"  # written last: whose refit lies in the folder, and what stopped it
Fit = Callable[[Run, Path], Model]


def refit(run: Run) -> Decision:
    """Fit a candidate that is promoted again on all mature rows; where it differs, the twin stays.

    What was recorded is not fitted anew. The decision says which of the two is promoted, and why.
    """
    known = run.history.decisions.get(run.decision.decision_id)
    if known is not None:
        run.decision = Decision.model_validate(known.body["decision"])
        return run.decision
    return refit_with(run, fit_again)


def refit_with(run: Run, fit: Fit, *, timed: bool = True) -> Decision:
    """Do so with another way to fit, such as one that remembers what it has fitted before."""
    decision = run.decision
    if decision.verdict is Verdict.PROMOTE and run.use_case.settings.window.refit != "never":
        fault = _make(run, fit, timed=timed)
        run.decision = decision.model_copy(update={"refit": _judge(run, fault)})
    return run.decision


def fit_again(run: Run, folder: Path) -> Model:
    """Fit the recipe of this tick's candidate on everything that is mature, and write the model.

    Raises:
        Refusal: If it cannot be trained.
    """
    from kpi_gate.run.candidate import Again, train_candidate

    rows, settings = run.snapshot.learnable, run.use_case.settings.window
    windows = without_gate(rows["event_time"], settings, run.windows)
    again = Again(run.candidate, averaged=settings.refit == "averaged")
    return train_candidate(run, rows, windows, folder, run.snapshot.fingerprint, again)


def _make(run: Run, fit: Fit, *, timed: bool) -> str:
    """Write the refit and what it does on the gate rows, once; return what stopped it.

    A run that is killed in between begins anew; one that is killed later judges the same files.
    """
    folder = run.work / REFIT
    settings = policy_hash(run.use_case.settings.model_dump_json())
    digests = [run.decision.decision_id, run.candidate.card.contender.digest]
    of = digest([*digests, settings, machine_hash()])
    if (folder / MARK).exists() and (told := read_json(folder / MARK)).get("of") == of:
        return str(told["fault"])
    clear(folder)
    fault = ""
    try:
        run.refitted = fit(run, folder / "candidate")
        # how days stray is the twin's to show: what it gains was measured
        compare_model(run, run.refitted, folder / "evidence", timed=timed, look_back=False)
    except Refusal as refusal:
        fault = refusal.reason
    partial_mark = (folder / MARK).with_suffix(".partial")
    partial_mark.write_text(json.dumps({"of": of, "fault": fault}), encoding="utf-8")
    partial_mark.replace(folder / MARK)
    return fault


def _judge(run: Run, fault: str) -> Refit:
    """Hold the refit against its twin."""
    if fault:
        return not_made(run.candidate.card.contender.digest, fault)
    folder, window = run.work / REFIT, run.use_case.settings.window
    return hold_against_twin(
        read_evidence(run.work / "evidence"),
        read_evidence(folder / "evidence"),
        run.use_case.settings.gate(),
        may_change=window.refit_may_change,
        may_lose=window.refit_may_lose,
        averaged=window.refit == "averaged",
        checks=[_scores_as_made(run.refitted)],
    )


def _scores_as_made(model: Model) -> Check:
    """Load it as a server would and score its golden rows."""
    try:
        fault = golden_difference(model)
    except (ModelError, ScoringError, OSError, ValueError, KeyError) as error:
        fault = f"its golden rows cannot be scored: {error}"
    return agreement(name="golden rows", passed=not fault, reason=fault or "all score as when made")
