"""Objective and guardrails as a caller gives them: objects, mappings or a file."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from kpi_gate.decision.objective import EstimatorSettings, GateSettings, Guardrail, Objective
from kpi_gate.errors import ConfigurationError
from kpi_gate.files.faults import checked
from kpi_gate.files.wording import shorten
from kpi_gate.files.yaml_file import Document, read_mapping

ObjectiveGiven = Objective | Mapping[str, Any] | Path | str
GuardrailsGiven = Sequence[Guardrail | Mapping[str, Any]]
EstimatorGiven = EstimatorSettings | Mapping[str, Any] | str


def gate_settings(
    objective: ObjectiveGiven,
    guardrails: GuardrailsGiven = (),
    estimator: EstimatorGiven | None = None,
) -> GateSettings:
    """Return what the gate needs to know.

    Args:
        objective: An objective; its fields; or fields or YAML with `objective`, `guardrails` and
            `estimator`. The whole YAML of a use case will do.
        guardrails: What must not worsen, where `objective` does not hold it. Without any, every
            page says that nothing is watched.
        estimator: How each row's value is estimated, or its `kind`.

    Raises:
        ConfigurationError: If a field is missing, unknown or out of its range, or given twice.
    """
    place: Document | str = "objective"
    content: Any = objective
    if isinstance(objective, str | Path):
        place = read_mapping(Path(objective))
        content = place.content
    if isinstance(content, Objective) or (
        isinstance(content, Mapping) and "objective" not in content
    ):
        content = {"objective": content}
    if not isinstance(content, Mapping):
        raise ConfigurationError(
            f"objective is {shorten(content)}, must be an Objective, its fields or a path to YAML"
        )
    if isinstance(guardrails, str | Mapping) or not isinstance(guardrails, Sequence):
        raise ConfigurationError(f"guardrails is {shorten(guardrails)}, must be a list of them")
    named = {"kind": estimator} if isinstance(estimator, str) else estimator
    for name, given in (("guardrails", list(guardrails)), ("estimator", named)):
        if given and content.get(name):
            raise ConfigurationError(f"{name} is given twice: with the objective and beside it")
        content = {**content, name: given} if given else content
    if "window" not in content or not isinstance(place, Document):
        return checked(GateSettings, content, place)
    from kpi_gate.usecase.settings import settings_in  # not imported for others

    settings = settings_in(replace(place, content={**content}))
    # of what a use case always watches, a table shows nothing: what its YAML says is watched
    own = {name: content[name] for name in ("objective", "guardrails") if name in content}
    said = checked(GateSettings, own, place)
    return settings.model_copy(update={"guardrails": said.guardrails, "unguarded": said.unguarded})
