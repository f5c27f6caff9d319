"""Take in what an experiment that was run elsewhere has shown."""

from dataclasses import dataclass
from datetime import datetime
from math import isfinite

from kpi_gate.decision.fingerprint import digest
from kpi_gate.errors import ConfigurationError
from kpi_gate.experiment.record import ExperimentBook
from kpi_gate.record import ledger_lookup
from kpi_gate.record.ledger import Entry
from kpi_gate.release.alias_move import asked_by
from kpi_gate.run.context import Run
from kpi_gate.text import number


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
