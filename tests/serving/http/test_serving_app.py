"""The app in this process, over a project whose champions were promoted by the real verbs."""

import json
import time
from contextlib import contextmanager

import pytest
from starlette.testclient import TestClient

from kpi_gate.release import promotion
from kpi_gate.serving import places
from kpi_gate.serving.http.app import app_of
from kpi_gate.serving.log.read import read_log
from kpi_gate.serving.options import ServeOptions
from kpi_gate.serving.worker import Worker
from kpi_gate.workspace import Workspace

pytestmark = pytest.mark.slow

ROW = {"unit": "v17", "taste": 1.5, "region": "north"}
PROBLEM = "application/problem+json"


@contextmanager
def served(project, **options):
    """Yield a client of a server over the project."""
    given = {"use_cases": ("toy",), "keys": False, **options}
    worker = Worker(ServeOptions(**given), Workspace(root=project))
    with TestClient(app_of(worker), raise_server_exceptions=False) as client:
        client.worker = worker
        yield client


def ask(client, content, name="toy"):
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return client.post(f"/{name}/decisions", content=body)


def test_one_row_and_many_are_answered_and_logged(project, first_champion):
    with served(project) as client:
        assert client.get("/ready").status_code == 200
        one = ask(client, {**ROW, "id": "d1"}).json()
        assert (one["id"], one["unit"], one["version"]) == ("d1", "v17", "v1")
        assert one["action"] in (0.0, 1.0)
        assert 0 < one["score"] < 1
        assert (one["rule_of_thumb"], one["fault"], one["logged"]) == (False, None, True)
        many = ask(client, {"rows": [ROW, {**ROW, "taste": -2.0}]}).json()["decisions"]
        assert many[0]["score"] == one["score"] != many[1]["score"]
    table = read_log(places.log(Workspace(root=project), "toy"))
    assert table.num_rows == 3
    first = table.to_pylist()[0]
    assert (first["id"], first["unit"], first["policy_version"]) == ("d1", "v17", "v1")
    assert (first["action"], first["score"]) == (one["action"], one["score"])


def test_what_the_model_scores_is_what_the_library_scores(project, run_at, first_champion):
    model = run_at().fetch("v1", project / "there")
    golden = model.golden
    rows = [
        {"unit": str(row.unit), "taste": row.taste, "region": row.region}
        for row in golden.itertuples()
    ]
    with served(project) as client:
        found = ask(client, {"rows": rows}).json()["decisions"]
    scored = [one for one in found if one["arm"] == "champion"]
    expected = golden["golden_probability"][[one["arm"] == "champion" for one in found]]
    assert [one["score"] for one in scored] == pytest.approx(list(expected), abs=1e-9)


BAD = (
    (b"{", 400, "no JSON"),
    (b"", 400, "no JSON"),
    (b'{"unit": "a", "taste": NaN, "region": "north"}', 400, "no JSON"),
    ({"unit": "a", "region": "north"}, 422, "column taste: it is missing"),
    ({**ROW, "taste": "much"}, 422, "column taste: must be a number"),
    ({**ROW, "tast": 1.0}, 422, "did you mean 'taste'"),
    ({"taste": 1.0, "region": "north"}, 422, "column unit: it is missing"),
    ({**ROW, "unit": None}, 422, "column unit"),
    ({"rows": []}, 422, "must be a list of 1 to 1,000 rows"),
    ({"rows": {"a": 1}}, 422, "must be a list of 1 to 1,000 rows"),
    ({"rows": [ROW, 7]}, 422, "row 1"),
    ([ROW], 422, "row 0"),
    ("text", 422, "row 0"),
)


def test_what_cannot_be_decided_is_a_problem_that_names_it(project, first_champion):
    with served(project) as client:
        for body, status, words in BAD:
            answer = ask(client, body)
            assert (answer.status_code, answer.headers["content-type"]) == (status, PROBLEM), body
            assert words in answer.json()["detail"], body
            assert answer.json()["instance"] == "/toy/decisions"
        assert ask(client, ROW).status_code == 200


def test_paths_that_nobody_answers_are_problems(project, first_champion):
    with served(project) as client:
        for answer in (ask(client, ROW, "nobody"), client.get("/toy/decisions"), client.get("/x")):
            assert answer.status_code in (404, 405)
            assert answer.headers["content-type"] == PROBLEM


