"""YOURS: one module and one YAML file a use case; found by their files."""

from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from kpi_gate.files import project
from kpi_gate.usecase.contract import ConfigurationError, UseCase
from kpi_gate.usecase.names import names, require_name
from kpi_gate.usecase.settings import what_if

__all__ = ["load", "load_as_if", "module_file", "names"]


def module_file(name: str) -> Path:
    """Return the file of a use case's module; its YAML lies beside it."""
    return project.here().use_cases / f"{require_name(name)}.py"


def load(name: str) -> UseCase:
    """Load a use case by its name.

    Raises:
        ConfigurationError: If there is none of that name, or its module or YAML is wrong.
    """
    return _use_case(project.here().load(module_file(name)), name)


def load_as_if(name: str, changes: Mapping[str, Any]) -> UseCase:
    """Load a use case as if its YAML held other values; `load` goes on giving the real one.

    Args:
        name: The use case.
        changes: Values by dotted key, such as `{"window.tune_days": 14}`.

    Raises:
        ConfigurationError: If there is none of that name, or a key or value is wrong.
    """
    if not changes:
        return load(name)
    with what_if(changes):  # a copy: its settings are read anew
        return _use_case(project.here().load(module_file(name), anew=True), name)


def _use_case(module: ModuleType, name: str) -> UseCase:
    use_case = getattr(module, "USE_CASE", None)
    if not isinstance(use_case, UseCase):
        raise ConfigurationError(f"{module.__file__}: must end in `USE_CASE = UseCase(...)`")
    if use_case.name != name:
        raise ConfigurationError(f"{module.__file__}: name == {use_case.name!r}, must be {name!r}")
    return use_case
