"""What each column of a use case is for: by it a frame's types are read."""

from kpi_gate.data.frames import Kind
from kpi_gate.usecase.contract import UseCase

IDENTITIES = ("unit", "item", "decision_id")


def kinds_of(use_case: UseCase) -> dict[str, Kind]:
    """Return the kind of every column that the use case declares."""
    settings = use_case.settings
    sliced = [rail.slice or rail.by for rail in settings.guardrails]
    levels = [*filter(None, sliced), *settings.policy.within, *settings.validation.one_per_unit]
    if use_case.choices is not None:
        levels.append(use_case.choices.column)
    numbers = ("propensity", *use_case.value.columns, *use_case.amounts)
    return {
        **dict.fromkeys(levels, "category"),
        **dict.fromkeys((*numbers, *use_case.expected.values()), "number"),
        **{feature.name: feature.kind for feature in use_case.features},
        **dict.fromkeys(IDENTITIES, "identity"),
        **dict.fromkeys(("event_time", "label_time"), "time"),
        "outcome": "outcome",
        "observed": "truth",
    }