def test_a_new_champion_takes_over_and_the_old_one_comes_back(project, run_at, second_decision):
    with served(project) as client:
        before = ask(client, ROW).json()
        assert before["version"] == "v1"
        entry = run_at().history.of_kind("decision")[-1]
        words = promotion.promote(run_at(), entry).words
        assert words.startswith("v2 is champion now, after v1; 1 worker took it up within ")
        assert ask(client, ROW).json()["version"] == "v2"
        promotion.rollback(run_at(), "complaints")
        look(client)
        assert ask(client, ROW).json() | {"id": ""} == before | {"id": ""}


def look(client):
    client.portal.call(client.worker.look)


def test_an_export_that_was_spoilt_is_made_anew_from_the_registry(project, first_champion):
    folder = next((project / ".kpi-gate/serving/exports/toy").iterdir())
    golden = (folder / "golden.json").read_text(encoding="utf-8")
    (folder / "golden.json").write_text("{}", encoding="utf-8")
    with served(project) as client:
        assert ask(client, ROW).json()["version"] == "v1"
    assert (folder / "golden.json").read_text(encoding="utf-8") == golden


def test_a_corrupt_new_champion_is_not_served_and_a_promotion_says_so(
    project, run_at, second_decision, monkeypatch
):
    with served(project) as client:
        spoil_when_made(monkeypatch)
        entry = run_at().history.of_kind("decision")[-1]
        words = promotion.promote(run_at(), entry).words
        assert "not every worker serves it: worker " in words
        assert "still serves v1: " in words
        assert "v2 cannot be exported: " in words
        assert ask(client, ROW).json()["version"] == "v1"
        assert client.get("/health").json()["status"] == "degraded"
        assert client.get("/ready").status_code == 200
        (row,) = rows_of(run_at(), "serving_fault")
    assert (row.subject, row.body["why"] in words) == ("v2", True)


def rows_of(run, kind, seconds=60):
    """Return the ledger's rows of a kind, once there are any."""
    end = time.monotonic() + seconds
    while not (found := run.history.of_kind(kind)) and time.monotonic() < end:
        time.sleep(0.1)
    return found


def spoil_when_made(monkeypatch):
    """Let every export that is made from now on be changed behind its maker's back."""
    from kpi_gate.serving import export

    make = export.make_export

    def spoilt(*given, **named):
        manifest = make(*given, **named)
        (given[2] / "golden.json").write_text("{}", encoding="utf-8")
        for stored in Workspace().home.rglob("model.skops"):
            stored.write_bytes(b"spoilt")  # in the registry too
        return manifest

    monkeypatch.setattr(export, "make_export", spoilt)


def test_everybody_is_sent_back_at_once_and_it_holds(project, second_champion):
    with served(project) as client:
        assert ask(client, ROW).json()["version"] == "v2"
        assert client.post("/toy/return", content=b"{}").status_code == 422
        answer = client.post("/toy/return", content=b'{"reason": "complaints"}')
        assert answer.json() == {"returned": "v2", "served": "v1"}
        assert ask(client, ROW).json()["version"] == "v1"
    with served(project) as client:  # another server of the same installation
        assert ask(client, ROW).json()["version"] == "v1"
        assert client.get("/version").json()["use_cases"]["toy"]["returned"] == ["v2"]


def test_where_nothing_was_promoted_it_says_so(project):
    with served(project) as client:
        answer = ask(client, ROW)
        assert (answer.status_code, client.get("/ready").status_code) == (503, 503)
        assert "no version was promoted yet" in answer.json()["detail"]
        assert client.get("/health").status_code == 200


def test_after_a_rollback_to_none_the_rule_of_thumb_answers(project, run_at, first_champion):
    promotion.rollback(run_at(), "complaints")
    with served(project) as client:
        found = ask(client, ROW).json()
    assert (found["version"], found["rule_of_thumb"], found["action"]) == ("baseline", True, 1.0)
    assert found["score"] is None


def test_a_registry_and_a_ledger_that_are_away_at_the_start_change_nothing(project, first_champion):
    with served(project) as client:
        known = ask(client, ROW).json()
    (project / ".kpi-gate/mlflow.db").unlink()
    ledger = project / ".kpi-gate/ledger.db"
    ledger.rename(project / "away.db")
    ledger.mkdir()
    with served(project) as client:
        assert ask(client, ROW).json() | {"id": ""} == known | {"id": ""}
        assert "ledger" in " ".join(client.get("/health").json()["faults"])
