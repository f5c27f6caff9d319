"""The toy as it was known at a moment, and champions of it that were trained then."""

import importlib.util
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from kpi_gate.data.snapshot import mask_future
from kpi_gate.decision.evidence import BASELINE, Contender
from kpi_gate.learning.windows import plan_windows
from kpi_gate.record.model_files import ModelCard
from kpi_gate.run.candidate import train_candidate
from kpi_gate.run.context import Run
from kpi_gate.workspace import Workspace

TOY = Path(__file__).parents[1] / "toy" / "toy.py"
START, TURN = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 4, 30, tzinfo=UTC)


def load_toy():
    """Import the toy from its file, as another module than any project's."""
    spec = importlib.util.spec_from_file_location("toy_of_operation", TOY)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TOY_MODULE = load_toy()


def use_case_with(value=None, **changes):
    use_case = TOY_MODULE.USE_CASE
    settings = use_case.settings.model_copy(update=changes)
    return replace(use_case, settings=settings, value=value or use_case.value)


def make_run(as_of, folder, use_case=None):
    return Run(use_case or TOY_MODULE.USE_CASE, as_of, Workspace(root=folder))


def rows_of(visits, as_of):
    """Return the rows known at a moment; what was not known yet is blank."""
    return mask_future(TOY_MODULE.load(visits, as_of), as_of)


def train_champion(run, rows, folder, name="1"):
    """Train a champion as of the run's moment, and call it promoted on its gate window."""
    windows = plan_windows(rows["event_time"], run.use_case.settings.window, run.as_of)
    train_candidate(run, rows, windows, folder, "")
    card = ModelCard.read(folder)
    seen = {"name": name, "promoted_on": windows.gate.end}
    contender = card.contender.model_copy(update=seen)
    card.model_copy(update={"contender": contender}).write(folder)
    return windows


def write_baseline(folder):
    ModelCard(contender=Contender(name=BASELINE, digest="x")).write(folder)


def day(number):
    return START + timedelta(days=number)
