"""The attack itself: a script is written into a deployment's record, and a run of it created.

One real server, one real schedule, and a flow that leaves a mark where it ran.
"""

import asyncio
import base64
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
import websockets

from kpi_gate.orchestration.servers.prefect import running_prefect
from kpi_gate.record.prefect_key import read_key
from kpi_gate.workspace import Workspace

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("doors"), pytest.mark.timeout(600)]

CODE = """
from pathlib import Path
from prefect import flow

@flow(name="marking")
def marking(name: str, as_of: str | None = None, *, scheduled: bool = False) -> None:
    with Path("ran").open("a") as file:
        file.write(f"{name} {as_of} {scheduled}\\n")

def asked():
    from prefect.types.entrypoint import EntrypointType
    return [
        marking.to_deployment(
            name="toy",
            parameters={"name": "toy", "scheduled": True},
            entrypoint_type=EntrypointType.MODULE_PATH,
        )
    ]
"""
SERVE = (
    "from marked import asked; from kpi_gate.orchestration.schedule import keep_serving; "
    "keep_serving(asked)"
)
PULL = [{"prefect.deployments.steps.run_shell_script": {"script": "touch foreign"}}]
TAMPERED = {
    "pull_steps": PULL,
    "entrypoint": "foreign.marking",
    "path": "/tmp",  # noqa: S108  (written, never read)
    "job_variables": {"env": {"PYTHONPATH": "/tmp"}},  # noqa: S108
    "parameters": {"name": "other", "scheduled": False},
}


