"""What every use case's YAML asks of the schedule, as one plan a deployment."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from kpi_gate.errors import ConfigurationError
from kpi_gate.usecase import discovery

PROPOSED = "kpi-gate.retrain.proposed"  # event that starts a retraining


@dataclass(frozen=True)
class Plan:
    """One deployment.

    Attributes:
        flow: The flow that it runs.
        name: The use case, and the deployment's name.
        cron: When it runs.
        timezone: Where the clock hangs.
        trigger: Event about the use case that starts it too; empty for none.
    """

    flow: Literal["retrain", "monitor", "experiment"]
    name: str
    cron: str
    timezone: str
    trigger: str = ""

    @property
    def parameters(self) -> dict[str, Any]:
        """Parameters of each run; `as_of` is left to be its start."""
        return {"name": self.name, "scheduled": True}

    @property
    def resource(self) -> str:
        """What the use case is called in Prefect's events."""
        return resource(self.name)


def resource(use_case: str) -> str:
    """Return what a use case is called in Prefect's events."""
    return f"kpi-gate.use-case.{use_case}"


def plans(tell: Callable[[str], None]) -> list[Plan]:
    """Return what all use cases ask for: to be retrained, and what they say so, looked at.

    Args:
        tell: Is told of each use case that cannot be loaded; the others go on.
    """
    made: list[Plan] = []
    for name in discovery.names():
        try:
            made += plans_of(name)
        except ConfigurationError as error:
            tell(f"{name} is left out: {error}")
    return made


def plans_of(name: str) -> list[Plan]:
    """Return what one use case asks for.

    Raises:
        ConfigurationError: If its module or YAML is wrong.
    """
    settings = discovery.load(name).settings
    asked = settings.schedule
    made = [Plan("retrain", name, asked.retrain, asked.timezone, PROPOSED)]
    if asked.monitor is not None:
        made.append(Plan("monitor", name, asked.monitor, asked.timezone))
    if asked.experiment is not None and "experiment" in settings.model_fields_set:
        made.append(Plan("experiment", name, asked.experiment, asked.timezone))
    return made
