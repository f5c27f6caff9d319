"""WHEN: Prefect only: schedule, servers, recovery of runs. The work is done in `pipeline`.

What a flow is made of is imported when it is asked for: a server must be at hand before Prefect is.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kpi_gate.orchestration.artifacts import (
        publish,
        publish_experiment,
        publish_look,
        reporting,
        tell_silence,
    )
    from kpi_gate.orchestration.ending import ended, looked, seen_so_far
    from kpi_gate.orchestration.steps import HOURS, run_name, step

__all__ = [
    "HOURS",
    "ended",
    "looked",
    "publish",
    "publish_experiment",
    "publish_look",
    "reporting",
    "run_name",
    "seen_so_far",
    "step",
    "tell_silence",
]

_WHERE = {
    "artifacts": ("publish", "publish_experiment", "publish_look", "reporting", "tell_silence"),
    "ending": ("ended", "looked", "seen_so_far"),
    "steps": ("HOURS", "run_name", "step"),
}


def __getattr__(name: str) -> Any:
    """Import what is asked for."""
    for module, names in _WHERE.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
