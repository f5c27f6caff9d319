"""A project is found from any folder in it, and its code is loaded by file; else it is told why."""

import sys

import pytest

from kpi_gate.errors import ConfigurationError
from kpi_gate.files import project as rooms
from kpi_gate.usecase import discovery
from kpi_gate.workspace import Workspace

TABLE = '[tool.kpi-gate]\nuse_cases = "src/shop/usecases"\n'


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """An empty project; the process is in it."""
    root = tmp_path / "shop"
    (root / "src/shop/usecases").mkdir(parents=True)
    (root / "pyproject.toml").write_text(TABLE, encoding="utf-8")
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(root)
    return root


def write(root, name, text):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_it_is_found_from_a_folder_in_it(shop, monkeypatch):
    write(shop, "src/pyproject.toml", "[project]\nname = 'inner'\n")
    monkeypatch.chdir(shop / "src/shop")
    found = rooms.here()
    assert (found.root, found.flows, found.home) == (shop, shop / "flows", shop / ".kpi-gate")
    assert (Workspace().root, Workspace().home) == (shop, shop / ".kpi-gate")


def test_its_home_may_be_elsewhere_and_the_environment_wins(shop, monkeypatch):
    write(shop, "pyproject.toml", TABLE + 'home = "../state"\n')
    assert Workspace().home == shop.parent / "state"
    monkeypatch.setenv("KPI_GATE_HOME", "here")
    assert Workspace().home == shop / "here"


def test_outside_of_a_project_it_is_said(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert Workspace().root == tmp_path
    with pytest.raises(ConfigurationError, match=r"no project in .* has a table \[tool.kpi-gate\]"):
        discovery.names()


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("[tool.kpi-gate]\n", "use_cases is missing"),
        (TABLE + "use_case = 'x'\n", "use_case: unknown, must be use_cases, flows or home"),
        (TABLE + "flows = 7\n", "flows == 7, must be a folder"),
        (TABLE + "flows = '../flows'\n", "must lie in the project"),
        ("[tool.kpi-gate\n", "cannot be read: Expected"),
    ],
)
def test_a_wrong_table_is_named(shop, table, words):
    path = write(shop, "pyproject.toml", table)
    with pytest.raises(ConfigurationError, match=words) as told:
        rooms.here()
    assert str(path) in str(told.value)


def test_its_modules_import_each_other_by_name(shop):
    write(shop, "src/shop/prices.py", "PRICE = 3\n")
    path = write(shop, "src/shop/usecases/a.py", "from shop.prices import PRICE\n")
    module = rooms.here().load(path)
    assert (module.__name__, module.PRICE) == ("shop.usecases.a", 3)
    assert rooms.here().load(path) is module
    assert rooms.here().load(path, anew=True) is not module
    assert sys.modules.pop("shop.usecases.a") is module


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("import csv\n\nimport nowhere\n", 3, "ModuleNotFoundError: No module named 'nowhere'"),
        ("x = 1\ny = (\n", 2, "SyntaxError"),
        ("def f():\n    return 1 / 0\n\n\nf()\n", 2, "ZeroDivisionError"),
        ("raise SystemExit('no')\n", 1, "SystemExit: no"),
    ],
)
def test_what_cannot_be_imported_is_named_with_its_line(shop, text, line, words):
    write(shop, "src/shop/usecases/b.py", text)
    with pytest.raises(ConfigurationError, match=f"usecases/b.py:{line}: .*{words}"):
        discovery.load("b")
    assert "shop.usecases.b" not in sys.modules


def test_its_own_flow_is_what_runs(shop):
    write(shop, "flows/retrain.py", "def retrain(name):\n    return f'mine: {name}'\n")
    assert rooms.here().flow("retrain")("a") == "mine: a"
    del sys.modules["flows.retrain"]
    with pytest.raises(ConfigurationError, match=r"flows/monitor.py: there is no such file"):
        rooms.here().flow("monitor")
    write(shop, "flows/monitor.py", "")
    with pytest.raises(ConfigurationError, match=r"flows/monitor.py: has no flow `monitor`"):
        rooms.here().flow("monitor")
    del sys.modules["flows.monitor"]


def test_what_raises_in_a_library_is_told_at_the_projects_own_line(shop, monkeypatch):
    library = write(shop, ".venv/lib/site-packages/oracle_of_shops.py", "def ask():\n    1 / 0\n")
    monkeypatch.syspath_prepend(library.parent)
    path = write(
        shop, "src/shop/usecases/seer.py", "import oracle_of_shops\noracle_of_shops.ask()\n"
    )
    with pytest.raises(ConfigurationError, match=r"usecases/seer.py:2: cannot be imported: Zero"):
        rooms.here().load(path)
