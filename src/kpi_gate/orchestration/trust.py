"""What a served deployment may run: the code at hand, whatever the server's record says.

Whoever may write to a Prefect server can write another entrypoint, a storage or a shell script to
be run first into the record of a deployment. What is started here is chosen by this process alone
(`one_run`); a record that says something else, or a run that asks for something else, is refused.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import DeploymentResponse
from prefect.deployments.runner import RunnerDeployment

OPEN = "as_of"  # the one parameter that a person may set for a run


def as_served(deployment: RunnerDeployment) -> dict[str, Any]:
    """Return what a deployment's record says of what is run, as this process serves it."""
    return {
        "entrypoint": deployment.entrypoint,
        "path": deployment._path,
        "parameters": deployment.parameters,
        "pull_steps": None,
        "job_variables": {},
        "storage_document_id": None,
        "infrastructure_document_id": None,
    }


async def write(client: PrefectClient, deployment: RunnerDeployment) -> None:
    """Write all of it into the record; Prefect leaves in place what a work pool had there."""
    served = await client.read_deployment_by_name(str(deployment.full_name))
    path = {"id": served.id}
    await client.request("PATCH", "/deployments/{id}", path_params=path, json=as_served(deployment))


def changed(deployment: RunnerDeployment, record: DeploymentResponse) -> str:
    """Return why a record is not to be believed; empty where it says what is served.

    Args:
        deployment: As this process serves it.
        record: What the server says of it.
    """
    for field, served in as_served(deployment).items():
        said = getattr(record, field)
        if (said or None) != (served or None):
            return (
                f"the server's record of its deployment was changed: {field} is not what this "
                "schedule serves. Who has the server's secret? See to it that only you have, and "
                "start `kpi-gate schedule` anew, which writes the record anew"
            )
    return ""


def asks_for_more(run: FlowRun, served: Mapping[str, Any]) -> str:
    """Return why a run is not to be run with its parameters; empty where it may be.

    Args:
        run: The run; its parameters are what whoever made it wrote.
        served: The parameters of its deployment, as this process serves it.
    """
    asked = dict(run.parameters)
    as_of = asked.pop(OPEN, None)
    if asked != dict(served):
        return f"its parameters are not those of its deployment, {dict(served)}"
    if as_of is not None and not _is_moment(as_of):
        return f"its parameter {OPEN} is no date"
    return ""


def _is_moment(word: object) -> bool:
    try:
        datetime.fromisoformat(str(word))
    except ValueError:
        return False
    return isinstance(word, str)
