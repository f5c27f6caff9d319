"""Stretches of the toy's history: a place with its raw rows, and what is played on it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from conftest import TOY

from kpi_gate.backtest.scenario import lay_out
from kpi_gate.usecase import discovery
from kpi_gate.workspace import Workspace

START, TURN, END = (datetime(2024, *day, tzinfo=UTC) for day in ((4, 15), (4, 30), (6, 24)))
MODULE = "toy"


@contextmanager
def toy_found() -> Iterator[None]:
    """Let the toy, and nothing else, be found as a use case."""
    sys.modules.pop(MODULE, None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KPI_GATE_ROOT", str(TOY))
        yield
    sys.modules.pop(MODULE, None)


def raw_of(workspace):
    """Return the toy's raw file, fetched if it is not there."""
    path = workspace.raw("toy") / "visits.csv"
    if not path.exists():
        sys.modules.get(MODULE) or discovery.load("toy")
        sys.modules[MODULE].fetch(path.parent)
    return path


def edit_visits(workspace: Workspace, edit) -> None:
    """Write other visits in the place of the toy's own."""
    path = raw_of(workspace)
    visits = pd.read_csv(path)
    at = pd.to_datetime(visits["at"], utc=True)
    edit(visits, at)
    visits.to_csv(path, index=False)


def scenario_of(root: Path, start=START, end=END, **changes):
    """Lay out a stretch; keywords are changed settings, with `__` for a dot."""
    asked = {key.replace("__", "."): value for key, value in changes.items()}
    return lay_out("toy", start, end, asked, Workspace(root=root))
