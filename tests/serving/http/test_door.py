"""The whole door over a worker with a real champion, as a caller meets it."""

import json
from contextlib import contextmanager

import pytest
from asgi_calls import ask
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from kpi_gate.serving import places
from kpi_gate.serving.http.app import app_of
from kpi_gate.serving.http.app import served as behind_door
from kpi_gate.serving.http.keys import new_key
from kpi_gate.serving.options import ServeOptions
from kpi_gate.serving.worker import Worker
from kpi_gate.workspace import Workspace

pytestmark = pytest.mark.slow

ROW = {"unit": "v17", "taste": 1.5, "region": "north"}


@contextmanager
def served(project, **options):
    workspace = Workspace(root=project)
    worker = Worker(ServeOptions(use_cases=("toy",), **options), workspace)
    _, written = new_key(places.keys(workspace), "test", ["decide", "read", "admin"])
    client = TestClient(behind_door(worker), "http://localhost", raise_server_exceptions=False)
    with client:
        client.headers["authorization"] = f"Bearer {written}"
        client.worker = worker
        yield client


def decide(client, content=ROW, **headers):
    body = content if isinstance(content, bytes) else json.dumps(content)
    return client.post("/toy/decisions", content=body, headers=headers)


@pytest.fixture
def client(project, first_champion):
    with served(project, body_bytes=100_000) as found:
        yield found


def test_a_row_is_decided_for_a_key_and_counted(client):
    found = decide(client, **{"x-request-id": "r1"})
    assert (found.status_code, found.headers["x-request-id"]) == (200, "r1")
    assert decide(client, authorization="").status_code == 401
    assert decide(client, host="evil.example").status_code == 421
    assert decide(client, b"[" * 200_000).status_code == 413
    deep = decide(client, b'{"unit": ' + b"[" * 40_000 + b"]" * 40_000 + b"}")
    assert deep.status_code == 400
    assert decide(client, b'{"unit": "a", "taste": 1e999, "region": "n"}').status_code == 400
    found = scraped(client)
    assert found("requests_total", route="decisions", use_case="toy", status="200") == 1
    assert found("decisions_total", use_case="toy", version="v1", arm="champion") == 1
    assert found("failures_total", use_case="toy", kind="no key") == 1
    assert found("failures_total", use_case="toy", kind="foreign host") == 1


def test_a_number_names_the_same_person_however_json_writes_it(client):
    assert decide(client, {**ROW, "unit": 7.0}).content.count(b'"unit":7,') == 1
    found = decide(client, {"rows": [{**ROW, "unit": -0.0}, {**ROW, "unit": 2.0**53}]}).json()
    assert [type(one["unit"]) for one in found["decisions"]] == [int, int]
    assert [one["unit"] for one in found["decisions"]] == [0, 2**53]


def test_what_is_answered_nowhere_is_a_problem_that_says_where(client):
    for method, path, status, words in (
        ("POST", "/toy/decisions/", 404, "/openapi.json"),
        ("GET", "/", 404, "/openapi.json"),
        ("PUT", "/toy/decisions", 405, "POST only"),
    ):
        found = client.request(method, path)
        assert (found.status_code, words in found.json()["detail"]) == (status, True), path
    both = decide(client, {"rows": [ROW], "unit": "a"})
    assert (both.status_code, "'unit'" in both.json()["detail"]) == (422, True)


def test_who_runs_a_server_is_told_that_nobody_may_ask(project, first_champion, caplog):
    worker = Worker(ServeOptions(use_cases=("toy",)), Workspace(root=project))
    behind_door(worker)
    assert "kpi-gate key new" in caplog.text
    path = places.keys(worker.workspace)
    path.write_text("{")
    behind_door(worker)
    assert str(path) in caplog.records[-1].why


def test_the_short_way_answers_as_the_long_one(client):
    short, long = behind_door(client.worker), app_of(client.worker)
    bodies = [b"{", b"[]", b'{"unit": 1}', json.dumps({**ROW, "id": "d"}).encode()]
    bodies += [json.dumps({"rows": [{**ROW, "id": "d"}] * count}).encode() for count in (0, 2)]
    for path in ("/toy/decisions", "/nobody/decisions", "/toy/decisions/", "//decisions"):
        for body in bodies:
            for method in ("POST", "GET", "PUT"):
                found = [ask(app, path, method, body, client.headers) for app in (short, long)]
                said = [(one.status, one.body, one.headers["content-type"]) for one in found]
                assert said[0] == said[1], (path, body, method)


def test_what_is_served_is_in_the_metrics(client):
    found = scraped(client)
    assert found("champion", use_case="toy", version="v1", compiled="yes") == 1
    for name in ("golden_rows_hold", "ledger_followed", "log_works", "versions_loaded"):
        assert found(name, use_case="toy") == 1, name
    assert found("model_age_seconds", use_case="toy") > 0
    assert found("versions_bytes", use_case="toy") > 1_000


def test_one_worker_gives_the_numbers_of_all(project, first_champion):
    with served(project, workers=2) as client:
        folder = places.root(Workspace(root=project)) / "metrics"
        (own,) = folder.glob("*.json")
        host = own.stem.rpartition("-")[0]
        (folder / f"{host}-1.json").write_bytes(own.read_bytes())  # a process that runs
        (folder / f"{host}-999999999.json").write_bytes(own.read_bytes())
        workers = {one.labels["worker"] for one in samples(client)}
        assert workers == {"1", own.stem.rpartition("-")[2]}
    assert [path.stem for path in folder.glob("*.json")] == [f"{host}-1"]


def samples(client):
    page = client.get("/metrics")
    assert page.headers["content-type"].startswith("text/plain")
    return [one for each in text_string_to_metric_families(page.text) for one in each.samples]


def scraped(client):
    """Return what gives a number of the page by its name and labels."""
    numbers = {}
    for one in samples(client):
        labels = {name: value for name, value in one.labels.items() if name != "worker"}
        numbers[one.name, frozenset(labels.items())] = one.value
    return lambda name, **labels: numbers[f"kpi_gate_{name}", frozenset(labels.items())]
