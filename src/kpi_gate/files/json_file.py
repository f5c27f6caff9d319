"""JSON that a person or another program wrote, within bounds."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from kpi_gate.errors import ConfigurationError
from kpi_gate.files.small_file import read_text
from kpi_gate.files.wording import shorten

MOST_BYTES = 1024 * 1024


def read_json(path: Path) -> Any:
    """Read a JSON file in which no name is given twice.

    Raises:
        ConfigurationError: If it is no plain UTF-8 file, no JSON, or too long or deep.
    """
    text = read_text(path, MOST_BYTES)
    try:
        return json.loads(text, object_pairs_hook=_once)
    except RecursionError:
        raise ConfigurationError(f"{path}: is nested too deep; write what is asked for") from None
    except ValueError as error:
        words = shorten(str(error), quoted=False)
        raise ConfigurationError(f"{path}: cannot be read as JSON: {words}") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"{shorten(twice)} is given twice")
    return found
