"""Promotion policies that meet the same history, tick by tick: the gate, and what others do."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import pandas as pd

from kpi_gate.backtest.scenario import Scenario
from kpi_gate.backtest.snapshots import (
    UNHELD,
    copy,
    keep,
    read_json,
    refit_once,
    train_on_all_once,
    train_once,
    write_json,
)
from kpi_gate.data.snapshot import SNAPSHOT
from kpi_gate.decision.evidence import Contender
from kpi_gate.decision.verdict import Decision, Verdict
from kpi_gate.evaluation.comparison import gate_rows
from kpi_gate.evaluation.scored_model import make_side
from kpi_gate.learning.scoring import ScoringError
from kpi_gate.pipeline import decide, stages
from kpi_gate.pipeline.refit import refit_with
from kpi_gate.pipeline.ticks import write_tick
from kpi_gate.pipeline.validating import validate_snapshot
from kpi_gate.record.dvc_stages import clear
from kpi_gate.record.model_files import Model
from kpi_gate.record.registered import ModelError
from kpi_gate.run.champion import stand_in
from kpi_gate.run.context import REFIT, Run
from kpi_gate.usecase.refusal import Refusal

GATE, METRIC, ALWAYS, NEVER, ORACLE = "gate", "metric", "always", "never", "oracle"
BASELINE = "baseline"
NO_CANDIDATE = "no candidate"
AGAIN = "-refit"  # of the name of a model that was fitted again after it was chosen
Answer = tuple[str, bool, str, str]  # candidate, whether it moved, verdict, why
POLICIES = {
    GATE: "this gate",
    ALWAYS: "always promote the newest candidate",
    METRIC: "promote where the AUC is higher on the same fresh rows",
    UNHELD: "always promote a model trained on everything mature, which nothing can judge",
    NEVER: "never retrain after the first model",
    BASELINE: "the rule of thumb, and no model at all",
    ORACLE: "in hindsight, whatever earns most until the next tick",
}


@dataclass(frozen=True)
class Move:
    """What a policy did at a tick.

    Attributes:
        model: Name of the model in use afterwards; empty for the baseline.
        candidate: Name of the model that asked for promotion; empty where there was none.
        moved: Whether it was promoted.
        verdict: What the gate said; of the metric `higher`, `not higher` or `no candidate`.
        sentence: Why.
    """

    model: str
    candidate: str
    moved: bool
    verdict: str
    sentence: str


def step(scenario: Scenario, policy: str, number: int) -> None:
    """Let a policy act at a tick, after all ticks before; once done it stays done."""
    path = _path(scenario, policy, number)
    if path.exists():
        return
    before = moves(scenario, policy, number)
    facts = read_json(scenario.facts(number))
    run = scenario.run(number, policy)
    in_use = before[-1].model if before else ""
    if "refused" in facts:
        check, reason = facts["refused"]
        candidate, moved, verdict, sentence = "", False, Verdict.INVALID.value, reason
        if policy == GATE:
            _note(run, run.refuse(Refusal(check, reason)), 0, "")
    else:
        _prepare(scenario, run, number, before, facts["fingerprint"])
        candidate, moved, verdict, sentence = _ASKED[policy](scenario, run, number, in_use, facts)
    move = Move(candidate if moved else in_use, candidate, moved, verdict, sentence)
    write_json(path, asdict(move))


def moves(scenario: Scenario, policy: str, number: int) -> list[Move]:
    """Return what a policy did before a tick, oldest first."""
    return [Move(**read_json(_path(scenario, policy, earlier))) for earlier in range(number)]


def _path(scenario: Scenario, policy: str, number: int) -> Any:
    return scenario.folder / policy / "moves" / f"{number:04d}.json"


def _prepare(scenario: Scenario, run: Run, number: int, before: list[Move], frozen: str) -> None:
    """Lay the tick's rows, the champion in use and the anchor where a retraining finds them."""
    run.work.mkdir(parents=True, exist_ok=True)
    link = run.work / SNAPSHOT
    link.unlink(missing_ok=True)
    link.symlink_to(scenario.snapshot(number))
    run.begin(run.frozen_as(frozen))
    recorded = len(run.history.of_kind("quarantine"))
    for body in scenario.quarantined(number)[recorded:]:
        run.append("quarantine", f"quarantine {body['days'][0]}", body)
    write_tick(run)
    folder = run.work / "champion"
    clear(folder)
    in_use = before[-1].model if before else ""
    if not in_use:
        stand_in(run, folder)
        return
    copy(scenario.model(in_use), folder)
    copy(scenario.model(next(move.model for move in before if move.model)), folder / "anchor")


def _ask_the_gate(
    scenario: Scenario, run: Run, number: int, in_use: str, facts: dict[str, Any]
) -> Answer:
    """Do what `retrain` does: validate, train, compare, decide, record; promote or leave it."""
    candidate = ""
    try:
        validate_snapshot(run)
        train_once(run, scenario.shelf)
        candidate = f"{GATE}-{number:04d}"
        _keep_model(scenario, run, candidate, run.candidate)
        stages.compare_on_snapshot(run, timed=False)
        decide(run)
        fit = partial(refit_once, scenario.shelf)
        decision = refit_with(run, fit, timed=False)
        if decision.refit is not None and decision.refit.agrees:
            candidate += AGAIN
            _keep_model(scenario, run, candidate, run.to_promote)
    except Refusal as refusal:
        decision = run.refuse(refusal)
    _note(run, decision, facts["rows"], candidate)
    moved = decision.verdict is Verdict.PROMOTE  # until the first, the rule of thumb decides
    return candidate, moved, decision.verdict.value, decision.sentence


