"""Plan an experiment from the last snapshot: what money varies by, at today's pace."""

import tempfile
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kpi_gate.data.snapshot import SNAPSHOT
from kpi_gate.decision.evidence import BASELINE
from kpi_gate.decision.verdict import Verdict
from kpi_gate.errors import ConfigurationError
from kpi_gate.evaluation.scored_model import Side, make_side
from kpi_gate.experiment.past import FEWEST_BACK, past_column, past_of
from kpi_gate.experiment.past_use import PastUse
from kpi_gate.experiment.plan import Metric, Plan
from kpi_gate.experiment.planning import plan_experiment
from kpi_gate.experiment.record import Experiment, ExperimentBook
from kpi_gate.learning.scoring import ScoringError
from kpi_gate.record import ledger_lookup
from kpi_gate.record.ledger import Entry
from kpi_gate.record.ledger_brief import stated
from kpi_gate.record.ledger_view import LedgerView
from kpi_gate.record.model_files import Model
from kpi_gate.record.registered import ModelError
from kpi_gate.release.alias_move import asked_by
from kpi_gate.run.champion import stand_in
from kpi_gate.run.context import Run
from kpi_gate.run.opening import last_tick

HISTORY = timedelta(weeks=26)  # of rows that say how money varies, and how units come back
FEWEST_UNITS = 30  # of the newer half, from which on a correlation with the past is believed


def plan_and_record(
    run: Run, *, about: str = "", minimum_effect: float | None = None
) -> Experiment:
    """Plan an experiment of a decision's candidate against the champion, and record the plan.

    Args:
        run: The use case and the moment.
        about: How the decision's id begins; empty for the newest that needs an experiment, else
            the newest that is measured against the champion in use.
        minimum_effect: Smallest effect that must not be missed; None for that of the YAML.

    Raises:
        ConfigurationError: If an experiment runs, there is no decision, snapshot or effect to plan
            with, or the decision was measured against another champion.
        LedgerError: If the ledger cannot be written.
    """
    book = ExperimentBook(run)
    if book.running is not None:
        name = book.running.name
        raise ConfigurationError(
            f"experiment {name} of {run.name} runs, and keeps to its plan; "
            f"`kpi-gate experiment stop {run.name} --reason ...` stops it"
        )
    decision = _decision(run, about)
    tick = last_tick(run.name)
    if not (tick.work / SNAPSHOT).exists():
        raise ConfigurationError(f"{run.name} has no snapshot: run `kpi-gate snapshot {run.name}`")
    with tempfile.TemporaryDirectory() as scratch:
        models = _champion(run, Path(scratch)), _candidate(run, decision, Path(scratch))
        plan = plan_of(tick, decision, models, minimum_effect, life_of(run.history))
    book.plan(plan, asked_by=asked_by())
    return book.get(plan.experiment)


def plan_with(run: Run, decision: Entry) -> Entry | None:
    """Record the plan of the experiment that a decision asks for; None where none can be made.

    `kpi-gate experiment plan` then says why.

    Raises:
        LedgerError: If the ledger cannot be written.
    """
    book = ExperimentBook(run)
    if decision.body["verdict"] != Verdict.AB_REQUIRED or not run.is_frozen:
        return None
    if book.rows.of_decision(decision.subject):
        return None
    try:
        models = run.champion, run.candidate
        plan = plan_of(run, decision, models, None, life_of(run.history))
    except (ConfigurationError, ScoringError, ModelError):
        return None
    return book.plan(plan, asked_by=asked_by(), reason=f"decision {decision.subject} needs it")


