"""The machine that decided runs again from the wheel that the project kept then."""

import signal
import zipfile
from datetime import UTC, datetime

import pytest

from kpi_gate.record.ledger import Entry
from kpi_gate.reproduce.restore_code import LOST, _restore_machine
from kpi_gate.reproduce.sandbox import Scratch
from kpi_gate.run.provenance import PACKAGE, machine_hash, package_hash
from kpi_gate.text import last_line


@pytest.fixture
def scratch(tmp_path):
    """A restored project with the wheels of two versions of then."""
    (tmp_path / "wheels").mkdir()
    for version in ("0.0.1", "0.0.2"):
        wheel = tmp_path / f"wheels/kpi_gate-{version}-py3-none-any.whl"
        with zipfile.ZipFile(wheel, "w") as files:
            files.writestr("kpi_gate/__init__.py", f'__version__ = "{version}"\n')
    return Scratch(tmp_path, "toy")


def made_by(machine, version):
    body = {"replay": {"machine": machine, "version": version}}
    return Entry(1, datetime.now(UTC), "toy", "decision", "d1", body, "", "")


def test_its_wheel_runs(scratch, tmp_path):
    package = tmp_path / "then/kpi_gate"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text('__version__ = "0.0.2"\n', encoding="utf-8")
    told = [*_restore_machine(made_by(package_hash(package), "0.0.2"), scratch)]
    assert told == ["machine: kpi_gate-0.0.2-py3-none-any.whl from the project"]
    assert scratch.package == tmp_path / "library/kpi_gate"
    answer = scratch.python("import kpi_gate; print(kpi_gate.__version__)")
    assert answer.stdout.strip() == "0.0.2"


def test_the_installed_one_runs_where_it_is_the_same_and_else_that_is_said(scratch):
    assert [*_restore_machine(made_by(machine_hash(), "0.1.0"), scratch)] == []
    assert scratch.package == PACKAGE
    (told,) = _restore_machine(made_by("gone", "0.0.9"), scratch)
    assert told.startswith(f"{LOST}: the machine, which was kpi-gate 0.0.9 then; this one is")
    assert scratch.package == PACKAGE


def test_its_process_is_one_and_another_follows_where_it_died(scratch):
    with scratch:
        first = scratch.python("import os; print(os.getpid())")
        ended = scratch.python("import os, sys; print(os.getpid()); sys.exit('no rows')")
        failed = scratch.python("1 / 0")
        died = scratch.python("import os; os.write(2, b'out of room'); os.abort()")
        other = scratch.python("import os, sys; print(os.getpid(), *sys.argv[1:])", "a", "b")
    assert (first.returncode, first.stdout) == (0, ended.stdout)
    assert (ended.returncode, last_line(ended.stderr)) == (1, "no rows")
    assert (failed.returncode, last_line(failed.stderr)) == (
        1,
        "ZeroDivisionError: division by zero",
    )
    assert (died.returncode, last_line(died.stderr)) == (-signal.SIGABRT, "out of room")
    number, *words = other.stdout.split()
    assert (int(number) != int(first.stdout), words) == (True, ["a", "b"])
