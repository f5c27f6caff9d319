"""The names of the use cases, found without importing any of them."""

import importlib.util
import pkgutil
import sys
from collections.abc import Iterable

from kpi_gate.errors import ConfigurationError


def names_in(folders: Iterable[str]) -> list[str]:
    """List the modules of folders; a name that begins with `_` is shared code."""
    found = (module.name for module in pkgutil.iter_modules(folders))
    return sorted(name for name in found if not name.startswith("_"))


def require_name(name: str) -> str:
    """Return the name of a use case, before anything heavy is imported.

    Raises:
        ConfigurationError: If there is no use case of that name.
    """
    package = "kpi_gate.usecases"
    if package in sys.modules:
        folders = sys.modules[package].__path__
    else:
        spec = importlib.util.find_spec(package)
        folders = spec.submodule_search_locations or [] if spec else []
    known = names_in(folders)
    if name not in known:
        raise ConfigurationError(f"no use case {name!r}; there are: {', '.join(known) or 'none'}")
    return name
