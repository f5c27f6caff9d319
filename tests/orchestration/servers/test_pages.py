"""Both pages come up on loopback, the command line finds the Prefect server, and both go down."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen
from uuid import uuid4

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("pages"), pytest.mark.timeout(300)]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def ui(project, mark=""):
    """Run `kpi-gate ui`; what it starts has the mark in its environment."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
    environment["DO_NOT_TRACK"] = "true"
    ports = {"mlflow": free_port(), "prefect": free_port()}
    words = [f"--{name}-port={port}" for name, port in ports.items()]
    process = subprocess.Popen(
        [
            sys.executable,
            "-W",
            "ignore",
            "-c",
            "from kpi_gate.cli.app import main; main()",
            "ui",
            *words,
        ],
        cwd=project,
        env={**environment, "MARK": mark},
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process, ports
        finally:
            process.terminate()
            process.wait(60)


def until(found):
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if found():
            return True
        time.sleep(0.1)
    return False


def marked(mark):
    """List the processes that have a mark in their environment."""
    if not Path("/proc/self/environ").exists():
        words = ["ps", "axeww", "-o", "command="]
        return [
            line
            for line in subprocess.run(
                words, capture_output=True, text=True, check=True
            ).stdout.splitlines()
            if f"MARK={mark}" in line
        ]
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"MARK={mark}".encode() in path.read_bytes():
                found.append(path.parent.name)
        except OSError:
            continue  # it has ended, or is another user's
    return found


def test_pages_up_found_and_down(project, monkeypatch):
    from kpi_gate.record.prefect_key import key_file, meet_prefect, read_key

    mark = str(uuid4())
    with ui(project, mark) as (process, ports):
        printed = [process.stdout.readline() for _ in range(4)]
        assert f"http://127.0.0.1:{ports['mlflow']}" in printed[0]
        assert f"http://127.0.0.1:{ports['prefect']}" in printed[1]
        key = read_key(project / ".kpi-gate")
        assert str(key_file(Path(".kpi-gate"))) in printed[2]
        assert key.split(":")[1] not in "".join(printed)  # this is no terminal
        for address in (f"{ports['mlflow']}/health", f"{ports['prefect']}/api/health"):
            with urlopen(f"http://127.0.0.1:{address}", timeout=10) as answer:
                assert answer.status == 200
        with urlopen(f"http://127.0.0.1:{ports['prefect']}/ui-settings", timeout=10) as answer:
            told = json.load(answer)  # what the page in the browser begins with
        assert told["api_url"] == f"http://127.0.0.1:{ports['prefect']}/api"
        assert (told["auth"], told["csrf_enabled"]) == ("BASIC", True)
        for name in ("PREFECT_API_URL", "PREFECT_API_AUTH_STRING"):
            monkeypatch.delenv(name, raising=False)
        meet_prefect(project / ".kpi-gate")
        found = os.environ.pop("PREFECT_API_URL"), os.environ.pop("PREFECT_API_AUTH_STRING")
        assert found == (f"http://127.0.0.1:{ports['prefect']}/api", key)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
    assert not (project / ".kpi-gate/prefect-api-url").exists()
    assert marked(mark) == []
    for port in ports.values():
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_outlives_it_where_it_is_stopped_while_its_servers_start(project, sent):
    mark = str(uuid4())
    with ui(project, mark) as (process, _):
        assert until((project / ".kpi-gate/logs/prefect.log").exists)
        assert len(marked(mark)) >= 2
        process.send_signal(sent)
        assert process.wait(60) == (-sent if sent == signal.SIGKILL else 0)
    assert until(lambda: not marked(mark)), marked(mark)


def test_the_address_of_a_dead_server_is_not_used(project, monkeypatch):
    from kpi_gate.record.prefect_key import meet_prefect

    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    (project / ".kpi-gate/prefect-api-url").write_text(f"http://127.0.0.1:{free_port()}/api")
    meet_prefect(project / ".kpi-gate")
    assert "PREFECT_API_URL" not in os.environ
