"""The real process beside the server, with a model that has no compiled form."""

import asyncio
import os
import signal
from pathlib import Path

import pytest
from exports import made_up, model_of
from sklearn.impute import SimpleImputer
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from kpi_gate.learning.scoring import probabilities
from kpi_gate.record.model_files import GOLDEN_FILE, MODEL_FILE, dump_model
from kpi_gate.serving.errors import ProcessError
from kpi_gate.serving.export import make_export
from kpi_gate.serving.process_client import ProcessClient
from kpi_gate.usecase import discovery

pytestmark = pytest.mark.slow


@pytest.fixture
def neighbours(project):
    """Return the export of a model that treelite knows nothing of, and the model."""
    use_case = discovery.load("toy")
    rows = made_up(use_case).assign(region="north")
    estimator = make_pipeline(SimpleImputer(), KNeighborsClassifier(15))
    estimator.fit(rows[use_case.feature_names], rows["outcome"])
    model = model_of(use_case, estimator, rows, project / "stored")
    (model.folder / MODEL_FILE).write_bytes(dump_model(estimator))
    scores = probabilities(estimator, model.golden, use_case.feature_names)
    model.golden = model.golden.assign(golden_probability=scores)
    model.golden.to_parquet(model.folder / GOLDEN_FILE, index=False)
    manifest = make_export(model, use_case, project / "export", version="v1")
    assert not manifest.compiled
    assert "KNeighborsClassifier" in manifest.why
    return project / "export", model


def rows_of(model):
    return [
        {"unit": str(row.unit), "taste": None if row.taste != row.taste else row.taste, "id": "d"}
        for row in model.golden.itertuples()
    ]


def with_client(project, act):
    async def go():
        client = ProcessClient(project)
        try:
            return await act(client)
        finally:
            await client.stop()

    return asyncio.run(go())


def test_many_at_once_get_what_the_library_says_each_its_own(project, neighbours):
    folder, model = neighbours
    rows = rows_of(model)

    async def act(client):
        assert client.pid is None
        assert await client.load("toy/v1", str(folder), "toy") == ""
        found = await asyncio.gather(*(client.decide("toy/v1", [row]) for row in rows * 5))
        ruled = await client.rule("toy/v1", rows)
        assert await client.recheck("toy/v1") == ""
        return [one["score"][0] for one in found], ruled["action"]

    scores, ruled = with_client(project, act)
    assert scores == list(model.golden["golden_probability"]) * 5
    assert ruled == [1.0] * len(rows)


def test_a_process_that_is_killed_is_started_again_with_what_it_held(project, neighbours):
    folder, model = neighbours
    row = rows_of(model)[:1]

    async def act(client):
        assert await client.load("toy/v1", str(folder), "toy") == ""
        before, pid = await client.decide("toy/v1", row), client.pid
        os.kill(pid, signal.SIGSTOP)  # it has a question that it will never answer
        asked = asyncio.create_task(client.decide("toy/v1", row))
        await asyncio.sleep(0.1)
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(ProcessError, match="has ended"):
            await asked
        again = await client.decide("toy/v1", row)
        return before, again, pid != client.pid

    before, again, another = with_client(project, act)
    assert (again, another) == (before, True)


def test_what_a_users_code_does_wrong_is_an_answer_and_the_others_go_on(project, neighbours):
    folder, model = neighbours
    path = next(Path(project).rglob("toy.py"))
    source = path.read_text(encoding="utf-8")
    spoilt = source.replace("return np.ones(len(rows))", "print('hello'); raise OSError('no disk')")
    assert spoilt != source
    path.write_text(spoilt, encoding="utf-8")
    row = rows_of(model)[:1]

    async def act(client):
        assert await client.load("toy/v1", str(folder), "toy") == ""
        with pytest.raises(ProcessError, match="no disk"):
            await client.rule("toy/v1", row)
        return await client.decide("toy/v1", row)

    assert with_client(project, act)["score"] == [model.golden["golden_probability"][0]]


def test_what_cannot_be_loaded_says_why(project, neighbours):
    folder, _ = neighbours
    (folder / MODEL_FILE).write_bytes(b"none")

    async def act(client):
        return (
            await client.load("toy/v1", str(folder), "toy"),
            await client.load("toy/v2", str(project / "nowhere"), "toy"),
            await client.load("x/v1", str(folder), "nobody"),
        )

    spoilt, missing, unknown = with_client(project, act)
    assert MODEL_FILE in spoilt
    assert "nowhere" in missing
    assert "no use case 'nobody'" in unknown
