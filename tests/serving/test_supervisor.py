"""A real server, asked over the network by clients, through what may happen to it."""

import http.client
import json
import os
import signal
import socket
import threading
import time
from contextlib import contextmanager
from itertools import pairwise

import door
import pytest

from kpi_gate.release import promotion
from kpi_gate.serving import places, reports
from kpi_gate.serving.log.read import read_log
from kpi_gate.workspace import Workspace

pytestmark = pytest.mark.slow
ROW = {"unit": "v17", "taste": 1.5, "region": "north"}
ON_DISK = 0.1  # seconds after the answer, as promised


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def get(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path)
    return connection.getresponse().status


@contextmanager
def serving(project, *words):
    """Run a server on a free port until the block ends."""
    port = free_port()
    process = door.start(project, "serve", "toy", "--no-keys", "--port", str(port), *words)
    try:
        until(lambda: process.poll() is not None or ready(port))
        yield process, port
    finally:
        process.terminate()
        process.communicate(timeout=60)


def ready(port):
    try:
        return get(port, "/ready") == 200
    except OSError:
        return False


def until(true, seconds=60):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.02)


class Asking(threading.Thread):
    """A client that asks without a pause, and counts each error of status or connection."""

    def __init__(self, port, name):
        super().__init__(daemon=True)
        self.port, self.label = port, name
        self.answers, self.failed, self.ends = [], [], threading.Event()

    def run(self):
        connection, number = None, 0
        while not self.ends.is_set():
            number += 1
            row = {**ROW, "unit": f"{self.label}-{number % 50}", "id": f"{self.label}-{number}"}
            try:
                if connection is None:
                    connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
                connection.request("POST", "/toy/decisions", json.dumps(row))
                answer = connection.getresponse()
                said = json.loads(answer.read())
                if answer.status == 200:
                    self.answers.append((time.monotonic(), said))
                else:
                    self.failed.append((time.monotonic(), answer.status, said))
            except OSError as error:
                self.failed.append((time.monotonic(), 0, repr(error)))
                connection = None
                time.sleep(0.02)
            except http.client.HTTPException as error:
                self.failed.append((time.monotonic(), 0, repr(error)))
                connection = None

    def stop(self):
        self.ends.set()
        self.join(30)


@contextmanager
def asked(port, clients=3):
    found = [Asking(port, f"c{number}") for number in range(clients)]
    for one in found:
        one.start()
    try:
        yield found
    finally:
        for one in found:
            one.stop()


def logged(project):
    table = read_log(places.log(Workspace(root=project), "toy"))
    ids = table.column("id").to_pylist()
    assert len(ids) == len(set(ids))
    return set(ids)


def test_a_promotion_and_a_rollback_under_load_fail_no_request(project, run_at, second_decision):
    with serving(project) as (process, port):
        with asked(port) as clients:
            until(lambda: all(len(one.answers) > 50 for one in clients))
            entry = run_at().history.of_kind("decision")[-1]
            words = promotion.promote(run_at(), entry).words
            promoted = time.monotonic()
            assert "1 worker took it up within " in words
            until(
                lambda: all(
                    len(one.answers) > 50 and one.answers[-1][0] > promoted + 0.2 for one in clients
                )
            )
            promotion.rollback(run_at(), "complaints")
            back = time.monotonic()
            time.sleep(0.3)
        for one in clients:
            assert one.failed == []
            versions = [(at, said["version"]) for at, said in one.answers]
            champions = [(at, v) for at, v in versions if v != "baseline"]
            assert {v for at, v in champions if at > back + 0.1} == {"v1"}
            order = [v for _, v in champions]
            turns = [a for a, b in pairwise(order) if a != b]
            assert turns == ["v1", "v2"]
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
        assert process.returncode in (0, -signal.SIGTERM)
    said = {answer["id"] for one in clients for _, answer in one.answers}
    assert said <= logged(project)
    assert reports.read_reports(Workspace(root=project), "toy") == []


def test_a_server_that_is_killed_loses_no_decision_that_was_answered_before(
    project, first_champion
):
    with serving(project) as (process, port):
        with asked(port) as clients:
            until(lambda: all(len(one.answers) > 200 for one in clients))
            killed = time.monotonic()
            process.kill()
        said = {a["id"] for one in clients for at, a in one.answers if at < killed - ON_DISK}
        assert said <= logged(project)
    with serving(project) as (_, port):  # the next one begins where that one was killed
        assert get(port, "/ready") == 200


def test_a_worker_that_is_killed_is_replaced_and_the_others_go_on(project, first_champion):
    workspace = Workspace(root=project)
    with serving(project, "--workers", "2") as (_, port):
        until(lambda: len(reports.read_reports(workspace, "toy")) == 2)
        before = {one.pid for one in reports.read_reports(workspace, "toy")}
        os.kill(min(before), signal.SIGKILL)
        until(
            lambda: (
                len(now := {o.pid for o in reports.read_reports(workspace, "toy")}) == 2
                and now != before
            )
        )
        until(lambda: ready(port))
        with asked(port, clients=1) as (client,):
            until(lambda: len(client.answers) > 20)
        assert client.failed == []


def test_no_worker_outlives_the_process_that_started_it(project, first_champion):
    with serving(project, "--workers", "2") as (process, port):
        process.kill()
        until(lambda: not ready(port))
        process.communicate(timeout=60)  # it ends when nobody holds its output any more


def test_two_servers_do_not_write_one_log_nor_share_a_port(project, first_champion):
    with serving(project) as (_, port):
        code, _, told = door.run(project, "serve", "toy", "--no-keys", "--port", str(port))
        assert (code, "cannot be listened on" in told) == (1, True)
        code, _, told = door.run(project, "serve", "toy", "--no-keys", "--port", str(free_port()))
        assert (code, "another server writes this log" in told) == (1, True)
        assert ready(port)


def test_without_keys_the_network_is_let_in_by_explicit_choice_alone(project):
    code, _, told = door.call("serve", "toy", "--no-keys", "--host", "0.0.0.0")  # noqa: S104
    assert (code, "--open-to-network" in told) == (2, True)
    code, _, told = door.call("serve", "nobody", "--no-keys")
    assert (code, "no use case 'nobody'" in told) == (2, True)
