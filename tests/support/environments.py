"""Environments that cost nothing: the wheel is installed, the rest is found where it is."""

import os
import re
import subprocess
import sys
import sysconfig
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement

REPOSITORY = Path(__file__).parents[2]
SITE = Path(sysconfig.get_path("purelib"))


def build_wheel(folder):
    """Build the library's wheel from this checkout."""
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=REPOSITORY)
    return next(folder.glob("*.whl"))


def make_environment(folder, wheel, links=""):
    """Make an environment with a wheel alone; return its folder of commands.

    Args:
        folder: Where to make it.
        wheel: The wheel.
        links: Folder in which everything else is found; empty for nothing else.
    """
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    if links:
        site = folder / f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
        (site / "elsewhere.pth").write_text(f"{links}\n", encoding="utf-8")
    uv = Path(sys.executable).with_name("uv")
    asked = ["--offline", "--quiet", "--no-deps", "--python", folder]
    asked += ["--compile-bytecode"] if links else []  # all of the wheel is used, again and again
    run(uv, "pip", "install", *asked, wheel, cwd=folder)
    return folder / "bin"


def link_requirements(folder, name):
    """Link what a distribution requires without extras, and what that requires; nothing else."""
    folder.mkdir()
    ahead, seen = [name], set()
    while ahead:
        found = distribution(ahead.pop())
        for requirement in map(Requirement, found.requires or ()):
            asked = requirement.name.lower().replace("_", "-")
            if asked not in seen and (not requirement.marker or requirement.marker.evaluate()):
                seen.add(asked)
                ahead.append(asked)
                for top in {file.parts[0] for file in distribution(asked).files or ()} - {".."}:
                    (folder / top).symlink_to(SITE / top)
    return seen


def run(*command, cwd=None, **more):
    """Run a command in a clean environment; return what it printed."""
    kept = re.compile(r"(KPI_GATE|PREFECT|MLFLOW|DVC|PYTEST|COV)_?\w*")
    own = {name: value for name, value in os.environ.items() if not kept.fullmatch(name)}
    done = subprocess.run(
        [*map(str, command)],
        cwd=cwd,
        env=own | {"PYTHONDONTWRITEBYTECODE": "1", "DO_NOT_TRACK": "true"} | more,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
