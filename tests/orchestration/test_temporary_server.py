"""A retrain without any server brings its own, which ends with it even where it is killed.

That it keeps all that it says, and ends with a retrain that is over: `test_template.py`.
"""

import os
import signal
import subprocess
import sys
import time

import pytest
from left_behind import at_work_in

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


def wait_until(project, fits):
    end = time.monotonic() + SECONDS
    while not fits(len(at_work_in(project))):
        assert time.monotonic() < end, at_work_in(project)
        time.sleep(0.1)


def test_its_server_ends_when_it_is_killed(project):
    begun = start(project, "retrain", "toy", "--as-of", "2024-03-01")
    wait_until(project, lambda count: count > 2)  # itself, the server, and who watches over both
    begun.send_signal(signal.SIGKILL)
    begun.communicate(timeout=SECONDS)
    wait_until(project, lambda count: count == 0)
