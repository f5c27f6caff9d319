"""What whoever made a table says beside it, as JSON: measures, and earlier candidates."""

import json
from pathlib import Path
from typing import Any

from kpi_gate.settings_file import ConfigurationError

SIDES = ("candidate", "champion", "anchor")
_UNREADABLE = (
    OSError,
    ValueError,
    TypeError,
    AttributeError,
    OverflowError,
    KeyError,
    RecursionError,
)


def read_measures(path: Path | None) -> dict[str, dict[str, float]]:
    """Read measures by side and name; none without a file.

    Raises:
        ConfigurationError: If the file is not JSON `{side: {measure: number}}`.
    """
    if path is None:
        return {}
    try:
        content = _parse(path)
        if not set(content) <= set(SIDES):
            raise ValueError(f"sides are {', '.join(SIDES)}, got {', '.join(content)}")
        return {side: {k: _number(v) for k, v in content.get(side, {}).items()} for side in SIDES}
    except _UNREADABLE as error:
        raise ConfigurationError(
            f"{path}: must be JSON {{side: {{measure: number}}}}: {error}"
        ) from None


def read_past(path: Path | None) -> list[tuple[float, float]]:
    """Read (gain, standard error) of earlier candidates; none without a file.

    Raises:
        ConfigurationError: If the file is not JSON `[{gain, standard_error}, ...]`.
    """
    if path is None:
        return []
    try:
        content = _parse(path)
        if not isinstance(content, list):
            raise TypeError(f"it holds {type(content).__name__}")
        return [(_number(one["gain"]), _number(one["standard_error"])) for one in content]
    except _UNREADABLE as error:
        raise ConfigurationError(
            f"{path}: must be JSON [{{gain, standard_error}}, ...]: {error!r}"
        ) from None


def _parse(path: Path) -> Any:
    """Read JSON in which no name is given twice."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"{twice!r} is given twice")
        return dict(pairs)

    return json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=once)


def _number(value: Any) -> float:
    if isinstance(value, bool):
        raise TypeError(f"{value} is no number")
    return float(value)
