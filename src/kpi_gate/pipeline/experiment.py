"""Look at an experiment on its days, and stop it; the other verbs about it are beside."""

from dataclasses import dataclass
from datetime import datetime
from math import isclose
from pathlib import Path

from kpi_gate.errors import ConfigurationError
from kpi_gate.experiment.outcomes import Joined
from kpi_gate.experiment.record import Experiment, ExperimentBook
from kpi_gate.experiment.result import Analysis, ExperimentVerdict, Fault, Look
from kpi_gate.pipeline.experiment_log import logged
from kpi_gate.pipeline.experiment_start import changes
from kpi_gate.release.alias_move import asked_by
from kpi_gate.run.context import Run
from kpi_gate.text import number

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


def page_of(run: Run, name: str) -> Path:
    """Return where the page of an experiment is written."""
    return run.workspace.home / "experiments" / run.name / f"{name}.html"


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
    if fault.fatal:
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
