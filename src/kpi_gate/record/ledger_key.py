"""The ledger's key: where it comes from, and what is no key."""

import os
import stat
from pathlib import Path

from kpi_gate.errors import ConfigurationError

SHORTEST_KEY = 16


def find_key(given: str, path: Path | None) -> bytes | None:
    """Return the key from the environment or from a file; None where neither is named.

    Raises:
        ConfigurationError: If both are named, the key is short, or others can read the file.
    """
    if given and path:
        raise ConfigurationError("KPI_GATE_LEDGER_KEY and KPI_GATE_LEDGER_KEY_FILE: name one")
    if given:
        return _long_enough(given.strip(), "KPI_GATE_LEDGER_KEY")
    if path is None:
        return None
    named = f"KPI_GATE_LEDGER_KEY_FILE {path}"
    try:
        with path.open(encoding="utf-8") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & 0o077:
                raise ConfigurationError(
                    f"{named}: mode {mode:03o}, must be readable by its owner only: chmod 600"
                )
            return _long_enough(file.read().strip(), named)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{named}: cannot be read: {type(error).__name__}") from None


def _long_enough(key: str, named: str) -> bytes:
    if len(key) < SHORTEST_KEY:
        raise ConfigurationError(
            f"{named}: {len(key)} characters, must be at least {SHORTEST_KEY}; "
            "`openssl rand -hex 32` makes one"
        )
    return key.encode()
