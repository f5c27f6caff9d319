"""Fill the new project with this repository's own files, under the new name.

The repository is the template, so nothing is kept twice. Cookiecutter renders this hook and the
new README; every other file that git lists is copied and renamed, but for what only those use cases
need that are not kept. The locked ruff then puts imports and line breaks in order again, since a
name of another length moves both.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import venv
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from selection import Selection

TEMPLATE_ONLY = [
    "README.md",  # the new project has one of its own
    "benchmarks/readme.py",
    "benchmarks/screenshots.py",
    "cookiecutter.json",
    "docs/*.html",
    "docs/*.png",
    "docs/*.svg",
    "dvc.lock",  # what was run here
    "template/*",
    "tests/golden/*",  # what this repository decided
    "tests/test_readme.py",
    "tests/test_selection.py",
    "tests/test_template.py",
]
NEW_NAMES = {
    "kpi_gate": "{{ cookiecutter.package_name }}",
    "kpi-gate": "{{ cookiecutter.project_slug }}",
    "KPI_GATE": "{{ cookiecutter.package_name | upper }}",
    "KPI Gate": "{{ cookiecutter.project_name }}",
}
BLANK_NAME = "{{ cookiecutter.blank_name }}"
OLD_NAME = re.compile(rf"(?<![A-Za-z0-9])({'|'.join(NEW_NAMES)})(?![A-Za-z0-9])")


def main() -> None:
    """Fill the folder that cookiecutter made; it is the working folder of a hook."""
    with tempfile.TemporaryDirectory() as scratch:
        repository = find_repository(Path(scratch, "clone"))
        refuse_locked_name(repository)
        files = list_files(repository, Path(scratch, "index"))
        selection = select(repository, files)
        for name in files:
            if not is_template_only(name) and name not in selection.left_out:
                copy(repository / name, Path(rename(name)), partial(selection.edit, name))
        if selection.own:
            lay_out_blank(repository)
        fill_readme(repository)
        ruff = find_ruff(repository, Path(scratch, "ruff"))
        if ruff:
            tidy(ruff)
        else:
            sys.stderr.write("The locked ruff is not to be had here: run `make format` once.\n")


def git(*arguments: str | Path) -> str:
    """Run git and return what it prints."""
    return subprocess.run(
        ["git", *arguments], check=True, stdout=subprocess.PIPE, encoding="utf-8"
    ).stdout


def find_repository(clone: Path) -> Path:
    """Locate this repository: cookiecutter says where it is, cruft only which commit."""
    template = r"{{ cookiecutter._repo_dir | default('') }}"
    if template:  # relative to where cookiecutter was called, and a hook runs elsewhere
        return Path(os.environ.get("PWD", "."), template).parent
    git("clone", "--quiet", r"{{ cookiecutter._template }}", clone)
    git("-C", clone, "checkout", "--quiet", "{{ cookiecutter._commit | default('HEAD') }}")
    return clone


def list_files(repository: Path, index: Path) -> list[str]:
    """List the files that git tracks or would track."""
    where: list[str | Path] = ["-C", repository]
    if not (repository / ".git").exists():  # unpacked from an archive
        git("init", "--quiet", "--bare", index)
        where += ["--git-dir", index, "--work-tree", "."]
    names = git(*where, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    return [name for name in names if name and (repository / name).is_file()]


def refuse_locked_name(repository: Path) -> None:
    """Refuse the name of a package that the project itself installs."""
    lock = (repository / "requirements-dev.lock").read_text(encoding="utf-8")
    locked = set(re.findall(r"^([a-z0-9-]+)", lock, re.MULTILINE))
    for name in (NEW_NAMES["kpi-gate"], NEW_NAMES["kpi_gate"].replace("_", "-")):
        if name in locked:
            sys.exit(f"{name!r} is a package that the project installs: choose another name")


def rename(text: str) -> str:
    """Put the new names in place of the old."""
    return OLD_NAME.sub(lambda old: NEW_NAMES[old[0]], text)


def select(repository: Path, files: list[str]) -> "Selection":
    """Read which use cases are kept, or refuse the answer."""
    sys.path.insert(0, str(repository / "template"))
    sys.dont_write_bytecode = True
    from selection import Selection

    answer = r"""
{{ cookiecutter.use_cases }}
"""
    try:
        return Selection.read(
            repository, [name for name in files if not is_template_only(name)], answer, BLANK_NAME
        )
    except ValueError as error:
        sys.exit(str(error))


def is_template_only(name: str) -> bool:
    """Say whether a file has no place in a project."""
    return any(fnmatch(name, pattern) for pattern in TEMPLATE_ONLY)


def lay_out_blank(repository: Path) -> None:
    """Copy the skeleton of a use case, under the name that it was given."""
    for source in (repository / "template/blank").glob("blank.*"):
        target = f"src/kpi_gate/examples/{BLANK_NAME}{source.suffix}"
        copy(source, Path(rename(target)), partial(re.sub, r"\bblank\b", BLANK_NAME))


def fill_readme(repository: Path) -> None:
    """Put the guide to use cases, which the repository's README has, into the new one."""
    text = (repository / "README.md").read_text(encoding="utf-8")
    guide = re.search(r"^## Add your own use case\n.*?(?=^## )", text, re.MULTILINE | re.DOTALL)
    readme = Path("README.md")
    filled = readme.read_text(encoding="utf-8").replace("<!-- guide -->\n\n", rename(guide[0]))
    readme.write_text(filled, encoding="utf-8")


def copy(source: Path, target: Path, edit: "Callable[[str], str]") -> None:
    """Copy a file with its mode; a text is edited and renamed on the way."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)
    try:
        text = source.read_bytes().decode()
    except UnicodeDecodeError:
        return
    target.write_bytes(rename(edit(text)).encode())


def find_ruff(repository: Path, home: Path) -> Path | None:
    """Find the ruff that the repository's lock pins, or else install it for the moment."""
    lock = (repository / "requirements-dev.lock").read_text(encoding="utf-8")
    pin = re.search(r"^ruff==(\S+).*(?:\n    .*)*", lock, re.MULTILINE)
    for place in (Path(sys.executable).with_name("ruff"), Path(shutil.which("ruff") or "")):
        if place.is_file():
            version = subprocess.run(
                [place, "--version"], capture_output=True, text=True, check=False
            )
            if version.stdout.split()[1:2] == [pin[1]]:
                return place
    try:
        venv.create(home, with_pip=True)
        wanted = home / "ruff.lock"
        wanted.write_text(pin[0], encoding="utf-8")
        pip = [home / "bin/pip", "install", "--quiet", "--require-hashes", "-r", wanted]
        subprocess.run(pip, check=True, stderr=subprocess.DEVNULL)
    except (OSError, subprocess.SubprocessError):
        return None
    return home / "bin/ruff"


def tidy(ruff: Path) -> None:
    """Sort imports, break lines, and move the excuses that the new name pushed elsewhere."""
    for arguments in (
        ["check", "--fix-only", "--fixable", "I"],
        ["format"],
        ["check", "--fix-only", "--fixable", "RUF100"],  # a `noqa` that a line break moved away
        ["check", "--add-noqa"],  # back to its place, and on strings now too long
    ):
        command = [ruff, *arguments, "--quiet", "--no-cache", "."]
        subprocess.run(command, check=False, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
