"""Start an experiment as it was planned; nothing that follows from its plan may have changed."""

from collections.abc import Sequence
from datetime import datetime

from kpi_gate.decision.evidence import BASELINE
from kpi_gate.errors import ConfigurationError
from kpi_gate.experiment.plan import Plan
from kpi_gate.experiment.record import Experiment, ExperimentBook
from kpi_gate.release.alias_move import asked_by
from kpi_gate.run.context import Run


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
    now: dict[str, tuple[object, object]] = {
        "objective.kpi": (objective.kpi, plan.kpi),
        "objective.unit": (objective.unit, plan.unit),
        "objective.horizon_decisions": (objective.horizon_decisions, plan.horizon_decisions),
        "experiment.minimum_effect": (effect or plan.minimum_effect, plan.minimum_effect),
        "experiment.power": (said.power, plan.power),
        "experiment.margins": (said.margins, plan.margins),
    }
    if plan.kind == "ab":
        now["experiment.treatment_share"] = (said.treatment_share, plan.treatment_share)
        now["experiment.looks"] = (said.looks, plan.looks)
    return [f"{key} == {new}, the plan has {old}" for key, (new, old) in now.items() if new != old]
