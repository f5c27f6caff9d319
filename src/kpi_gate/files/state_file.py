"""Small JSON files that processes write for each other: read whole or not at all."""

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

Mark: TypeAlias = tuple[int, int, int]


def write_state(path: Path, content: Mapping[str, Any], mode: int = 0o666) -> None:
    """Write a file in the place of what was there: a reader sees the one or the other.

    Args:
        path: The file.
        content: What it says.
        mode: Who may read and write it, as far as this process gives rights away at all.

    Raises:
        OSError: If it cannot be written; what was there stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(whole, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
            file.write(json.dumps(content))
        os.replace(whole, path)  # noqa: PTH105  (as one act)
    finally:
        whole.unlink(missing_ok=True)


def read_state(path: Path) -> dict[str, Any] | None:
    """Return what such a file says; None where there is none, or none that can be read."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def mark_of(path: Path) -> Mark:
    """Return what is another once a file was written anew; cheap enough for every look.

    Raises:
        OSError: If there is no such file, or it cannot be asked about.
    """
    found = os.stat(path)  # noqa: PTH116  (several times a second)
    return found.st_ino, found.st_mtime_ns, found.st_size
