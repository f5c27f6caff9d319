"""The names of the use cases, found without importing any of them."""

from kpi_gate.errors import ConfigurationError
from kpi_gate.files import project


def names() -> list[str]:
    """List the project's use cases, by their files; a name that begins with `_` is shared code."""
    found = (path.stem for path in project.here().use_cases.glob("[!_]*.py"))
    return sorted(name for name in found if name.isidentifier())


def require_name(name: str) -> str:
    """Return the name of a use case, before anything heavy is imported.

    Raises:
        ConfigurationError: If there is no use case of that name.
    """
    known = names()
    if name not in known:
        raise ConfigurationError(f"no use case {name!r}; there are: {', '.join(known) or 'none'}")
    return name