def _decision(run: Run, about: str) -> Entry:
    history, champion = run.history, run.history.champion or BASELINE
    if about:
        found, _ = ledger_lookup.find(run.ledger, about)
        if found.use_case != run.name or not found.body["version"]:
            raise ConfigurationError(
                f"decision {found.subject} of {found.use_case} is {found.body['verdict']}: it has "
                f"no candidate of {run.name}"
            )
        if found.body["champion"] != champion:
            raise ConfigurationError(
                f"decision {found.subject} was measured against {found.body['champion']}, the "
                f"champion is {champion} now: retrain, and plan for what comes of it"
            )
        return found
    made = [
        entry
        for entry in history.of_kind("decision")
        if entry.body["version"]
        and entry.body["champion"] == champion
        and entry.body["version"] != champion
    ]
    asking = [
        entry
        for entry in made
        if entry.body["verdict"] == Verdict.AB_REQUIRED
        and not any(name in history.experiments.ended for name in _tried(run, entry))
    ]
    if not made:
        raise ConfigurationError(
            f"{run.name} has no candidate against {champion}: run `kpi-gate retrain {run.name}`"
        )
    return (asking or made)[-1]


def _tried(run: Run, decision: Entry) -> list[str]:
    return run.history.experiments.of_decision(decision.subject)


def _champion(run: Run, folder: Path) -> Model:
    """Fetch the champion in use, or stand the baseline in."""
    if not run.history.champion:
        return stand_in(run, folder)
    try:
        return run.fetch(run.history.champion, folder / "champion")
    except ModelError as error:
        raise ConfigurationError(f"the champion cannot be read: {error}") from error


def plan_of(
    run: Run,
    decision: Entry,
    models: tuple[Model, Model | None],
    minimum_effect: float | None,
    life: float | None,
) -> Plan:
    """Plan an experiment from the rows of a run's snapshot.

    Args:
        run: Its snapshot says how money varies between units.
        decision: Whose candidate is the treatment.
        models: The control, and the treatment where it can be had.
        minimum_effect: Smallest effect that must not be missed; None for that of the YAML, else
            what a gain must exceed, else the gain that the gate believes in.
        life: Days that a model lives, where the YAML does not say it; None where nobody knows.

    Raises:
        ConfigurationError: If there is nothing to plan with.
    """
    use_case = run.use_case
    said, objective = use_case.settings.experiment, use_case.settings.objective
    effect = minimum_effect or said.minimum_effect or objective.delta
    effect = effect or stated(decision.body, "decision.gain.shrunk") or 0.0
    if not effect > 0:
        raise ConfigurationError(
            f"{run.name}: nothing says what is worth detecting: objective.min_effect is 0; give "
            "--minimum-effect"
        )
    ratio = use_case.settings.estimator.kind == "ratio"
    metric = Metric(numerator="outcome", denominator="action") if ratio else Metric()
    rows = _mature(run)
    control = _side(run, rows, models[0])
    history = _history(rows, control, metric)
    share, apart = _apart(run, rows, control, models[1], metric) or (_disagreement(decision), None)
    plan = plan_experiment(
        history if apart is None else history.assign(amount=apart),
        use_case=run.name,
        kpi=objective.kpi,
        unit=objective.unit,
        horizon=objective.horizon,
        horizon_decisions=objective.horizon_decisions,
        decision=decision.subject,
        control=str(decision.body["champion"]),
        treatment=str(decision.body["version"]),
        minimum_effect=effect,
        metric=metric,
        disagreement=share,
        covariate_correlation=_correlation(run, rows, history, metric) if apart is None else 0.0,
        power=said.power,
        treatment_share=said.treatment_share,
        looks=said.looks,
        label_delay_days=use_case.settings.window.label_delay_days,
        margins=said.margins,
        model_life_days=said.model_life_days or life,
    )
    if apart is None:
        return plan
    return plan.model_copy(update={"mean": float(history["amount"].mean())})


def _side(run: Run, rows: pd.DataFrame, champion: Model) -> Side:
    """Let the champion act on the rows."""
    try:
        return make_side("champion", champion, run.use_case, rows, _rate(rows))
    except ScoringError as error:
        raise ConfigurationError(f"the champion cannot score the last snapshot: {error}") from error


def _rate(rows: pd.DataFrame) -> float:
    return float(rows["outcome"].mean())


