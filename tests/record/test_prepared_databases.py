"""Prepared databases: the same as a tool's own, never in the place of one that is there."""

import sqlite3
import sys
from pathlib import Path

import pytest

from kpi_gate.record import prepared_databases
from kpi_gate.record.registry import Registry
from kpi_gate.workspace import Workspace

TOOLS = ("mlflow", "prefect")


def names(path: Path, query: str) -> list[str]:
    with sqlite3.connect(path) as database:
        found = [str(row[0]) for row in database.execute(query)]
    database.close()
    return found


@pytest.mark.parametrize("tool", TOOLS)
def test_a_new_home_gets_the_tables_of_the_tool(
    tool: prepared_databases.Tool, tmp_path: Path
) -> None:
    path = tmp_path / "home" / f"{tool}.db"
    prepared_databases.lay_out(tool, f"sqlite:///{path}")
    assert names(path, "SELECT version_num FROM alembic_version")
    assert "runs" in names(path, "SELECT name FROM sqlite_master") or tool == "prefect"
    assert [found.name for found in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("tool", TOOLS)
def test_nothing_of_another_home_comes_with_it(tool: prepared_databases.Tool) -> None:
    for table in prepared_databases._OF_ITS_OWN[tool]:
        assert names(prepared_databases.template(tool), f"SELECT count(*) FROM {table}") == ["0"]  # noqa: S608


@pytest.mark.parametrize("tool", TOOLS)
def test_a_database_that_is_there_stays(tool: prepared_databases.Tool, tmp_path: Path) -> None:
    path = tmp_path / "own.db"
    path.write_bytes(b"mine")
    prepared_databases.lay_out(tool, f"sqlite:///{path}")
    assert path.read_bytes() == b"mine"


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "postgresql://host/name"])
def test_only_a_file_is_laid_out(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    prepared_databases.lay_out("mlflow", url)
    assert not list(tmp_path.iterdir())


def test_an_environment_that_cannot_be_written_to_leaves_it_to_the_tool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "share").write_text("a file where the folder would be")
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    prepared_databases.lay_out("mlflow", f"sqlite:///{tmp_path}/home/mlflow.db")
    assert not (tmp_path / "home/mlflow.db").exists()


def test_mlflow_takes_a_prepared_database_for_its_own(tmp_path: Path) -> None:
    workspace = Workspace(root=tmp_path)
    assert Registry(workspace, "none").version_of("champion") == ""
    experiments = names(tmp_path / ".kpi-gate/mlflow.db", "SELECT name FROM experiments")
    assert experiments == ["Default"]
