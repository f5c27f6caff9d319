"""Deployments carry the cron expressions of the YAML."""

import pytest

from kpi_gate import usecases

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("prefect")]


def test_one_deployment_a_use_case_on_its_own_clock():
    from flows.schedule import deployments

    made = {deployment.name: deployment for deployment in deployments()}
    assert sorted(made) == usecases.names()
    for name, deployment in made.items():
        plan = usecases.load(name).settings.schedule
        (schedule,) = deployment.schedules
        assert (schedule.schedule.cron, schedule.schedule.timezone) == (plan.retrain, plan.timezone)
        assert deployment.parameters == {"name": name, "scheduled": True}
        assert deployment.concurrency_limit == 1
