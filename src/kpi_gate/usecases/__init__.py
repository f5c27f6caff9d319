"""YOURS: one module and one YAML file a use case; found by their files."""

import importlib
import importlib.util
import pkgutil
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from kpi_gate.case_names import names_in, require_name
from kpi_gate.settings_file import what_if
from kpi_gate.usecase import ConfigurationError, UseCase


def names() -> list[str]:
    """List the use cases, by their files; a name that begins with `_` is shared code."""
    return names_in(__path__)


def lie_in(root: Path) -> bool:
    """Tell whether these are the use cases of a project, and not of another that is installed."""
    return any(Path(folder).resolve().is_relative_to(root) for folder in __path__)


def load(name: str) -> UseCase:
    """Load a use case by its name.

    Raises:
        ConfigurationError: If there is none of that name, or its module or YAML is wrong.
    """
    require_name(name)
    return _use_case(importlib.import_module(f"{__name__}.{name}"), name)


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
    require_name(name)
    spec = next(found for found in pkgutil.iter_modules(__path__) if found.name == name)
    wanted = spec.module_finder.find_spec(f"{__name__}.{name}", None)
    if wanted is None or wanted.loader is None:
        raise ConfigurationError(f"use case {name!r} cannot be imported")
    module = importlib.util.module_from_spec(wanted)  # a copy: its settings are read anew
    with what_if(changes):
        wanted.loader.exec_module(module)
    return _use_case(module, name)


def _use_case(module: ModuleType, name: str) -> UseCase:
    use_case = getattr(module, "USE_CASE", None)
    if not isinstance(use_case, UseCase):
        raise ConfigurationError(f"{module.__file__}: must end in `USE_CASE = UseCase(...)`")
    if use_case.name != name:
        raise ConfigurationError(f"{module.__file__}: name == {use_case.name!r}, must be {name!r}")
    return use_case
