"""Both pages come up on loopback, the command line finds the Prefect server, and both go down."""

import os
import signal
import socket
import subprocess
import sys
from urllib.request import urlopen

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("prefect"), pytest.mark.timeout(300)]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_pages_up_found_and_down(project, monkeypatch):
    from kpi_gate.stores.settings import Place, prepare_environment

    ports = {"mlflow": free_port(), "prefect": free_port()}
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
    environment |= {"PYTHONPATH": f"{project}/src:{project}", "DO_NOT_TRACK": "true"}
    code = "from kpi_gate.cli import main; main()"
    words = [f"--{name}-port={port}" for name, port in ports.items()]
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", code, "ui", *words],
        cwd=project,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        printed = [process.stdout.readline() for _ in range(3)]
        assert f"http://127.0.0.1:{ports['mlflow']}" in printed[0]
        assert f"http://127.0.0.1:{ports['prefect']}" in printed[1]
        for address in (f"{ports['mlflow']}/health", f"{ports['prefect']}/api/health"):
            with urlopen(f"http://127.0.0.1:{address}", timeout=10) as answer:
                assert answer.status == 200
        monkeypatch.delenv("PREFECT_API_URL", raising=False)
        prepare_environment(Place(root=project))
        found = os.environ.pop("PREFECT_API_URL")
        assert found == f"http://127.0.0.1:{ports['prefect']}/api"
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
    assert not (project / ".kpi-gate/prefect-api-url").exists()
    for port in ports.values():
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_the_address_of_a_dead_server_is_not_used(project, monkeypatch):
    from kpi_gate.stores.settings import Place, prepare_environment

    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    (project / ".kpi-gate/prefect-api-url").write_text(f"http://127.0.0.1:{free_port()}/api")
    prepare_environment(Place(root=project))
    assert "PREFECT_API_URL" not in os.environ
