"""Let what was written outlive a power cut."""

import os
from pathlib import Path


def sync(path: Path) -> None:
    """Let the content of a file, or the names in a folder, reach the disk.

    Raises:
        OSError: If they cannot.
    """
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
