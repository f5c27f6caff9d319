"""A project of its own for every test that needs one: the toy use case, DVC, MLflow on SQLite."""

import gc
import io
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from starts import FIRST_TICK, STATES, begin_from

from kpi_gate.environment import ENVIRONMENT
from kpi_gate.record import case_list, prepared_databases
from kpi_gate.run.context import Run
from kpi_gate.usecase import discovery
from kpi_gate.workspace import Workspace

REPOSITORY = Path(__file__).parents[1]
TOY = Path(__file__).parent / "toy"
CASES = "src/toys/usecases"  # of each project, in its folder
# what takes longest is begun first, so that both processes end together
LONGEST = ("retrain", "crashes", "selftest", "rerun", "template", "attack", "engine", "dockerfile")
# use cases whose own checks take seconds: `make quick` checks campaign, and an owner's
SIMULATED = ("ads-", "fraud-", "recommend-", "retention-")
_SERVER: list[ExitStack] = []  # of Prefect, while there is one

os.environ.update(ENVIRONMENT)  # telemetry off, before any tool is imported
hypothesis.settings.register_profile("no timing", deadline=None)
hypothesis.settings.load_profile("no timing")
for name in [name for name in os.environ if name.startswith(("KPI_GATE_", "PREFECT_API"))]:
    del os.environ[name]


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist puts the groups' names into the ids
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest; keep in one process what shares what its module makes."""
    items.sort(key=_place_in_the_queue)
    for item in items:
        if item.name.partition("[")[2].startswith(SIMULATED):
            item.add_marker(pytest.mark.slow)
        if not isinstance(item, pytest.Function) or item.get_closest_marker("xdist_group"):
            continue
        makers = (item._fixtureinfo.name2fixturedefs.get(name) for name in item.fixturenames)
        if any(found and found[-1].scope == "module" for found in makers):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


def _place_in_the_queue(item: pytest.Item) -> int:
    name = item.path.stem.removeprefix("test_")
    return LONGEST.index(name) if name in LONGEST else len(LONGEST)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Refuse to go on where groups are ignored: what a module makes would be made in each process.

    Raises:
        pytest.UsageError: If pytest-xdist has not put the groups' names into the ids.
    """
    grouped = [item for item in session.items if item.get_closest_marker("xdist_group")]
    if session.config.getoption("loadgroup", False) and not all("@" in i.nodeid for i in grouped):
        raise pytest.UsageError("this pytest-xdist ignores xdist_group: see pyproject.toml")
    gc.freeze()  # what was imported stays; looking for others among it costs a tenth
    gc.set_threshold(100_000, 50, 50)


def make_project(root: Path) -> Path:
    """Lay out a project as the template makes it, with the toy as its one use case."""
    cases = root / CASES
    cases.mkdir(parents=True)
    for path in TOY.glob("toy.*"):
        shutil.copy(path, cases)
    shutil.copytree(REPOSITORY / "flows", root / "flows")
    (root / "pyproject.toml").write_text(f'[tool.kpi-gate]\nuse_cases = "{CASES}"\n', "utf-8")
    (root / ".dvc").mkdir()
    shutil.copy(REPOSITORY / ".dvc/config", root / ".dvc")
    (root / ".dvc/config.local").write_text("[core]\n    no_scm = true\n", encoding="utf-8")
    for name in (".dvcignore", "requirements.lock"):
        shutil.copy(REPOSITORY / name, root)
    stages = (REPOSITORY / "dvc.yaml").read_text("utf-8").replace("src/kpi_gate/examples", CASES)
    (root / "dvc.yaml").write_text(stages, encoding="utf-8")
    with redirect_stderr(io.StringIO()):
        case_list.follow(root, ["toy"])
    return root


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow database that is migrated already; a copy costs nothing."""
    path = tmp_path_factory.mktemp("migrated") / "mlflow.db"
    prepared_databases.lay_out("mlflow", f"sqlite:///{path}")
    return path


@pytest.fixture
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the address of the one Prefect server of all tests of the `prefect` group."""
    if not _SERVER:
        os.environ["PREFECT_HOME"] = str(tmp_path_factory.mktemp("prefect"))
        from prefect.settings import PREFECT_API_BLOCKS_REGISTER_ON_START, temporary_settings
        from prefect.testing import utilities

        # migrations, and blocks that no page shows here, would take half of its start
        home = tempfile.mkdtemp()  # the harness clears it away
        prepared_databases.lay_out("prefect", f"sqlite:///{home}/prefect-test.db")
        server = ExitStack()
        server.enter_context(temporary_settings({PREFECT_API_BLOCKS_REGISTER_ON_START: False}))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(utilities, "mkdtemp", lambda: home)
            server.enter_context(utilities.prefect_test_harness(server_startup_timeout=120))
        _SERVER.append(server)
    from prefect.settings import PREFECT_API_URL

    return PREFECT_API_URL.value()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Stop the Prefect server with the last of its group: it is busy even if nobody asks."""
    groups = [mark.args for mark in nextitem.iter_markers("xdist_group")] if nextitem else []
    if _SERVER and ("prefect",) not in groups:
        _SERVER.pop().close()


@contextmanager
def inside(root: Path, migrated: Path) -> Iterator[Path]:
    """Lay out a project; the process is in it, and finds the toy."""
    make_project(root)
    (root / ".kpi-gate").mkdir()
    shutil.copy(migrated, root / ".kpi-gate/mlflow.db")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setattr(sys, "path", [*sys.path])  # the project's own folders are put on it
        yield root


def runs_of(root: Path) -> Callable[..., Run]:
    """Return what makes runs of the toy at a moment; keywords replace parts of its settings."""

    def make(as_of: datetime = FIRST_TICK, **changes: Any) -> Run:
        use_case = discovery.load("toy")
        if changes:
            settings = use_case.settings.model_copy(update=changes)
            use_case = replace(use_case, settings=settings)
        return Run(use_case, as_of, Workspace(root=root))

    return make


@pytest.fixture
def project(tmp_path: Path, migrated: Path) -> Iterator[Path]:
    """A project folder of the test's own."""
    with inside(tmp_path / "project", migrated) as root:
        yield root


@pytest.fixture
def run_at(project: Path) -> Callable[..., Run]:
    """Make runs in the project."""
    return runs_of(project)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of this run of the tests that all its processes see."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if os.environ.get("PYTEST_XDIST_WORKER") else own


@pytest.fixture
def begin(project: Path, run_at: Callable[..., Run], shared: Path) -> Callable[[str], None]:
    """Bring the new project into a state of `starts.py`, by its name."""
    return lambda name: begin_from(name, project, run_at, shared)


def _beginning(name: str) -> Callable[..., None]:
    """Return the fixture of one state."""
    return pytest.fixture(lambda begin: begin(name), name=name)


for _name in STATES:
    globals()[_name] = _beginning(_name)
