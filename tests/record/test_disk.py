"""A full disk is told before a verb begins, and by one line wherever it fills up."""

import errno
import sqlite3
import sys

import pytest
from sqlalchemy.exc import OperationalError
from typer.testing import CliRunner

from kpi_gate.cli import app
from kpi_gate.errors import is_transient
from kpi_gate.record import disk
from kpi_gate.record.disk import DiskFullError, full_disk, require_room
from kpi_gate.workspace import Workspace

EVERYTHING = 10**12  # megabytes that no disk has


@pytest.fixture
def workspace(tmp_path):
    return Workspace(root=tmp_path, home=tmp_path / "home", min_free_mb=1)


def test_room_for_a_megabyte_is_enough(workspace):
    require_room(workspace)


def test_too_little_room_is_named_with_the_folder_and_the_way_out(workspace):
    with pytest.raises(DiskFullError) as caught:
        require_room(workspace.model_copy(update={"min_free_mb": EVERYTHING}))
    assert f"are free for the state ({workspace.home})" in str(caught.value)
    assert "MB are needed (KPI_GATE_MIN_FREE_MB); nothing was begun. Make room" in str(caught.value)


@pytest.mark.parametrize(
    ("config", "folder"),
    [
        ("", ".dvc/cache"),
        ("[core]\n    autostage = true\n", ".dvc/cache"),
        ("[cache]\n    dir = /elsewhere/cache\n", "/elsewhere/cache"),
        ("[cache]\n    dir = ../shared\n", ".dvc/../shared"),
        ("no config", ".dvc/cache"),
    ],
)
def test_each_folder_that_is_written_to_is_looked_at(workspace, monkeypatch, config, folder):
    (workspace.root / ".dvc").mkdir()
    (workspace.root / ".dvc/config").write_text(config)
    (workspace.root / "data").mkdir()
    looked = []

    def usage(path):
        looked.append(path)
        return type("Usage", (), {"free": 10**12})

    monkeypatch.setattr(disk.shutil, "disk_usage", usage)
    require_room(workspace)
    cache = workspace.root / folder
    nearest = next(path for path in (cache, *cache.parents) if path.exists())
    assert looked == [workspace.root, workspace.root / "data", nearest]


@pytest.mark.parametrize("words", [["retrain", "toy"], ["ui"], ["report"], ["rollback", "toy"]])
def test_a_verb_that_writes_does_not_begin_on_a_full_disk(tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KPI_GATE_MIN_FREE_MB", str(EVERYTHING))
    answer = CliRunner().invoke(app.app, words)
    assert isinstance(answer.exception, DiskFullError)
    assert list(tmp_path.iterdir()) == []


def test_a_verb_that_reads_begins_on_a_full_disk(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".kpi-gate").mkdir()
    monkeypatch.setenv("KPI_GATE_MIN_FREE_MB", str(EVERYTHING))
    answer = CliRunner().invoke(app.app, ["ledger", "show"])
    assert answer.exit_code == 0
    assert answer.output.startswith("Nothing is recorded yet")


def behind(cause):
    """Return an error that another one caused."""
    try:
        try:
            raise cause
        except type(cause) as error:
            raise RuntimeError("the run cannot be recorded") from error
    except RuntimeError as error:
        return error


@pytest.mark.parametrize(
    "cause",
    [
        OSError(errno.ENOSPC, "No space left on device", "/home/x.parquet"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        sqlite3.OperationalError("database or disk is full"),
    ],
)
def test_a_disk_that_fills_up_is_one_line(cause, monkeypatch, capsys, tmp_path):
    assert full_disk(cause).startswith("the disk is full")
    assert full_disk(behind(cause)).startswith("the disk is full")

    def fails(**_):
        raise behind(cause)

    monkeypatch.setattr(app, "app", fails)
    monkeypatch.setattr(sys, "argv", ["kpi-gate", "list"])
    monkeypatch.setenv("KPI_GATE_HOME", str(tmp_path))
    with pytest.raises(SystemExit) as ended:
        app.main()
    assert ended.value.code == 1
    assert capsys.readouterr().err.startswith("kpi-gate: the disk is full")


def test_a_fault_on_a_full_disk_names_the_disk_too(monkeypatch, capsys, tmp_path):
    def fails(**_):
        raise RuntimeError("the server ended")

    monkeypatch.setattr(app, "app", fails)
    monkeypatch.setattr(sys, "argv", ["kpi-gate", "list"])
    monkeypatch.setenv("KPI_GATE_HOME", str(tmp_path))
    for free, more in ((10**9, ""), (1_000, f"; the disk of the state ({tmp_path}) is full: make")):
        usage = type("Usage", (), {"free": free})
        monkeypatch.setattr(disk.shutil, "disk_usage", lambda _, usage=usage: usage)
        with pytest.raises(SystemExit) as ended:
            app.main()
        assert ended.value.code == 1
        told = capsys.readouterr().err
        assert told.startswith(f"kpi-gate: RuntimeError: the server ended{more}")


def test_a_full_disk_does_not_pass_by_itself():
    for words, passes in (("database or disk is full", False), ("database is locked", True)):
        cause = sqlite3.OperationalError(words)
        assert is_transient(OperationalError("insert", {}, cause)) is passes


@pytest.mark.parametrize("error", [OSError(errno.EACCES, "x"), ValueError("full of errors")])
def test_other_errors_are_no_full_disk(error):
    assert full_disk(behind(error)) == ""
