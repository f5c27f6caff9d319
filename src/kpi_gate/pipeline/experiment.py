"""Start an experiment, look at it on its days, stop it, and take in one that was run elsewhere."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from math import isclose, isfinite
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from kpi_gate.decision.evidence import BASELINE
from kpi_gate.decision.fingerprint import digest
from kpi_gate.errors import ConfigurationError
from kpi_gate.experiment.log import SqlTable, read_log, shown
from kpi_gate.experiment.outcomes import Joined, with_outcomes
from kpi_gate.experiment.past import past_column, past_of
from kpi_gate.experiment.plan import Plan
from kpi_gate.experiment.record import Experiment, ExperimentBook
from kpi_gate.experiment.result import Analysis, ExperimentVerdict, Fault, Look
from kpi_gate.pipeline.loading import load_rows
from kpi_gate.record import ledger_lookup
from kpi_gate.record.ledger import Entry
from kpi_gate.release.alias_move import asked_by
from kpi_gate.run.context import Run
from kpi_gate.text import number
from kpi_gate.usecase.refusal import Refusal

if TYPE_CHECKING:
    from pandas import DataFrame

EXPOSURES = "exposures"  # folder of the logs, beside those of the rows
SAME = 1e-9  # relative: as far as the same sums may differ when they are formed again


@dataclass(frozen=True)
class Seen:
    """What a look at an experiment came to.

    Attributes:
        experiment: As the ledger holds it by now.
        analysis: What is seen; looks that were recorded are those of the record.
        joined: How many outcomes came from the use case's own rows, in a sentence; empty where the
            log has them.
    """

    experiment: Experiment
    analysis: Analysis
    joined: str = ""

    @property
    def name(self) -> str:
        """Name of the experiment."""
        return self.experiment.name


def log_of(run: Run) -> Path | SqlTable:
    """Return where the log of the use case's experiments is.

    Raises:
        ConfigurationError: If the YAML names a table and the environment no database.
    """
    said = run.use_case.settings.experiment.log
    if said is None:
        return run.workspace.root / "data" / EXPOSURES / run.name
    if said.sql is None:
        return (run.workspace.root / str(said.path)).resolve()
    url = run.workspace.experiment_log_url.get_secret_value()
    if not url:
        raise ConfigurationError(
            f"use case {run.name}: experiment.log.sql == {said.sql!r}: no database: set "
            "KPI_GATE_EXPERIMENT_LOG_URL"
        )
    return SqlTable(url, said.sql)


def logged(run: Run, plan: Plan, started: datetime) -> Joined:
    """Return the log with what came of its decisions, and each unit's past where the plan uses it.

    Raises:
        LogError: If it cannot be read, is empty, or breaks its contract.
        ConfigurationError: If outcomes must come from the use case's rows, which cannot be loaded.
    """
    log = read_log(log_of(run), plan, keys=True)

    @cache
    def rows() -> "DataFrame":
        try:
            return load_rows(run)
        except Refusal as refusal:
            raise ConfigurationError(
                f"the log says no {plan.metric.numerator}, and the rows of {run.name} that would "
                f"cannot be loaded: {refusal}"
            ) from refusal

    joined = with_outcomes(log, plan.metric, run.use_case, rows)
    if not plan.covariate_correlation or "past" in joined.table.column_names:
        return joined
    past = past_of(run.use_case, rows(), started, plan.metric)
    found = past_column(joined.table["unit"].to_pandas(), past)
    column = pa.array(found, pa.float64(), from_pandas=True)
    return replace(joined, table=joined.table.append_column("past", column))


def place_of_log(run: Run) -> str:
    """Return where the log is, as people read it."""
    source = log_of(run)
    return shown(source if isinstance(source, SqlTable) else run.workspace.shown(source))


def page_of(run: Run, name: str) -> Path:
    """Return where the page of an experiment is written."""
    return run.workspace.home / "experiments" / run.name / f"{name}.html"


def start(run: Run, *, wanted: str = "", anyway: str = "") -> Experiment:
    """Start the experiment that was planned last, or another one by its name, as it was planned.

    Args:
        run: The use case; exposures count from its moment on.
        wanted: How the experiment's name begins; empty for the one planned last.
        anyway: Why to start what its plan calls not worth it; empty where it is.

    Raises:
        ConfigurationError: If it was started before, another one runs, the YAML or the champion
            have changed since it was planned, or it is not worth it and no reason was given.
        LedgerError: If the ledger cannot be written.
    """
    book = ExperimentBook(run)
    running = book.running
    if running is not None and (not wanted or running.name.startswith(wanted)):
        raise ConfigurationError(
            f"experiment {running.name} of {run.name} was started before, on "
            f"{running.started:%Y-%m-%d %H:%M} UTC: it runs; nothing was started"
        )
    if running is not None:
        raise ConfigurationError(
            f"experiment {running.name} of {run.name} runs since {running.started:%Y-%m-%d}: one "
            f"at a time; `kpi-gate experiment stop {run.name} --reason ...` stops it"
        )
    experiment = book.named(wanted)
    _require_startable(run, experiment, anyway)
    book.start(experiment, asked_by=asked_by(), reason=anyway)
    return book.get(experiment.name)


def _require_startable(run: Run, experiment: Experiment, anyway: str) -> None:
    plan, again = experiment.plan, f"plan anew: `kpi-gate experiment plan {run.name}`"
    if experiment.started is not None:
        raise ConfigurationError(
            f"experiment {experiment.name} of {run.name} was started before, on "
            f"{experiment.started:%Y-%m-%d}, and has ended with {experiment.verdict}; {again}"
        )
    planned = datetime.fromisoformat(experiment.planned.body["as_of"])
    if run.as_of < planned:
        raise ConfigurationError(
            f"--as-of {run.as_of:%Y-%m-%dT%H:%M}Z: experiment {experiment.name} was planned on "
            f"{planned:%Y-%m-%dT%H:%M}Z: it cannot start before"
        )
    champion = run.history.champion or BASELINE
    if champion != plan.control:
        raise ConfigurationError(
            f"experiment {experiment.name} compares with {plan.control}, and the champion is "
            f"{champion} now; {again}"
        )
    changed = list(changes(run, plan))
    if changed:
        raise ConfigurationError(
            f"experiment {experiment.name}: the YAML of {run.name} was changed since it was "
            f"planned: {'; '.join(changed)}; {again}"
        )
    if not plan.worth_it and not anyway:
        raise ConfigurationError(
            f"experiment {experiment.name} is not worth it: {plan.advice}. Start it all the same "
            "by --anyway and a --reason"
        )


def changes(run: Run, plan: Plan) -> Sequence[str]:
    """Return what the YAML says otherwise than a plan that was made from it."""
    settings = run.use_case.settings
    said, objective = settings.experiment, settings.objective
    effect = said.minimum_effect
    margins = tuple((m.column, m.direction, m.margin) for m in plan.margins)
    now: dict[str, tuple[object, object]] = {
        "objective.kpi": (objective.kpi, plan.kpi),
        "objective.unit": (objective.unit, plan.unit),
        "objective.horizon_decisions": (objective.horizon_decisions, plan.horizon_decisions),
        "experiment.minimum_effect": (effect or plan.minimum_effect, plan.minimum_effect),
        "experiment.power": (said.power, plan.power),
        "experiment.margins": (
            tuple((m.column, m.direction, m.margin) for m in said.margins),
            margins,
        ),
    }
    if plan.kind == "ab":
        now["experiment.treatment_share"] = (said.treatment_share, plan.treatment_share)
        now["experiment.looks"] = (said.looks, plan.looks)
    return [f"{key} == {new}, the plan has {old}" for key, (new, old) in now.items() if new != old]


def look_at_experiment(run: Run, *, wanted: str = "") -> Seen:
    """Look at the experiment that runs: record each look on its day, and how it ends.

    A look that was recorded is taken from the ledger. Where the log says otherwise by now, that is
    told, and nothing that was recorded changes.

    Raises:
        ConfigurationError: If there is none, it was not started, or the log breaks its contract.
        LedgerError: If the ledger cannot be written.
    """
    book = ExperimentBook(run)
    experiment = book.named(wanted)
    if experiment.started is None:
        raise ConfigurationError(
            f"experiment {experiment.name} of {run.name} was not started: `kpi-gate experiment "
            f"start {run.name}` starts it"
        )
    if run.as_of < experiment.started:
        raise ConfigurationError(
            f"--as-of {run.as_of:%Y-%m-%dT%H:%M}Z: experiment {experiment.name} was started on "
            f"{experiment.started:%Y-%m-%dT%H:%M}Z"
        )
    joined = logged(run, experiment.plan, experiment.started)
    analysis = seen_again(run, experiment, joined)
    if experiment.end is None:
        experiment = _record(book, experiment, analysis)
    return Seen(experiment, _with_changes(run, analysis), joined.sentence)


def look_at_running(run: Run) -> Seen | None:
    """Look at the experiment that runs, as on a schedule; None where none does.

    Raises:
        ConfigurationError: If the log breaks its contract.
        LedgerError: If the ledger cannot be written.
    """
    running = ExperimentBook(run).running
    return None if running is None else look_at_experiment(run, wanted=running.name)


def seen_again(run: Run, experiment: Experiment, joined: Joined) -> Analysis:
    """Return what the log shows now, up to the end where there was one; nothing is recorded.

    Raises:
        ConfigurationError: If it was not started.
    """
    from kpi_gate.experiment.analysis import analyse

    if experiment.started is None:
        raise ConfigurationError(f"experiment {experiment.name} was not started")
    end = experiment.end
    until = run.as_of if end is None else datetime.fromisoformat(end.body["ended"])
    found = analyse(joined.table, experiment.plan, started=experiment.started, as_of=until)
    return _held_against(experiment, _with_faults(found, joined))


def _with_faults(analysis: Analysis, joined: Joined) -> Analysis:
    """Say of a log how many outcomes were not found; where none was, nothing may be concluded."""
    if not joined.lost:
        return analysis
    none = joined.lost == 1.0
    fault = Fault(
        check="outcomes_found",
        severity="invalid" if none else "warning",
        reason=joined.sentence,
        value=joined.lost,
        bound=0.0,
    )
    return _faulty(analysis, fault)


def _with_changes(run: Run, analysis: Analysis) -> Analysis:
    """Say that the YAML was changed since; the plan holds all the same."""
    changed = changes(run, analysis.plan)
    if not changed:
        return analysis
    reason = f"the YAML was changed since the plan, which holds: {'; '.join(changed)}"
    return _faulty(analysis, Fault(check="plan_unchanged", severity="warning", reason=reason))


def _faulty(analysis: Analysis, fault: Fault) -> Analysis:
    changed: dict[str, object] = {"faults": (*analysis.faults, fault)}
    if fault.severity == "invalid":
        changed |= {"verdict": ExperimentVerdict.INVALID, "because": fault.reason}
    return analysis.model_copy(update=changed)


def _held_against(experiment: Experiment, analysis: Analysis) -> Analysis:
    """Take what was recorded from the record; say where the log says otherwise now."""
    found = {look.number: look for look in analysis.looks}
    unlike = [look for look in experiment.looks if not _same(look, found.get(look.number))]
    later = [look for number, look in found.items() if number > len(experiment.looks)]
    held = analysis.model_copy(update={"looks": (*experiment.looks, *later)})
    for look in unlike[:1]:
        now = found.get(look.number)
        says = f"gives {number(now.effect.estimate, sign=True)}" if now else "gives no such look"
        reason = (
            f"look {look.number} was recorded with {number(look.effect.estimate, sign=True)} "
            f"{experiment.plan.unit} a decision, the log as it is now {says}: it was written anew; "
            "what was recorded stands"
        )
        fault = Fault(
            check="log_unchanged",
            reason=reason,
            value=now.effect.estimate if now else None,
            bound=look.effect.estimate,
        )
        held = _faulty(held, fault)
    if experiment.end is None:
        return held
    said = {"verdict": experiment.verdict, "because": experiment.end.body["reason"]}
    return held.model_copy(update={**said, "next_look": None})


def _same(old: Look, new: Look | None) -> bool:
    if new is None or (old.at, old.effect.units, old.effect.decisions) != (
        new.at,
        new.effect.units,
        new.effect.decisions,
    ):
        return False
    return all(
        isclose(was, now, rel_tol=SAME, abs_tol=SAME * old.effect.standard_error)
        for was, now in (
            (old.effect.estimate, new.effect.estimate),
            (old.effect.standard_error, new.effect.standard_error),
        )
    )


def _record(book: ExperimentBook, experiment: Experiment, analysis: Analysis) -> Experiment:
    """Record the looks that are new, and the end if this is it.

    An invalid log proves nothing, and may be mended: only when nothing more can come it is the end.
    """
    verdict, name = analysis.verdict, experiment.name
    if verdict is ExperimentVerdict.INVALID:
        if analysis.as_of >= experiment.plan.readable_times(analysis.started)[-1]:
            book.end(experiment, verdict, analysis, "look")
        return book.get(name)
    for look in analysis.looks[len(experiment.looks) :]:
        book.look(book.get(name), look, analysis)
    if verdict is not ExperimentVerdict.RUNNING:
        stopped_by = "harm" if analysis.stopped_for_harm else "look"
        book.end(book.get(name), verdict, analysis, stopped_by)  # type: ignore[arg-type]
    return book.get(name)


def stop(run: Run, reason: str) -> Experiment:
    """Stop the experiment that runs; it is inconclusive, unless a look had decided.

    Its lift is that of its last recorded look: what a person sees between looks is none.

    Raises:
        ConfigurationError: If none runs.
        LedgerError: If the ledger cannot be written.
    """
    book = ExperimentBook(run)
    if book.running is None:
        raise ConfigurationError(f"{run.name}: no experiment runs: there is nothing to stop")
    analysis: Analysis | None = None
    try:
        seen = look_at_experiment(run)  # what is due is recorded first
    except ConfigurationError:
        experiment = book.running
    else:
        experiment, analysis = seen.experiment, seen.analysis
        if experiment.end is not None:
            raise ConfigurationError(
                f"experiment {experiment.name} of {run.name} has ended with {experiment.verdict}: "
                "there is nothing to stop"
            )
    if experiment is None:
        raise ConfigurationError(f"{run.name}: the experiment has ended meanwhile")
    invalid = analysis is not None and analysis.verdict is ExperimentVerdict.INVALID
    book.end(
        experiment,
        ExperimentVerdict.INVALID if invalid else ExperimentVerdict.INCONCLUSIVE,
        analysis,
        "person",
        effect=experiment.looks[-1].effect if experiment.looks else None,
        asked_by=asked_by(),
        reason=reason,
    )
    return book.get(experiment.name)


@dataclass(frozen=True)
class Elsewhere:
    """What an experiment that was run elsewhere has shown.

    Attributes:
        about: The decision, or the version, that it was about.
        effect: Lift of the KPI per decision, over all decisions.
        error: Its standard error.
        unit: Unit of the two.
        start: Its first day, UTC.
        end: Its last day.
        tool: What ran it, such as GrowthBook.
        randomised: Whether chance decided who got which version.
    """

    about: str
    effect: float
    error: float | None
    unit: str
    start: datetime
    end: datetime
    tool: str
    randomised: bool = True


def import_effect(run: Run, given: Elsewhere) -> Entry:
    """Record what an experiment that was run elsewhere has shown of a decision's candidate.

    Raises:
        ConfigurationError: If its error is missing, its unit or its dates cannot be right, nobody
            knows the decision, or it was taken in before.
        LedgerError: If the ledger cannot be written.
    """
    _require_sound(run, given)
    decision = _decision(run, given.about)
    effect, error = given.effect, given.error
    body = {
        "decision": decision.subject,
        "version": decision.body["version"],
        "estimate": effect,
        "standard_error": error,
        "unit": given.unit,
        "start": given.start.isoformat(),
        "end": given.end.isoformat(),
        "tool": given.tool,
        "randomised": given.randomised,
    }
    name = digest([run.name, body])
    if name in ExperimentBook(run).rows.imported:
        raise ConfigurationError(f"{run.name}: this effect was taken in before; nothing was added")
    how = "" if given.randomised else ", not randomised"
    sentence = (
        f"{number(effect, sign=True)} +- {number(error)} {given.unit} a decision, by {given.tool}"
    )
    more = {"as_of": run.as_of.isoformat(), "sentence": sentence + how, "asked_by": asked_by()}
    return ExperimentBook(run).take_in(name, {**body, **more})


def _require_sound(run: Run, given: Elsewhere) -> None:
    if given.error is None:
        raise ConfigurationError(
            "--error is missing: an effect without its standard error says nothing; of a 95 % "
            "interval it is (upper - lower) / 3.92"
        )
    if not isfinite(given.effect):
        raise ConfigurationError(f"--effect {given.effect:g}, must be a finite number")
    if not (isfinite(given.error) and given.error > 0):
        raise ConfigurationError(f"--error {given.error:g}, must be > 0 and finite")
    unit = run.use_case.settings.objective.unit
    if given.unit != unit:
        raise ConfigurationError(
            f"--unit {given.unit!r}, must be {unit!r}, in which {run.name} counts: effect and "
            f"error are {unit} a decision, over all decisions"
        )
    if not given.tool.strip():
        raise ConfigurationError("--tool is empty: say what ran the experiment")
    if given.end <= given.start:
        raise ConfigurationError(
            f"--end {given.end:%Y-%m-%d} must be after --start {given.start:%Y-%m-%d}"
        )
    if given.end > run.as_of:
        raise ConfigurationError(
            f"--end {given.end:%Y-%m-%d} must not be in the future: take it in when it has ended"
        )


def _decision(run: Run, about: str) -> Entry:
    """Return the decision that an id, or a version, names."""
    made = run.history.decision_on(about)
    if made is not None:
        return made
    found, _ = ledger_lookup.find(run.ledger, about)
    if found.use_case != run.name:
        raise ConfigurationError(f"decision {found.subject} is about {found.use_case}")
    if not found.body["version"]:
        raise ConfigurationError(
            f"decision {found.subject} is {found.body['verdict']}: it registered no version"
        )
    return found