class Door:
    """Speaks to the server as the Prefect UI does, or as somebody who may not."""

    def __init__(self, address, key):
        self.address, self.key = address, key
        self.basic = base64.b64encode(key.encode()).decode()

    def headers(self):
        client = str(uuid4())
        given = {"Authorization": f"Basic {self.basic}", "Prefect-Csrf-Client": client}
        path = f"{self.address}/csrf-token"
        token = httpx.get(path, params={"client": client}, headers=given).json()["token"]
        return {**given, "Prefect-Csrf-Token": token}

    def ask(self, method, path, body=None, headers=None):
        """Ask the server; while its database is locked, again, as Prefect's own client does."""
        for _ in range(5):
            given = self.headers() if headers is None else headers
            path_there = f"{self.address}{path}"
            answer = httpx.request(method, path_there, json=body, headers=given, timeout=30)
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                break
            time.sleep(1)
        return answer

    def run(self, deployment, parameters=None):
        """Create a run and return its state when it has ended."""
        body = {"parameters": parameters} if parameters else {}
        made = self.ask("POST", f"/deployments/{deployment}/create_flow_run", body)
        assert made.status_code == 201, made.text
        return self.ended(made.json()["id"])

    def ended(self, run):
        end = time.monotonic() + 120
        while time.monotonic() < end:
            state = self.ask("GET", f"/flow_runs/{run}").json()["state"]
            if state["type"] in {"COMPLETED", "CANCELLED", "CRASHED", "FAILED"}:
                return state
            time.sleep(0.3)
        raise AssertionError(f"run {run} did not end: {state}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the served code is, and marks are left."""
    folder = tmp_path_factory.mktemp("attacked")
    (folder / "marked.py").write_text(CODE, encoding="utf-8")
    (folder / "foreign.py").write_text(
        CODE.replace('"ran"', '"foreign"').replace('"marking"', '"foreign"'), encoding="utf-8"
    )
    return folder


@pytest.fixture(scope="module")
def door(folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_HOME", str(folder / ".kpi-gate/prefect"))  # not other tests'
        with running_prefect(Workspace(root=folder)) as server:
            server.wait()
            yield Door(server.address, read_key(folder / ".kpi-gate"))


def process(words, folder, door, **more):
    environment = {
        **os.environ,
        "PYTHONPATH": f"{os.getcwd()}/src{os.pathsep}{os.getcwd()}{os.pathsep}{folder}",  # noqa: PTH109
        "KPI_GATE_ROOT": str(folder),
        "PREFECT_HOME": str(folder / "client"),
        "PREFECT_API_URL": door.address,
        "PREFECT_API_AUTH_STRING": door.key,
        "PREFECT_RUNNER_POLL_FREQUENCY": "1",
        **more,
    }
    return subprocess.Popen(words, cwd=folder, env=environment)


@pytest.fixture(scope="module")
def deployment(folder, door):
    """The deployment's id, while a schedule serves it."""
    with process([sys.executable, "-c", SERVE], folder, door) as schedule:
        try:
            end = time.monotonic() + 120
            while time.monotonic() < end and schedule.poll() is None:
                found = door.ask("GET", "/deployments/name/marking/toy")
                if found.status_code == 200 and found.json()["entrypoint"] == "marked.marking":
                    break
                time.sleep(0.5)
            yield found.json()["id"]
        finally:
            schedule.terminate()
            assert schedule.wait(60) == 0


def strangers(door):
    own = door.headers()
    bare = {name: word for name, word in own.items() if name != "Authorization"}
    wrong = base64.b64encode(b"kpi-gate:guess").decode()
    return {
        "foreign host": {**own, "Host": "evil.example:4200"},
        "rebound name": {**own, "Host": "127.0.0.1.evil.example"},
        "foreign origin": {**own, "Origin": "http://evil.example"},
        "another port's page": {**own, "Origin": "http://127.0.0.1:3000"},
        "sandboxed page": {**own, "Origin": "null"},
        "no credentials": bare,
        "wrong credentials": {**own, "Authorization": f"Basic {wrong}"},
        "no token": {"Authorization": own["Authorization"]},
        "nothing at all": {},
    }


def test_a_stranger_writes_nothing_and_runs_nothing(door, deployment, folder):
    before = door.ask("GET", f"/deployments/{deployment}").json()
    for who, headers in strangers(door).items():
        wanted = [
            ("PATCH", f"/deployments/{deployment}", {"pull_steps": PULL}),
            ("POST", f"/deployments/{deployment}/create_flow_run", {}),
        ]
        if who != "no token":
            wanted.append(("GET", f"/deployments/{deployment}", None))
        for method, path, body in wanted:
            answer = door.ask(method, path, body, headers)
            assert answer.status_code in {401, 403}, f"{who}: {method} {answer.status_code}"
            assert "*" not in answer.headers.get("access-control-allow-origin", "")
    after = door.ask("GET", f"/deployments/{deployment}").json()
    # whoever serves it may write it anew meanwhile, and says none for an empty list
    assert (after["pull_steps"] or []) == (before["pull_steps"] or [])
    assert door.ask("POST", "/flow_runs/filter", {}).json() == []
    assert not (folder / "foreign").exists()


def test_a_preflight_of_a_foreign_page_is_refused(door):
    asked = {"Origin": "http://evil.example", "Access-Control-Request-Method": "PATCH"}
    assert door.ask("OPTIONS", "/deployments/x", headers=asked).status_code == 403


@pytest.mark.parametrize("path", ["/events/in", "/events/out", "/logs/out"])
@pytest.mark.parametrize("origin", ["http://evil.example", "null"])
def test_a_foreign_page_opens_no_socket(door, path, origin):
    async def knock():
        address = f"{door.address.replace('http', 'ws')}{path}"
        async with websockets.connect(address, origin=origin, subprotocols=["prefect"]):
            pass

    with pytest.raises(websockets.InvalidStatus) as refused:
        asyncio.run(knock())
    assert refused.value.response.status_code == 403


@pytest.mark.parametrize("path", ["/events/in", "/events/out", "/logs/out"])
@pytest.mark.parametrize("word", [{"type": "auth", "token": "guess"}, {"type": "auth"}, {}])
def test_a_socket_asks_who_you_are(door, path, word):
    async def knock():
        address = f"{door.address.replace('http', 'ws')}{path}"
        async with websockets.connect(address, subprotocols=["prefect"]) as socket:
            await socket.send(json.dumps(word))
            return await socket.recv()

    with pytest.raises(websockets.ConnectionClosed) as refused:
        asyncio.run(knock())
    assert refused.value.rcvd.code == 1008


def test_what_is_served_runs(door, deployment, folder):
    (folder / "ran").unlink(missing_ok=True)
    assert door.run(deployment)["type"] == "COMPLETED"
    asked = {"name": "toy", "scheduled": True, "as_of": "2024-03-01"}
    assert door.run(deployment, asked)["type"] == "COMPLETED"
    assert (folder / "ran").read_text() == "toy None True\ntoy 2024-03-01 True\n"


def test_a_run_that_asks_for_more_is_cancelled(door, deployment, folder):
    (folder / "ran").unlink(missing_ok=True)
    for parameters in ({"name": "other"}, {"scheduled": False}, {"as_of": "x;y"}):
        state = door.run(deployment, parameters)
        assert state["type"] == "CANCELLED"
        assert "parameter" in state["message"]
    assert not (folder / "ran").exists()


@pytest.mark.parametrize("field", ["pull_steps", "entrypoint"])
def test_whoever_has_the_secret_runs_nothing_foreign_either(door, deployment, folder, field):
    (folder / "ran").unlink(missing_ok=True)
    before = door.ask("GET", f"/deployments/{deployment}").json()[field]
    tampered = {field: TAMPERED[field]}
    assert door.ask("PATCH", f"/deployments/{deployment}", tampered).status_code == 204
    try:
        state = door.run(deployment, {"name": "toy", "scheduled": True})
        assert state["type"] == "CANCELLED"
        assert f"record of its deployment was changed: {field}" in state["message"]
        assert not (folder / "ran").exists()
        assert not (folder / "foreign").exists()
    finally:
        door.ask("PATCH", f"/deployments/{deployment}", {field: before})


def test_a_record_that_is_changed_after_the_look_decides_nothing(door, folder):
    """The process of a run is told what to run, and asks the server nothing of it."""
    flow = door.ask("POST", "/flows/", {"name": "elsewhere"}).json()["id"]
    record = {"name": "late", "flow_id": flow, **TAMPERED}
    late = door.ask("POST", "/deployments/", record).json()["id"]
    asked = {"parameters": {"name": "toy", "scheduled": True}}
    run = door.ask("POST", f"/deployments/{late}/create_flow_run", asked).json()["id"]
    (folder / "ran").unlink(missing_ok=True)
    words = [sys.executable, "-m", "kpi_gate.orchestration.flow_process", "marked.marking"]
    words += [json.dumps(asked["parameters"]), str(os.getpid())]
    with process(words, folder, door, PREFECT__FLOW_RUN_ID=run) as child:
        assert child.wait(120) == 0
    assert door.ended(run)["type"] == "COMPLETED"
    assert (folder / "ran").read_text() == "toy None True\n"
    assert not (folder / "foreign").exists()


class Foreign:
    """Leaves a mark where it is unpickled."""

    def __reduce__(self):
        return Path.touch, (Path("foreign"),)


def test_a_result_that_the_server_points_to_is_not_unpickled(door, folder):
    from prefect.results import ResultRecord, ResultRecordMetadata
    from prefect.serializers import PickleSerializer

    pointed = ResultRecordMetadata(storage_key="foreign", serializer=PickleSerializer())
    stored = folder / "client/storage/foreign"
    stored.parent.mkdir(parents=True, exist_ok=True)
    stored.write_bytes(ResultRecord(metadata=pointed, result=Foreign()).serialize())
    flow = door.ask("POST", "/flows/", {"name": "pointed"}).json()["id"]
    state = {"type": "COMPLETED", "data": pointed.model_dump(mode="json")}
    asked = {"flow_id": flow, "parameters": {"name": "toy", "scheduled": True}}
    run = door.ask("POST", "/flow_runs/", asked).json()["id"]
    told = door.ask("POST", f"/flow_runs/{run}/set_state", {"state": state, "force": True})
    assert told.json()["status"] == "ACCEPT"
    (folder / "ran").unlink(missing_ok=True)
    words = [sys.executable, "-m", "kpi_gate.orchestration.flow_process", "marked.marking"]
    words += [json.dumps(asked["parameters"]), str(os.getpid())]
    with process(words, folder, door, PREFECT__FLOW_RUN_ID=run) as child:
        assert child.wait(120) == 0
    assert not (folder / "ran").exists()  # the server says that it has run
    assert not (folder / "foreign").exists()
