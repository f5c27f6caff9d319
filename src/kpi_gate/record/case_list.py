"""The list of use cases in `dvc.yaml`: its stages run for them, and it follows their files."""

import os
import re
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import yaml

FILE = "dvc.yaml"
_LIST = re.compile(r"^- use_cases: \[.*$", re.MULTILINE)


def listing(names: Iterable[str]) -> str:
    """Return the line that holds the list."""
    words = yaml.safe_dump(sorted(names), default_flow_style=True, width=10_000).strip()
    return f"- use_cases: {words} # follows their files: nobody writes it"


def follow(root: Path, names: Iterable[str]) -> None:
    """Bring the list in step with the use cases; a list that a person wrote otherwise is left.

    Args:
        root: Folder with `dvc.yaml`; where there is none, nothing is written.
        names: The use cases that there are.
    """
    path = root / FILE
    if path.exists():
        text = path.read_text(encoding="utf-8")
        rewrite(path, _LIST.sub(lambda _: listing(names), text))


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
