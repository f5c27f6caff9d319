"""Play ticks of a use case in a folder of its own: what was decided, how long it took, what it ate.

    python -m benchmarks.ticks fraud --from 2018-05-21 --days 7 --count 12 --set data.drift=true

`--set` changes a key of the use case's YAML in the copy, not here. Each tick is one
`kpi-gate retrain` in a fresh process; the last column is its peak memory.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml
from rich.console import Console
from rich.table import Table

from kpi_gate.files.yaml_file import parse_yaml, read_mapping
from kpi_gate.record.ledger import Ledger

ROOT = Path(__file__).parents[1]
COLUMNS = ("as of", "verdict", "gain", "lower", "booked", "champion", "seconds", "GB")


def main() -> None:
    """Play the ticks and print one row each."""
    asked = _arguments()
    console = Console(highlight=False)
    table = Table(*COLUMNS, title=f"{asked.name} {' '.join(asked.set)}", box=None, pad_edge=False)
    with tempfile.TemporaryDirectory() as scratch:
        root = copy_project(Path(scratch) / "project", asked.name, asked.set)
        for number in range(asked.count):
            as_of = asked.first + number * timedelta(days=asked.days)
            with console.status(f"{number + 1}/{asked.count}  {as_of:%Y-%m-%d} ..."):
                row = play(root, asked.name, as_of)
            console.print("  ".join(row))
            table.add_row(*row)
    console.print(table)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", help="use case")
    parser.add_argument("--from", dest="first", type=_day, required=True, help="first tick")
    parser.add_argument("--days", type=int, default=7, help="days between two ticks")
    parser.add_argument("--count", type=int, default=12, help="number of ticks")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    return parser.parse_args()


def _day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def copy_project(root: Path, name: str, changes: list[str]) -> Path:
    """Copy what a run needs, and change the use case's YAML there."""
    for part in ("src", "flows", ".dvc"):
        skip = shutil.ignore_patterns("__pycache__", "cache", "tmp", "config.local", "*.egg-info")
        shutil.copytree(ROOT / part, root / part, ignore=skip)
    for file in (".dvcignore", "pyproject.toml", "requirements.lock", "dvc.yaml"):
        shutil.copy(ROOT / file, root)
    (root / ".dvc/config.local").write_text("[core]\n    no_scm = true\n", encoding="utf-8")
    path = root / f"src/kpi_gate/examples/{name}.yaml"
    content = read_mapping(path).content
    for change in changes:
        key, _, value = change.partition("=")
        *parents, last = key.split(".")
        place = content
        for parent in parents:
            place = place[parent]
        place[last] = parse_yaml(value, change).content
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return root


def play(root: Path, name: str, as_of: datetime) -> list[str]:
    """Run one retraining and return its row of the table."""
    places = {"KPI_GATE_HOME": str(root / ".kpi-gate"), "PYTHONPATH": f"{root / 'src'}:{root}"}
    run = "from kpi_gate.cli.app import main; main()"
    words = [sys.executable, "-c", run, "retrain", name, "--as-of", f"{as_of:%Y-%m-%d}"]
    start = time.perf_counter()
    process = subprocess.Popen(
        words,
        cwd=root,
        env=os.environ | places,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    printed = process.stdout.read() if process.stdout else ""
    _, _, used = os.wait4(process.pid, 0)
    taken = time.perf_counter() - start
    if not (root / ".kpi-gate").exists():
        raise SystemExit(printed[-3000:])
    entries = Ledger(f"sqlite:///{root / '.kpi-gate/ledger.db'}").entries(name)
    decided = [entry for entry in entries if entry.kind == "decision"]
    if not decided or decided[-1].body["as_of"] != as_of.isoformat():
        raise SystemExit(f"no decision on {as_of:%Y-%m-%d}:\n{printed[-3000:]}")
    body = decided[-1].body
    gain = body["decision"]["gain"] or {}
    champion = [entry.body["version"] for entry in entries if entry.kind == "done"]
    numbers = [gain.get(key) for key in ("estimate", "lower", "shrunk")]
    return [
        f"{as_of:%Y-%m-%d}",
        str(body["verdict"]),
        *("–" if v is None else f"{v:+.4g}" for v in numbers),
        champion[-1] if champion else "baseline",
        f"{taken:.1f}",
        f"{_gigabytes(used):.2f}",
    ]


def _gigabytes(used: resource.struct_rusage) -> float:
    return used.ru_maxrss / 1e6


if __name__ == "__main__":
    main()
