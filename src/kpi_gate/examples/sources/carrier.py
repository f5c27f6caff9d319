"""Packages that carry data: found without being imported, and read only if they are as known."""

import hashlib
import importlib.util
from pathlib import Path


def carried(package: str, path: str, sha256: str) -> Path:
    """Return a file of an installed package.

    Args:
        package: The data carrier.
        path: The file within it.
        sha256: How its hash begins, 16 digits.

    Raises:
        FileNotFoundError: If the package is not installed.
        ValueError: If the file is another one.
    """
    found = importlib.util.find_spec(package)
    if found is None or found.submodule_search_locations is None:
        raise FileNotFoundError(f"the data carrier {package} is not installed; run `make install`")
    source = Path(found.submodule_search_locations[0]) / path
    digest = hashlib.sha256(source.read_bytes()).hexdigest()[:16]
    if digest != sha256:
        raise ValueError(f"{path}: sha256 begins {digest}, must be {sha256}")
    return source
