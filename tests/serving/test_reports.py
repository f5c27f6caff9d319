import os
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from kpi_gate.files.state_file import write_state
from kpi_gate.serving import places, reports
from kpi_gate.serving.reports import Served
from kpi_gate.workspace import Workspace


@pytest.fixture
def workspace(tmp_path):
    return Workspace(root=tmp_path, home=tmp_path / "home")


def another(workspace, name, served, *, pid, host="elsewhere", ago=0.0):
    """Let a worker of another machine say something."""
    at = datetime.now(UTC) - timedelta(seconds=ago)
    report = {"host": host, "pid": pid, "address": "http://h:1", "at": at.isoformat()}
    report["use_cases"] = {name: served.model_dump()}
    write_state(places.workers(workspace) / f"{host}-{pid}.json", report)


def test_nobody_is_waited_for_where_nobody_serves(workspace):
    assert reports.wait_for(workspace, "ads", "v2", seconds=9)[:2] == (0, [])
    another(workspace, "fraud", Served(version="v1"), pid=1)
    assert reports.wait_for(workspace, "ads", "v2", seconds=9)[:2] == (0, [])


def test_a_worker_that_takes_it_up_meanwhile_is_waited_for(workspace):
    reports.write_report(workspace, "http://h:1", {"ads": Served(version="v1")})

    def later():
        time.sleep(0.2)
        reports.write_report(workspace, "http://h:1", {"ads": Served(version="v2")})

    thread = threading.Thread(target=later)
    thread.start()
    found = reports.wait_for(workspace, "ads", "v2", seconds=20)
    thread.join()
    assert (found.workers, found.late) == (1, [])


def test_who_cannot_is_named_at_once_with_why(workspace):
    reports.write_report(workspace, "http://h:1", {"ads": Served(version="v2")})
    fault = Served(version="v1", fault="v2: golden rows differ")
    another(workspace, "ads", fault, pid=7)
    found = reports.wait_for(workspace, "ads", "v2", seconds=60)
    assert found.workers == 2
    assert found.late == ["worker 7 on elsewhere still serves v1: v2: golden rows differ"]
    assert found.seconds < 30


def test_who_does_not_answer_in_time_is_named(workspace):
    another(workspace, "ads", Served(version="v1"), pid=7)
    found = reports.wait_for(workspace, "ads", "v2", seconds=0.2)
    assert found.late == ["worker 7 on elsewhere still serves v1"]


def test_who_has_said_nothing_for_long_is_named_and_not_waited_for(workspace):
    another(workspace, "ads", Served(version="v1"), pid=7, ago=reports.SILENT_SECONDS + 5)
    found = reports.wait_for(workspace, "ads", "v2", seconds=60)
    (words,) = found.late
    assert words.startswith("worker 7 on elsewhere has said nothing for ")


def test_a_worker_that_was_killed_is_nobody(workspace):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    host = os.uname().nodename
    another(workspace, "ads", Served(version="v1"), pid=ended.pid, host=host)
    assert reports.wait_for(workspace, "ads", "v2", seconds=60)[:2] == (0, [])
    assert not list(places.workers(workspace).glob("*.json"))


def test_one_that_withdraws_is_gone(workspace):
    reports.write_report(workspace, "http://h:1", {"ads": Served(version="v1")})
    assert len(reports.read_reports(workspace, "ads")) == 1
    reports.withdraw(workspace)
    reports.withdraw(workspace)
    assert reports.read_reports(workspace, "ads") == []


def test_the_rule_of_thumb_is_a_version_too(workspace):
    reports.write_report(workspace, "http://h:1", {"ads": Served(version="baseline")})
    assert reports.wait_for(workspace, "ads", "", seconds=60)[:2] == (1, [])
