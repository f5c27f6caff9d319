"""What is installed: the library's wheel in a project, and the lock that goes with it.

Only the standard library is imported: a new project is made where nothing else may be installed.
"""

import hashlib
import re
import shutil
import zipfile
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
LOCK, TOOLS, CHANGES = "requirements.lock", "requirements-project.lock", "CHANGELOG.md"
HEAD = """\
# What is installed, by hash: the library with what it was tested with, and what you have added.
# `make lock` reads what you add to pyproject.toml, `make update` takes another version.
"""
_BLOCK = re.compile(r"^([A-Za-z0-9][\w.-]*)[^\n]*==(?:.*\\\n)*.*\n", re.MULTILINE)
_PIN = re.compile(r"(kpi-gate\[[a-z,]+\]==)[^\"]+")  # whatever extras a project has
_WHEEL = re.compile(r"kpi_gate-([^-]+)-py3-none-any\.whl")


def shipped(name: str) -> str:
    """Return a text that goes with the library, installed or in a checkout."""
    path = PACKAGE / name
    return (path if path.exists() else PACKAGE.parents[1] / name).read_text(encoding="utf-8")


def version_of(wheel: Path) -> str:
    """Return the version of a wheel of the library.

    Raises:
        ValueError: If it is none.
    """
    found = _WHEEL.fullmatch(wheel.name)
    if found is None or not zipfile.is_zipfile(wheel):
        raise ValueError(f"{wheel}: is no wheel of kpi-gate: kpi_gate-VERSION-py3-none-any.whl")
    return found[1]


def adopt(wheel: Path, root: Path) -> str:
    """Put a wheel of the library into a project, with pin and lock in step; return its version.

    What the project has added to its lock stays.

    Args:
        wheel: The new one.
        root: Folder of the project.

    Raises:
        ValueError: If it is no wheel of the library.
    """
    version, kept = version_of(wheel), root / "wheels"
    kept.mkdir(exist_ok=True)
    before: set[str] = set()
    for old in kept.glob("kpi_gate-*.whl"):
        before |= _locked(old).keys()
        if old.resolve() != wheel.resolve():
            old.unlink()
    if wheel.resolve().parent != kept.resolve():
        shutil.copy(wheel, kept)
    lock = root / LOCK
    theirs = _blocks(lock.read_text(encoding="utf-8")) if lock.exists() else {}
    added = {name: text for name, text in theirs.items() if name not in before | {"kpi-gate"}}
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    library = f"kpi-gate=={version} \\\n    --hash=sha256:{digest}\n"
    blocks = {**added, **_locked(wheel), "kpi-gate": library}
    lock.write_text(HEAD + "".join(blocks[name] for name in sorted(blocks)), encoding="utf-8")
    pyproject = root / "pyproject.toml"
    text = pyproject.read_text(encoding="utf-8")
    pyproject.write_text(_PIN.sub(rf"\g<1>{version}", text), encoding="utf-8")
    return version


def _locked(wheel: Path) -> dict[str, str]:
    """Return what a version was tested with, by name."""
    with zipfile.ZipFile(wheel) as files:
        tools, lock = (_blocks(files.read(f"kpi_gate/{name}").decode()) for name in (TOOLS, LOCK))
    return {**tools, **lock}


def _blocks(lock: str) -> dict[str, str]:
    blocks: dict[str, str] = {}
    for found in _BLOCK.finditer(lock):  # a package may have one version for each Python
        name = found[1].lower().replace("_", "-")
        blocks[name] = blocks.get(name, "") + found[0]
    return blocks
