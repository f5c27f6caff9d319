"""How a use case is written, where that is shorter than how it is read."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kpi_gate.decision.value.model import Parts, ValueModel
from kpi_gate.errors import ConfigurationError

if TYPE_CHECKING:
    from types import FrameType


class Valued:
    """A field that is written as a value model or as its function, and read as a value model."""

    def __set__(self, holder: object, given: ValueModel | Parts) -> None:
        name = getattr(given, "__name__", "value")
        model = given if isinstance(given, ValueModel) else ValueModel(name, given)
        holder.__dict__["value"] = model

    def __get__(self, holder: object, kind: object = None) -> ValueModel:
        if holder is None:
            raise AttributeError("value")  # it has no default
        model: ValueModel = holder.__dict__["value"]
        return model


def module_file() -> Path:
    """Return the file of the module that is writing a use case.

    Raises:
        ConfigurationError: If it is written where there is none, such as in a notebook.
    """
    frame: FrameType | None = sys._getframe()
    while frame is not None and frame.f_globals.get("__package__") == __package__:
        frame = frame.f_back
    file = frame and frame.f_globals.get("__file__")
    if not file:
        raise ConfigurationError("a use case outside of a module needs `name` and `settings`")
    return Path(file)


def listed(place: str, given: Sequence[Any]) -> tuple[Any, ...]:
    """Return what a list holds; one name alone is none, and would be read letter by letter.

    Raises:
        ConfigurationError: If it is a text.
    """
    if isinstance(given, str):
        raise ConfigurationError(f"{place} == {given!r}, must be a list")
    return tuple(given)
