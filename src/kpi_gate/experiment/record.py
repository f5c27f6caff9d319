"""The experiments on record: what was planned, which one runs, what its looks saw, how it ended.

Nothing that was recorded changes: each row is written only if the experiment's last row is the one
that the writer knows of.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from kpi_gate.errors import ConfigurationError
from kpi_gate.experiment.plan import Plan
from kpi_gate.experiment.result import Analysis, Effect, ExperimentVerdict, Look
from kpi_gate.record import experiment_rows
from kpi_gate.record.experiment_rows import Experiments
from kpi_gate.record.ledger import Entry

if TYPE_CHECKING:
    from kpi_gate.run.context import Run

Stopped = Literal["look", "harm", "person"]


@dataclass(frozen=True)
class Experiment:
    """One experiment as the ledger holds it.

    Attributes:
        plan: Its plan.
        planned: The row of the plan.
        start: The row of the start; None where it was not started.
        looks: What its looks saw, in order.
        end: The row of the end; None where it has not ended.
        rows: All its rows that count, in order.
        last: Number of its last row; what is written next is written only after it.
    """

    plan: Plan
    planned: Entry
    start: Entry | None
    looks: tuple[Look, ...]
    end: Entry | None
    rows: tuple[Entry, ...]
    last: int

    @property
    def name(self) -> str:
        """Name of the experiment."""
        return self.planned.subject

    @property
    def started(self) -> datetime | None:
        """When the first unit could be exposed; None where it was not started."""
        return None if self.start is None else datetime.fromisoformat(self.start.body["started"])

    @property
    def state(self) -> Literal["planned", "running", "ended"]:
        """How far it is."""
        if self.start is None:
            return "planned"
        return "running" if self.end is None else "ended"

    @property
    def verdict(self) -> ExperimentVerdict | None:
        """What came of it; None before its end."""
        return None if self.end is None else ExperimentVerdict(self.end.body["verdict"])


def read_experiment(rows: Experiments, name: str) -> Experiment:
    """Return an experiment that was planned.

    Raises:
        ConfigurationError: If its plan is not what its name is a hash of.
    """
    planned, start, end = rows.planned[name], rows.started.get(name), rows.ended.get(name)
    looks = rows.looks.get(name, [])
    plan = Plan.model_validate(planned.body["plan"])
    if plan.experiment != name:
        raise ConfigurationError(
            f"experiment {name}: row {planned.number} holds another plan than its name says"
        )
    found = [row for row in (planned, start, *looks, end) if row is not None]
    seen = tuple(Look.model_validate(row.body["look"]) for row in looks)
    return Experiment(plan, planned, start, seen, end, tuple(found), rows.last[name])


class ExperimentBook:
    """The experiments of one use case, read from the ledger and written to it.

    Args:
        run: The use case, and the moment at which rows are written.
        read: What the ledger says, where somebody has read it already; else it is asked each time.
    """

    def __init__(self, run: "Run", read: Experiments | None = None) -> None:
        self.run, self._read = run, read

    @property
    def rows(self) -> Experiments:
        """What the ledger says up to now.

        Raises:
            LedgerError: If it cannot be read, or its chain is broken.
        """
        return self.run.history.experiments if self._read is None else self._read

    @property
    def names(self) -> list[str]:
        """All experiments that were planned, the oldest first."""
        return list(self.rows.planned)

    def get(self, name: str) -> Experiment:
        """Return an experiment that was planned.

        Raises:
            ConfigurationError: If its plan is not what its name is a hash of.
        """
        return read_experiment(self.rows, name)

    def named(self, wanted: str) -> Experiment:
        """Return the one experiment whose name begins so; of '' the one that runs, or the newest.

        Raises:
            ConfigurationError: If there is none, or more than one.
        """
        names = self.names
        if not names:
            name = self.run.name
            raise ConfigurationError(
                f"{name} has no experiment yet: `kpi-gate experiment plan {name}` plans one"
            )
        if not wanted:
            return self.running or self.get(names[-1])
        found = [name for name in names if name.startswith(wanted)]
        if len(found) != 1:
            raise ConfigurationError(
                f"{len(found)} experiments of {self.run.name} begin with {wanted!r}; there are: "
                f"{', '.join(names)}"
            )
        return self.get(found[0])

    @property
    def running(self) -> Experiment | None:
        """The experiment that runs; None where none does."""
        name = self.rows.running
        return self.get(name) if name else None

    def plan(self, plan: Plan, *, asked_by: str, reason: str = "") -> Entry:
        """Record a plan; recording it twice changes nothing."""
        name = plan.experiment
        known = self.rows.planned.get(name)
        if known is not None:
            return known
        body = {
            "plan": plan.model_dump(mode="json"),
            "as_of": self.run.as_of.isoformat(),
            "decision": plan.decision,
            "version": plan.treatment,
            "sentence": plan.advice,
            "reason": reason,
            "asked_by": asked_by,
        }
        return self.run.append(experiment_rows.PLAN, name, body, after=0)

    def start(self, experiment: Experiment, *, asked_by: str, reason: str = "") -> Entry:
        """Record that an experiment runs from the run's moment on.

        Raises:
            ConfigurationError: If another process was faster, with this or another experiment.
            LedgerError: If it cannot be written.
        """
        plan = experiment.plan
        body = {
            "started": self.run.as_of.isoformat(),
            "as_of": self.run.as_of.isoformat(),
            "decision": plan.decision,
            "version": plan.treatment,
            "sentence": f"{plan.treatment} against {plan.control}, {plan.weeks} weeks",
            "reason": reason,
            "asked_by": asked_by,
        }
        row = self._write(experiment_rows.START, experiment, body)
        fault = self.rows.faults.get(row.number)  # of two that start at once, the first runs
        if fault:
            raise ConfigurationError(f"{self.run.name}: nothing was started: {fault}")
        return row

    def look(self, experiment: Experiment, look: Look, analysis: Analysis) -> Entry:
        """Record a look; the next one may be recorded only after it."""
        body = {
            "number": look.number,
            "as_of": self.run.as_of.isoformat(),
            "decision": experiment.plan.decision,
            "version": experiment.plan.treatment,
            "sentence": f"look {look.number}: {_effect(look.effect, experiment.plan)}",
            "look": look.model_dump(mode="json"),
            "analysis": analysis.model_dump(mode="json"),
        }
        return self._write(experiment_rows.LOOK, experiment, body)

    def end(
        self,
        experiment: Experiment,
        verdict: ExperimentVerdict,
        analysis: Analysis | None,
        stopped_by: Stopped,
        *,
        effect: Effect | None = None,
        asked_by: str = "",
        reason: str = "",
    ) -> Entry:
        """Record how an experiment ended.

        Args:
            experiment: The one that runs.
            verdict: What came of it.
            analysis: All that was seen; None where the log could not be read.
            stopped_by: What ended it: a look that decided or was the last, harm, or a person.
            effect: What counts as its lift; by default the analysis's.
            asked_by: Who stopped it; empty where nobody did.
            reason: Why.
        """
        plan = experiment.plan
        found = effect or (analysis.effect if analysis is not None else None)
        because = reason or (analysis.because if analysis is not None else "")
        body: dict[str, Any] = {
            "verdict": verdict.value,
            "as_of": self.run.as_of.isoformat(),
            "ended": self.run.as_of.isoformat(),
            "decision": plan.decision,
            "version": plan.treatment,
            "lift": None if found is None else {
                "estimate": found.estimate,
                "standard_error": found.standard_error,
                "unit": plan.unit,
            },
            "sentence": f"{verdict.value}{f': {_effect(found, plan)}' if found else ''}",
            "stopped_by": stopped_by,
            "reason": because,
            "asked_by": asked_by,
            "analysis": None if analysis is None else analysis.model_dump(mode="json"),
        }  # fmt: skip
        return self._write(experiment_rows.END, experiment, body)

    def take_in(self, name: str, body: dict[str, Any]) -> Entry:
        """Record what an experiment that was run elsewhere has shown."""
        return self.run.append(experiment_rows.IMPORT, name, body, after=0)

    def _write(self, kind: str, experiment: Experiment, body: dict[str, Any]) -> Entry:
        return self.run.append(kind, experiment.name, body, after=experiment.last)


def _effect(effect: Effect, plan: Plan) -> str:
    ends = f"{effect.lower:+.4g} to {effect.upper:+.4g}"
    return f"{effect.estimate:+.4g} {plan.unit} a decision ({plan.confidence:.0%}: {ends})"
