"""What is run ends with whoever runs it, with all that it has started, however that happens."""

import fcntl
import os
import signal
import subprocess
import sys
import time

import pytest

from kpi_gate.orchestration.servers.process import Server, ServerError, running

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

# it and what it starts hold one lock, which the system gives free when both are gone
COMMAND = """
import fcntl, subprocess, sys, time
held = open(sys.argv[1], "w")
fcntl.flock(held, fcntl.LOCK_EX)
words = [sys.executable, "-S", "-c", "import time; time.sleep(600)"]
started = subprocess.Popen(words, pass_fds=[held.fileno()])
open(sys.argv[1] + ".up", "w").close()
time.sleep(600)
"""
HOLDER = """
import sys, time
from pathlib import Path
from kpi_gate.orchestration.servers.process import running
with running(sys.argv[2:], {}, Path(sys.argv[1])):
    time.sleep(600)
"""


def words(folder):
    return [sys.executable, "-S", "-c", COMMAND, str(folder / "lock")]


def until(found, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found():
            return True
        time.sleep(0.05)
    return False


def up(folder):
    return until((folder / "lock.up").exists)


def gone(folder):
    with (folder / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def test_it_ends_with_the_block(tmp_path):
    with running(words(tmp_path), {}, tmp_path / "log") as process:
        assert up(tmp_path)
        assert not gone(tmp_path)
    assert process.poll() is not None
    assert until(lambda: gone(tmp_path))


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_it_ends_with_a_process_that_is_killed(tmp_path, sent):
    holder = [sys.executable, "-c", HOLDER, str(tmp_path / "log"), *words(tmp_path)]
    with subprocess.Popen(holder, stderr=subprocess.DEVNULL) as process:
        assert up(tmp_path)
        process.send_signal(sent)
        process.wait(30)
    assert until(lambda: gone(tmp_path))


def test_what_it_started_ends_where_it_is_killed_itself(tmp_path):
    with running(words(tmp_path), {}, tmp_path / "log") as process:
        assert up(tmp_path)
        os.kill(process.pid, signal.SIGKILL)
        process.wait(30)
    assert until(lambda: gone(tmp_path))


def test_a_command_that_ends_is_seen_to_end_and_its_log_is_named(tmp_path):
    command = [sys.executable, "-S", "-c", "print('no such table')"]
    with running(command, {}, tmp_path / "log") as process:
        server = Server("http://127.0.0.1:9", lambda: False, process, tmp_path / "log")
        with pytest.raises(ServerError, match=r"http://127\.0\.0\.1:9 ended; see .*log"):
            server.wait()
    assert "no such table" in (tmp_path / "log").read_text()
