"""The list of use cases that `dvc.yaml` runs its stages for; it follows the use cases' files."""

import os
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import yaml

FILE = "use_cases.yaml"
HEAD = """\
# The use cases that dvc.yaml runs its stages for. `kpi-gate` writes this list from the files in
# src/kpi_gate/usecases/: whoever adds, renames or removes a use case there does nothing here.
"""


def listing(names: Iterable[str]) -> str:
    """Return what the list is to hold."""
    return HEAD + yaml.safe_dump({"use_cases": sorted(names)}, default_flow_style=False)


def follow(root: Path, names: Iterable[str]) -> None:
    """Bring the list in step with the use cases.

    Args:
        root: Folder with `dvc.yaml`; where there is none, nothing is written.
        names: The use cases that there are.
    """
    if (root / "dvc.yaml").exists():
        rewrite(root / FILE, listing(names))


def rewrite(path: Path, text: str) -> None:
    """Write a file that follows the use cases anew where it is out of step, and say so on stderr.

    Whoever reads it meanwhile sees the old one or the new one.
    """
    before = path.read_text(encoding="utf-8") if path.exists() else None
    if before == text:
        return
    made, partial = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(made, "w", encoding="utf-8") as file:
            file.write(text)
        Path(partial).chmod(0o644 if before is None else path.stat().st_mode & 0o777)
        Path(partial).replace(path)
    finally:
        Path(partial).unlink(missing_ok=True)
    sys.stderr.write(f"{path.name} follows the use cases: written anew, for you to commit\n")
