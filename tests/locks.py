"""Keep the locks in step with pyproject.toml: `locks.py` checks, `locks.py --write` writes.

A lock names versions and hashes only; where they are downloaded from is the machine's affair.
"""

import hashlib
import json
import re
import subprocess
import sys
import tomllib
from itertools import chain
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
UV = Path(sys.executable).with_name("uv")
EXTRAS = ["--extra", "pipeline", "--extra", "serve"]
SOURCES = {
    "requirements.lock": ["pyproject.toml", *EXTRAS],
    "requirements-dev.lock": ["pyproject.toml", *EXTRAS, "--group", "dev"],
    "requirements-project.lock": ["--group", "project"],
    "requirements-data.lock": ["--group", "data", "--no-deps"],
}
OPTIONS = ["--quiet", "--generate-hashes", "--universal", "--python-version", "3.11"]
OPTIONS += ["--no-emit-index-url", "--no-emit-find-links", "--no-header", "--no-annotate"]


def wanted(root: Path, lock: str) -> list[str]:
    """Return the requirements that a lock must satisfy."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    whole, needed = project["project"], []
    if "pyproject.toml" in SOURCES[lock]:
        extras = whole["optional-dependencies"]
        needed = [*whole["dependencies"], *extras["pipeline"], *extras["serve"]]
    groups = project["dependency-groups"]
    for group in ("dev", "project", "data"):
        if group in SOURCES[lock]:
            needed += groups[group]
    included = [groups[more["include-group"]] for more in needed if isinstance(more, dict)]
    return [text for text in (*needed, *chain(*included)) if isinstance(text, str)]


def mark(requirements: list[str]) -> str:
    """Return the first line of a lock: which requirements it was made from."""
    digest = hashlib.sha256(json.dumps(sorted(requirements)).encode()).hexdigest()[:16]
    return f"# made by `make lock` from requirements {digest}\n"


def write(root: Path) -> None:
    """Resolve every lock; versions that still fit are kept."""
    for lock, source in SOURCES.items():
        path = root / lock
        command = [str(UV), "pip", "compile", *OPTIONS, *source, "--output-file", lock]
        if lock == "requirements-dev.lock":
            command += ["--constraints", "requirements.lock"]
        if lock == "requirements-project.lock":
            command += ["--constraints", "requirements-dev.lock"]
        subprocess.run(command, check=True, cwd=root, stdout=subprocess.DEVNULL)
        path.write_text(mark(wanted(root, lock)) + path.read_text(encoding="utf-8"))


def faults(root: Path) -> list[str]:
    """Return what is out of step, one sentence each."""
    found = []
    for lock in SOURCES:
        text = (root / lock).read_text(encoding="utf-8")
        if not text.startswith(mark(wanted(root, lock))):
            found.append(f"{lock} was made from other requirements; run `make lock`")
        if "://" in text or "--index" in text:
            found.append(f"{lock} names an address")
        blocks = re.findall(r"^([A-Za-z0-9_.\-\[\]]+)==(\S+)(.*(?:\n    .*)*)", text, re.MULTILINE)
        pins = {canonicalize_name(name.split("[")[0]): version for name, version, _ in blocks}
        found += [
            f"{lock}: {name} has no hash" for name, _, rest in blocks if "--hash=" not in rest
        ]
        for requirement in map(Requirement, wanted(root, lock)):
            pinned = pins.get(canonicalize_name(requirement.name))
            if pinned is None or pinned not in requirement.specifier:
                found.append(f"{lock} pins {requirement.name} to {pinned}, wanted {requirement}")
    return found


def main() -> int:
    """Check, or write with `--write`."""
    if "--write" in sys.argv[1:]:
        write(ROOT)
    problems = faults(ROOT)
    sys.stdout.write("\n".join([*problems, ""]) if problems else "The locks are in step.\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