def _note(run: Run, decision: Decision, rows: int, candidate: str) -> None:
    """Write the decision into the play's own ledger: later ones learn from all candidates."""
    if decision.decision_id in run.history.decisions:
        return  # the play was cut off after this
    body = {
        "as_of": run.as_of.isoformat(),
        "verdict": decision.verdict.value,
        "snapshot": "",  # a play keeps none in DVC
        "snapshot_rows": rows,
        "champion": decision.lineage.champion.name if decision.lineage else "",
        "version": candidate,
        "sentence": decision.sentence,
        "decision": decision.model_dump(mode="json"),
    }
    run.append("decision", decision.decision_id, body)


def _ask_the_metric(
    scenario: Scenario, run: Run, number: int, in_use: str, facts: dict[str, Any]
) -> Answer:
    """Promote where the metric is higher, as most templates do; the rows at least are the same."""
    name, fault = _candidate(scenario, run, METRIC, number)
    try:
        ours, theirs = _metrics(run) if name and in_use else (1.0, 0.0)
    except (ModelError, ScoringError) as error:
        name, fault = "", str(error)
    if not name:
        return "", False, NO_CANDIDATE, fault
    words = f"AUC {ours:.4f} against {theirs:.4f}" if in_use else "the first model"
    if ours > theirs:
        return _fitted_again(scenario, run, name), True, "higher", words
    return name, False, "not higher", words


def _ask_nobody(
    scenario: Scenario, run: Run, number: int, in_use: str, facts: dict[str, Any]
) -> Answer:
    """Promote whatever could be trained."""
    name, fault = _candidate(scenario, run, ALWAYS, number)
    if not name:
        return "", False, NO_CANDIDATE, fault
    return _fitted_again(scenario, run, name), True, "newest", fault


def _candidate(scenario: Scenario, run: Run, policy: str, number: int) -> tuple[str, str]:
    """Train a candidate as a retraining does; return its name, or what failed."""
    name = f"{policy}-{number:04d}"
    _set_aside(run)
    try:
        train_once(run, scenario.shelf)
        _keep_model(scenario, run, name, run.candidate)
    except Refusal as refusal:
        return "", str(refusal)
    return name, ""


def _ask_for_everything(
    scenario: Scenario, run: Run, number: int, in_use: str, facts: dict[str, Any]
) -> Answer:
    """Promote what is trained on the newest rows too, so that none are left to judge it by."""
    name = f"{UNHELD}-{number:04d}"
    _set_aside(run)
    try:
        shelved = train_on_all_once(run, scenario.shelf)
    except Refusal as refusal:
        return "", False, NO_CANDIDATE, str(refusal)
    keep(scenario.model(name), lambda folder: copy(shelved, folder))
    return name, True, "newest", ""


def _set_aside(run: Run) -> None:
    """Leave out single bad rows where the settings tolerate them; nobody asks what else is bad."""
    if run.use_case.settings.validation.tolerated_share:
        with suppress(Refusal):
            validate_snapshot(run)


_ASKED: dict[str, Callable[..., Answer]] = {
    GATE: _ask_the_gate,
    METRIC: _ask_the_metric,
    ALWAYS: _ask_nobody,
    UNHELD: _ask_for_everything,
}
ACTING = tuple(_ASKED)


def _metrics(run: Run) -> tuple[float, float]:
    """Return the AUC of candidate and champion on the fresh rows; equal where there is none."""
    from sklearn.metrics import roc_auc_score

    gate = gate_rows(run.snapshot.learnable, run.windows)
    outcome = gate["outcome"].to_numpy(dtype=float)
    known = pd.notna(outcome)
    if len(set(outcome[known])) < 2:
        return 0.5, 0.5
    rate, pair = run.candidate.card.outcome_rate, (run.candidate, run.champion)
    ours, theirs = (
        make_side(side, model, run.use_case, gate, rate).probability[known]
        for side, model in zip(("candidate", "champion"), pair, strict=True)
    )
    return (
        float(roc_auc_score(outcome[known], ours)),
        float(roc_auc_score(outcome[known], theirs)),
    )


def _fitted_again(scenario: Scenario, run: Run, name: str) -> str:
    """Fit what is promoted again where the settings say so; nobody asks whether it agrees."""
    folder = run.work / REFIT / "candidate"
    if run.use_case.settings.window.refit == "never":
        return name
    try:
        clear(folder)
        model = refit_once(scenario.shelf, run, folder)
    except Refusal:
        return name
    _keep_model(scenario, run, f"{name}{AGAIN}", model)
    return f"{name}{AGAIN}"


def _keep_model(scenario: Scenario, run: Run, name: str, model: Model) -> None:
    """Keep a model under its name, as a registry would give it back after a promotion."""
    made, card = model.folder, model.card
    known = {"name": name, "promoted_on": run.windows.gate.end}
    contender = Contender.model_validate({**card.contender.model_dump(), **known})

    def fill(folder: Any) -> None:
        copy(made, folder)
        card.model_copy(update={"contender": contender}).write(folder)

    keep(scenario.model(name), fill)


def in_use(scenario: Scenario, policy: str) -> list[str]:
    """Return the model that a policy had in use in each period; empty for the rule of thumb."""
    count = len(scenario.ticks)
    if policy == BASELINE:
        return [""] * count
    if policy != NEVER:
        return [move.model for move in moves(scenario, policy, count)]
    begun = in_use(scenario, ALWAYS)
    first = next((model for model in begun if model), "")
    return [first if model else "" for model in begun]
