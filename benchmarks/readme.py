"""Keep what the README and the documentation print true.

`python -m benchmarks.readme [SECTION ...]` fills the marked sections anew, all by default.
"""

import ast
import os
import re
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = {  # where each section stands
    "demo": README,
    "tree": ROOT / "docs/explanation/rooms.md",
    "selftest": ROOT / "docs/how-to/selftest.md",
    "backtest": ROOT / "docs/how-to/backtest.md",
}
NOTES = {
    "Makefile": "demo, ui, test, quick, check, docs, bench",
    "Dockerfile": "one image: a command, or a flow worker",
    "compose.yaml": "MLflow, Prefect and a worker",
    "cookiecutter.json": "this repository is a template",
    "dvc.yaml": "the deterministic half, file to file, on one page",
    "prefect.yaml": "the schedule's deployments for work pools; follows the use cases",
    "pyproject.toml": "dependencies, tools, import contracts",
    "requirements.lock": "what runs, by hash; -dev for tests, -data for the data carrier",
    "template/": "what makes it a cookiecutter template; never copied into a project",
    "data/": "raw inputs and the last tick's files; content is never in git",
    "tests/": "mirrors src/; tests/toy is their own use case",
    "benchmarks/": "ratios against a bare script; how often the gate errs; what the README prints",
    "docs/": "the documentation, its pictures, and how often the gate errs",
    "mkdocs.yml": "how the documentation is built",
}
PROGRAM = str(Path(sys.executable).with_name("kpi-gate"))
TABLE = r"^(as of|\d{4}-\d\d-\d\d| {20,}\S)"  # of the demo
BACKTEST = ("campaign", "--from", "2008-11-01", "--to", "2010-11-01")
LISTED = ("flows", "src/kpi_gate")


def tree() -> str:
    """Return the tree with one comment a file, taken from each module's first line."""
    lines = [_line(name, 0, note) for name, note in NOTES.items() if "/" not in name]
    lines += [_line(name, 0, NOTES[name]) for name in NOTES if name.count("/") == 1]
    for folder in LISTED:
        lines += _folder(ROOT / folder, 0, folder)
    return "```\n" + "\n".join(lines) + "\n```"


def _folder(folder: Path, depth: int, shown: str) -> list[str]:
    lines = [_line(f"{shown}/", depth, _doc(folder / "__init__.py"))]
    for path in sorted(folder.iterdir(), key=lambda found: (found.is_dir(), found.name)):
        if path.is_dir() and (path / "__init__.py").exists():
            lines.append(_line(f"{path.name}/", depth + 1, _doc(path / "__init__.py")))
        elif path.suffix == ".py" and path.name != "__init__.py":
            lines.append(_line(path.name, depth + 1, _doc(path)))
    return lines


def _doc(path: Path) -> str:
    if not path.exists():
        return ""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return text.splitlines()[0].rstrip(".") if text else ""


def _line(name: str, depth: int, note: str) -> str:
    return f"{'  ' * depth + name:<28} {note}".rstrip()


def printed(*command: str, only: str = "") -> str:
    """Return what a command prints, as a code block.

    Args:
        command: Program and words.
        only: Pattern of the lines that are shown; by default all are.
    """
    environment = os.environ | {"COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"}
    with tempfile.TemporaryDirectory() as home, lock_kept():
        answer = subprocess.run(
            command,
            cwd=ROOT,
            env=environment | {"KPI_GATE_HOME": home},
            capture_output=True,
            text=True,
            check=True,
        )
    shown = answer.stdout.strip("\n").replace(home, ".kpi-gate")
    lines = [line.rstrip() for line in shown.splitlines() if re.search(only, line)]
    text = "\n".join(lines)
    return f"```\n{text}\n```"


@contextmanager
def lock_kept() -> "Iterator[None]":
    """Leave DVC's record of the last tick as it was: what is played here is nobody's tick."""
    lock = ROOT / "dvc.lock"
    before = lock.read_bytes() if lock.exists() else None
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)
        if before is not None:
            lock.write_bytes(before)


def fill(text: str, section: str, content: str) -> str:
    """Put content between the marks of a section."""
    marks = rf"(<!-- {section} -->\n).*?(<!-- /{section} -->)"
    return re.sub(marks, lambda old: f"{old[1]}{content}\n{old[2]}", text, flags=re.DOTALL)


def main(sections: list[str]) -> None:
    """Fill the named sections, or all."""
    makers: dict[str, Callable[[], str]] = {
        "tree": tree,
        "demo": lambda: printed(sys.executable, "-m", "kpi_gate.cli.demo", only=TABLE),
        "selftest": lambda: printed(PROGRAM, "selftest", "campaign"),
        "backtest": lambda: printed(PROGRAM, "backtest", *BACKTEST),
    }
    for section in sections or list(makers):
        made, page = makers[section](), PAGES[section]
        page.write_text(fill(page.read_text(encoding="utf-8"), section, made), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
