"""YOURS: one module and one YAML file a use case; found by their files."""

import importlib
import pkgutil

from kpi_gate.usecase import ConfigurationError, UseCase


def names() -> list[str]:
    """List the use cases, by their files."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def load(name: str) -> UseCase:
    """Load a use case by its name.

    Raises:
        ConfigurationError: If there is none of that name, or its module or YAML is wrong.
    """
    if name not in names():
        raise ConfigurationError(f"no use case {name!r}; there are: {', '.join(names()) or 'none'}")
    module = importlib.import_module(f"{__name__}.{name}")
    use_case = getattr(module, "USE_CASE", None)
    if not isinstance(use_case, UseCase):
        raise ConfigurationError(f"{module.__file__}: must end in `USE_CASE = UseCase(...)`")
    if use_case.name != name:
        raise ConfigurationError(f"{module.__file__}: name == {use_case.name!r}, must be {name!r}")
    return use_case
