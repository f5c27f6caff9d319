"""A project of its own for every test that needs one: the toy use case, DVC, MLflow on SQLite."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from starts import begin_from

from kpi_gate import usecases
from kpi_gate.run.context import Run
from kpi_gate.stores import case_list, prepared
from kpi_gate.stores.settings import ENVIRONMENT, Place

REPOSITORY = Path(__file__).parents[1]
TOY = Path(__file__).parent / "toy"
FIRST_TICK = datetime(2024, 3, 1, tzinfo=UTC)

os.environ.update(ENVIRONMENT)  # telemetry off, before any tool is imported
for name in [name for name in os.environ if name.startswith(("KPI_GATE_", "PREFECT_API"))]:
    del os.environ[name]


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist puts the groups' names into the ids
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep in one process the tests that share what their module makes: it is made once."""
    for item in items:
        if not isinstance(item, pytest.Function) or item.get_closest_marker("xdist_group"):
            continue
        makers = (item._fixtureinfo.name2fixturedefs.get(name) for name in item.fixturenames)
        if any(found and found[-1].scope == "module" for found in makers):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Refuse to go on where groups are ignored: what a module makes would be made in each process.

    Raises:
        pytest.UsageError: If pytest-xdist has not put the groups' names into the ids.
    """
    grouped = [item for item in session.items if item.get_closest_marker("xdist_group")]
    if session.config.getoption("loadgroup", False) and not all("@" in i.nodeid for i in grouped):
        raise pytest.UsageError("this pytest-xdist ignores xdist_group: see pyproject.toml")


def make_project(root: Path) -> Path:
    """Lay out a project with the toy as its one use case, as a clone would have it."""
    for part in ("src", "flows"):
        shutil.copytree(
            REPOSITORY / part, root / part, ignore=shutil.ignore_patterns("__pycache__")
        )
    cases = root / "src/kpi_gate/usecases"
    for path in cases.glob("[!_]*"):
        path.unlink()
    for path in TOY.glob("toy.*"):
        shutil.copy(path, cases)
    (root / case_list.FILE).write_text(case_list.listing(["toy"]), encoding="utf-8")
    shutil.copytree(
        REPOSITORY / ".dvc",
        root / ".dvc",
        ignore=shutil.ignore_patterns("cache", "tmp", "config.local"),
    )
    (root / ".dvc/config.local").write_text("[core]\n    no_scm = true\n", encoding="utf-8")
    for name in ("dvc.yaml", ".dvcignore", "requirements.lock"):
        shutil.copy(REPOSITORY / name, root)
    return root


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow database that is migrated already; a copy costs nothing."""
    path = tmp_path_factory.mktemp("migrated") / "mlflow.db"
    prepared.lay_out("mlflow", f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One Prefect server for all tests of the `prefect` group; stopped at their end."""
    os.environ["PREFECT_HOME"] = str(tmp_path_factory.mktemp("prefect"))
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=120):
        from prefect.settings import PREFECT_API_URL

        yield PREFECT_API_URL.value()


@pytest.fixture
def project(tmp_path: Path, migrated: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project folder; the process is in it, and finds the toy."""
    root = make_project(tmp_path / "project")
    (root / ".kpi-gate").mkdir()
    shutil.copy(migrated, root / ".kpi-gate/mlflow.db")
    monkeypatch.chdir(root)
    monkeypatch.setattr(usecases, "__path__", [str(root / "src/kpi_gate/usecases")])
    sys.modules.pop("kpi_gate.usecases.toy", None)
    yield root
    sys.modules.pop("kpi_gate.usecases.toy", None)


@pytest.fixture
def run_at(project: Path) -> Callable[..., Run]:
    """Make runs of the toy at a moment; keywords replace parts of its settings."""

    def make(as_of: datetime = FIRST_TICK, **changes: Any) -> Run:
        use_case = usecases.load("toy")
        if changes:
            settings = use_case.settings.model_copy(update=changes)
            use_case = type(use_case)(**{**vars(use_case), "settings": settings})
        return Run(use_case, as_of, Place(root=project))

    return make


@pytest.fixture
def first_champion(
    project: Path, run_at: Callable[..., Run], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The first tick is decided on, and its candidate is the champion."""
    from test_steps import play

    begin_from(project, _shared(tmp_path_factory), "first-champion", lambda: play(run_at()))


@pytest.fixture
def second_champion(
    project: Path, run_at: Callable[..., Run], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """So is a tick after the drift: there is a champion before the present one."""
    from test_steps import AFTER_DRIFT, play

    def both() -> None:
        play(run_at())
        play(run_at(AFTER_DRIFT))

    begin_from(project, _shared(tmp_path_factory), "second-champion", both)


def _shared(factory: pytest.TempPathFactory) -> Path:
    """Return a folder of this run of the tests that all its processes see."""
    own = factory.getbasetemp()
    return own.parent if os.environ.get("PYTEST_XDIST_WORKER") else own
