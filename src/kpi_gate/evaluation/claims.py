"""What whoever made a table says beside it, as JSON: measures, and earlier candidates."""

from pathlib import Path
from typing import Any

from kpi_gate.errors import ConfigurationError
from kpi_gate.files.json_file import read_json
from kpi_gate.files.wording import shorten

SIDES = ("candidate", "champion", "anchor")


def read_measures(path: Path | None) -> dict[str, dict[str, float]]:
    """Read measures by side and name; none without a file.

    Raises:
        ConfigurationError: If the file is not JSON `{side: {measure: number}}`.
    """
    if path is None:
        return {}
    content = read_json(path)
    form = f"{path}: must be JSON {{side: {{measure: number}}}}"
    if not isinstance(content, dict):
        raise ConfigurationError(f"{form}, holds {shorten(content)}")
    for side, measures in content.items():
        if side not in SIDES:
            raise ConfigurationError(f"{form}; a side is {', '.join(SIDES)}, not {shorten(side)}")
        if not isinstance(measures, dict):
            raise ConfigurationError(f"{form}; {side} holds {shorten(measures)}")
    return {
        side: {
            name: _number(value, f"{form}; {side}.{shorten(name, quoted=False)}")
            for name, value in content.get(side, {}).items()
        }
        for side in SIDES
    }


def read_past(path: Path | None) -> list[tuple[float, float]]:
    """Read (gain, standard error) of earlier candidates; none without a file.

    Raises:
        ConfigurationError: If the file is not JSON `[{gain, standard_error}, ...]`.
    """
    if path is None:
        return []
    content = read_json(path)
    form = f"{path}: must be JSON [{{gain, standard_error}}, ...]"
    if not isinstance(content, list):
        raise ConfigurationError(f"{form}, holds {shorten(content)}")
    found = []
    for number, one in enumerate(content, start=1):
        if not isinstance(one, dict) or not {"gain", "standard_error"} <= one.keys():
            raise ConfigurationError(f"{form}; item {number} is {shorten(one)}")
        gain, error = (_number(one[k], f"{form}; {k} {number}") for k in ("gain", "standard_error"))
        found.append((gain, error))
    return found


def _number(value: Any, place: str) -> float:
    """Return a number, or a text that is one; the gate judges whether it is finite."""
    if not isinstance(value, bool):
        try:
            return float(value)
        except (ValueError, TypeError, OverflowError):
            pass
    raise ConfigurationError(f"{place} == {shorten(value)}, must be a number")
