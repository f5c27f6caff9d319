"""A retrain without any server: it brings its own, leaves nothing out and nothing running."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
PROGRAM = "from kpi_gate.cli.app import main; main()"
SECONDS = 120


def start(project, *words):
    kept = {name: word for name, word in os.environ.items() if not name.startswith("PREFECT_")}
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", PROGRAM, *words],
        cwd=project,
        env=kept,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def at_work_in(project):
    """Return the processes in a folder that are not ended."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink() == project and (process / "cmdline").read_bytes():
                found.append(process.name)
        except OSError:  # it ended meanwhile
            continue
    return [number for number in found if number != str(os.getpid())]


def wait_until(project, fits):
    end = time.monotonic() + SECONDS
    while not fits(len(at_work_in(project))):
        assert time.monotonic() < end, at_work_in(project)
        time.sleep(0.1)


def test_its_server_starts_with_it_keeps_all_that_it_says_and_ends_with_it(project):
    done = start(project, "retrain", "toy", "--as-of", "2024-03-01")
    said, _ = done.communicate(timeout=4 * SECONDS)
    assert done.returncode == 0, said
    assert at_work_in(project) == []
    with closing(sqlite3.connect(project / ".kpi-gate/prefect/prefect.db")) as database:
        (state,) = database.execute("SELECT state_type FROM flow_run").fetchone()
        steps = [row[0] for row in database.execute("SELECT state_type FROM task_run")]
        last = "SELECT message FROM log ORDER BY timestamp DESC LIMIT 1"
        (line,) = database.execute(last).fetchone()
    assert state == "COMPLETED"
    assert set(steps) == {"COMPLETED"}
    assert line.startswith("Finished in state"), "the last line was lost"


def test_its_server_ends_when_it_is_killed(project):
    begun = start(project, "retrain", "toy", "--as-of", "2024-03-01")
    wait_until(project, lambda count: count > 2)  # itself, the server, and who watches over both
    begun.send_signal(signal.SIGKILL)
    begun.communicate(timeout=SECONDS)
    wait_until(project, lambda count: count == 0)
