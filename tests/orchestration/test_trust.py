"""What a run may ask for, and which changes of a deployment's record are seen."""

from uuid import uuid4

import pytest
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import DeploymentResponse
from prefect.deployments.runner import RunnerDeployment

from kpi_gate.orchestration.trust import as_served, asks_for_more, changed

SERVED = {"name": "toy", "scheduled": True}


def run(**parameters):
    return FlowRun(flow_id=uuid4(), parameters=parameters)


@pytest.mark.parametrize(
    "as_of", [{}, {"as_of": None}, {"as_of": "2024-03-01"}, {"as_of": "2024-03-01T03:00:00+00:00"}]
)
def test_a_moment_may_be_asked_for(as_of):
    assert asks_for_more(run(**SERVED, **as_of), SERVED) == ""


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"name": "toy"},
        {"name": "other", "scheduled": True},
        {"name": "toy", "scheduled": False},
        {"name": {"$ref": {"block_document_id": str(uuid4())}}, "scheduled": True},
        {**SERVED, "command": "touch foreign"},
        {**SERVED, "as_of": {"$ref": {"block_document_id": str(uuid4())}}},
        {**SERVED, "as_of": "now; touch foreign"},
        {**SERVED, "as_of": 1709251200},
        {**SERVED, "as_of": ["2024-03-01"]},
    ],
)
def test_anything_else_may_not(asked):
    assert "parameter" in asks_for_more(run(**asked), SERVED)


@pytest.fixture
def deployment():
    return RunnerDeployment(
        name="toy", flow_name="retrain", entrypoint="flows.retrain.retrain", parameters=SERVED
    )


def record(deployment, **changes):
    return DeploymentResponse(
        name="toy", flow_id=uuid4(), **{**as_served(deployment), **changes}, labels={}
    )


def test_a_record_as_it_is_served_is_believed_whatever_else_people_change(deployment):
    assert changed(deployment, record(deployment)) == ""
    assert changed(deployment, record(deployment, pull_steps=[], paused=True, tags=["mine"])) == ""


@pytest.mark.parametrize(
    "change",
    [
        {"pull_steps": [{"prefect.deployments.steps.git_clone": {"repository": "elsewhere"}}]},
        {"entrypoint": "flows/retrain.py:retrain"},
        {"entrypoint": None},
        {"path": "elsewhere"},
        {"storage_document_id": uuid4()},
        {"infrastructure_document_id": uuid4()},
        {"job_variables": {"command": "touch foreign"}},
        {"parameters": {**SERVED, "as_of": "2024-03-01"}},
    ],
)
def test_a_record_that_says_something_else_of_what_is_run_is_not(deployment, change):
    (field,) = change
    assert f"changed: {field} is not" in changed(deployment, record(deployment, **change))