def _apart(
    run: Run, rows: pd.DataFrame, control: Side, candidate: Model | None, metric: Metric
) -> tuple[float, NDArray[np.float64]] | None:
    """Return the share of decisions on which the two differ, and what money varies by there.

    Policies differ where much is at stake: there money varies more than elsewhere. The amounts are
    those of the side that varies more, around their mean there, and nothing where the two agree.
    They are scaled so that the planned variance times the share is the mean of both sides'. None
    where nobody knows on which rows the two differ.
    """
    if candidate is None or metric.numerator != "amount" or run.use_case.choices is not None:
        return None
    try:
        treatment = make_side("challenger", candidate, run.use_case, rows, _rate(rows))
    except ScoringError:
        return None
    sides = control, treatment
    differs = sides[0].action != sides[1].action
    share = float(differs.mean())
    if not 0 < share < 1:
        return None
    spreads = [np.where(differs, side.value - side.value[differs].mean(), 0.0) for side in sides]
    sizes = [float(np.square(values).sum()) for values in spreads]
    if not max(sizes) > 0:
        return None
    widest = spreads[int(np.argmax(sizes))]
    return share, widest * np.sqrt(sum(sizes) / 2 / max(sizes) / share)


def _candidate(run: Run, decision: Entry, folder: Path) -> Model | None:
    """Fetch the candidate of a decision; None where it cannot be had."""
    try:
        return run.fetch(decision.body["version"], folder / "candidate")
    except ModelError:
        return None


def _mature(run: Run) -> pd.DataFrame:
    """Return the newest rows whose outcomes are due and known."""
    rows, settings = run.snapshot.learnable, run.use_case.settings
    delay = timedelta(days=settings.window.label_delay_days)
    due = rows[(rows["event_time"] < run.as_of - delay) & rows["outcome"].notna()]
    if due.empty:
        raise ConfigurationError(f"{run.name}: no outcome of the last snapshot is known yet")
    return due[due["event_time"] >= due["event_time"].max() - HISTORY].reset_index(drop=True)


def _history(rows: pd.DataFrame, side: Side, metric: Metric) -> pd.DataFrame:
    """Return what the champion would have earned, one row a decision."""
    values = side.value
    if metric.numerator == "outcome":  # of a rate, it counts where something was shown
        shown = side.action if metric.denominator == "action" else np.ones(len(rows))
        values = rows["outcome"].to_numpy(dtype=np.float64) * shown
    return pd.DataFrame(
        {
            "unit": rows["unit"],
            "time": rows["event_time"],
            metric.numerator: values,
            "action": side.action,
        }
    )


def _disagreement(decision: Entry) -> float:
    """Return the share of the decisions on which the two differ, as the gate saw them."""
    gain = (decision.body.get("decision") or {}).get("gain") or {}
    changed = gain.get("changed")
    return float(changed) if isinstance(changed, int | float) and 0 < changed <= 1 else 1.0


def _correlation(run: Run, rows: pd.DataFrame, history: pd.DataFrame, metric: Metric) -> float:
    """Return how well a unit's past tells its metric: of the newer half by the older one."""
    first, last = rows["event_time"].min(), rows["event_time"].max()
    middle = first + (last - first) / 2
    newer = (rows["event_time"] >= middle).to_numpy()
    past = past_column(rows["unit"], past_of(run.use_case, rows, middle, metric))[newer]
    part = history[newer].assign(past=past)
    if np.isfinite(past).mean() < FEWEST_BACK or part["unit"].nunique() < FEWEST_UNITS:
        return 0.0
    names = {
        "unit": "unit",
        "time": "time",
        "value": metric.numerator,
        "action": "action" if metric.denominator == "action" else None,
        "past": "past",
    }
    return PastUse(part, names, metric).correlation


def life_of(history: LedgerView) -> float | None:
    """Return the days after which a champion was usually replaced; None where nobody knows."""
    promoted = {done.subject for done in history.of_kind("done")} - {
        row.subject for row in history.entries if row.number in history.uncounted
    }
    moments = sorted(
        datetime.fromisoformat(decision.body["as_of"])
        for name, decision in history.decisions.items()
        if name in promoted
    )
    lives = [(later - sooner).total_seconds() / 86_400 for sooner, later in pairwise(moments)]
    return median(lives) if lives and median(lives) > 0 else None
