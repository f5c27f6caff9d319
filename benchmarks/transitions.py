"""How often a retraining crosses from one module of ours to another: the length of the way.

    python -m benchmarks.transitions [campaign --as-of 2008-08-01]

A transition is a call of a function of one module that a function of another module has made, be
it through somebody else's code. What only writes words and pages, `report` and `text`, is counted
apart. It plays the flow itself in a copy of the project.
"""

import argparse
import os
import sys
import tempfile
import threading
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.ticks import ROOT, copy_project

SHOWN = 25
PAGES = ("report/", "text.py")


class Transitions:
    """Counts calls between modules of ours, in every thread."""

    def __init__(self, *folders: Path) -> None:
        self.calls: Counter[tuple[str, str]] = Counter()
        self._folders = [f"{folder}/" for folder in folders]
        self._modules: dict[CodeType, str] = {}

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        """Count a call, as a profiler is told of it."""
        module = self._module(frame.f_code) if event == "call" else ""
        if not module or frame.f_code.co_name == "<module>":
            return
        caller = frame.f_back
        while caller is not None and not self._module(caller.f_code):
            caller = caller.f_back
        if caller is not None and self._module(caller.f_code) != module:
            self.calls[self._module(caller.f_code), module] += 1

    def _module(self, code: CodeType) -> str:
        if code not in self._modules:
            inside = (part for part in self._folders if code.co_filename.startswith(part))
            self._modules[code] = next((code.co_filename.removeprefix(p) for p in inside), "")
        return self._modules[code]


def main() -> None:
    """Play one retraining and print what it crossed."""
    asked = _arguments()
    with tempfile.TemporaryDirectory() as scratch:
        root = copy_project(Path(scratch).resolve() / "project", asked.name, [])
        os.chdir(root)
        from kpi_gate.environment import prepare_environment
        from kpi_gate.orchestration.temporary_server import prefect_at_hand
        from kpi_gate.workspace import Workspace

        prepare_environment(Workspace().home)
        counted = Transitions(ROOT / "src/kpi_gate", root / "flows", ROOT / "flows")
        with prefect_at_hand(Workspace()):
            from flows.retrain import retrain

            threading.setprofile(counted)
            sys.setprofile(counted)
            try:
                result = retrain(asked.name, asked.as_of)
            finally:
                sys.setprofile(None)
                threading.setprofile(None)
    show(counted, f"{asked.name} as of {asked.as_of:%Y-%m-%d}: {result.outcome}")


def show(counted: Transitions, title: str) -> None:
    """Print the sum, and the pairs of modules that cross most."""
    own = {pair: n for pair, n in counted.calls.items() if not any(map(_is_page, pair))}
    modules = {module for pair in own for module in pair}
    console, table = (
        Console(highlight=False),
        Table("calls", "from", "to", box=None, pad_edge=False),
    )
    for (caller, called), count in Counter(own).most_common(SHOWN):
        table.add_row(str(count), caller, called)
    console.print(title)
    console.print(table)
    console.print(f"{sum(own.values()):,} transitions between {len(modules)} modules")
    console.print(f"{counted.calls.total() - sum(own.values()):,} more write words and pages")


def _is_page(module: str) -> bool:
    return module.startswith(PAGES)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", nargs="?", default="campaign", help="use case")
    parser.add_argument("--as-of", type=_day, default=_day("2008-08-01"), help="tick")
    return parser.parse_args()


def _day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


if __name__ == "__main__":
    main()
