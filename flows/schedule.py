"""Serve every use case's flow on the cron expression of its YAML."""

from typing import cast

from prefect import serve
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Cron

from flows.retrain import retrain
from kpi_gate import usecases


def deployments() -> list[RunnerDeployment]:
    """Return one deployment a use case; of two runs at once the later is cancelled."""
    made = []
    for name in usecases.names():
        plan = usecases.load(name).settings.schedule
        deployment = retrain.to_deployment(
            name=name,
            parameters={"name": name, "scheduled": True},
            schedule=Cron(plan.retrain, timezone=plan.timezone),
            tags=[name],
            concurrency_limit=ConcurrencyLimitConfig(
                limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW
            ),
        )
        made.append(cast("RunnerDeployment", deployment))
    return made


def serve_all() -> None:
    """Run scheduled flows in this process's children until interrupted."""
    serve(*deployments(), pause_on_shutdown=False)
