"""Deployments say what the YAML says, and what an outage leaves is brought in order."""

import asyncio
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import yaml

from kpi_gate.orchestration import work_pools
from kpi_gate.orchestration.deployments import PROPOSED, Plan, plans_of
from kpi_gate.orchestration.work_pools import prefect_yaml
from kpi_gate.record import case_list
from kpi_gate.usecase import discovery

slow = [pytest.mark.slow, pytest.mark.xdist_group("prefect")]


def on_prefect(test):
    for mark in slow:
        test = mark(test)
    return test


def test_every_use_case_is_retrained_and_watched_on_its_own_clock():
    from kpi_gate.orchestration.schedule import deployments

    made = {(each.flow_name, each.name): each for each in deployments()}
    for name in discovery.names():
        plan = discovery.load(name).settings.schedule
        crons = {"retrain": plan.retrain, "monitor": plan.monitor}
        for flow, cron in crons.items():
            deployment = made.pop((flow, name), None)
            assert (deployment is None) == (cron is None)
            if deployment is None:
                continue
            (clock,) = deployment.schedules
            assert (clock.schedule.cron, clock.schedule.timezone) == (cron, plan.timezone)
            assert deployment.parameters == {"name": name, "scheduled": True}
            assert deployment.entrypoint == f"flows.{flow}.{flow}"
            assert deployment.concurrency_limit == 1
            assert deployment.concurrency_options.collision_strategy == "CANCEL_NEW"
    assert made == {}


def test_a_proposal_about_a_use_case_starts_its_retraining_and_no_other():
    from kpi_gate.orchestration.schedule import deployments

    for deployment in deployments():
        if deployment.flow_name == "monitor":
            assert deployment.triggers == []
            continue
        (trigger,) = deployment.triggers
        assert trigger.expect == {"kpi-gate.retrain.proposed"}
        resource = {"prefect.resource.id": f"kpi-gate.use-case.{deployment.name}"}
        assert trigger.match.model_dump() == resource
        assert trigger.parameters == deployment.parameters


def test_the_file_for_work_pools_is_in_step_with_the_use_cases():
    root = Path(__file__).parents[2]
    kept = (root / work_pools.FILE).read_text(encoding="utf-8")
    (listed,) = yaml.safe_load((root / case_list.FILE).read_text(encoding="utf-8"))["vars"]
    planned = [plan for name in listed["use_cases"] for plan in plans_of(name)]
    assert kept == prefect_yaml(planned), "run `kpi-gate list`"


def test_a_plan_is_written_with_its_cron_expression_and_its_trigger():
    planned = [
        Plan("retrain", "toy", "0 3 * * 1", "Europe/Lisbon", PROPOSED),
        Plan("monitor", "toy", "0 6 * * *", "UTC"),
    ]
    retrain, monitor = yaml.safe_load(prefect_yaml(planned))["deployments"]
    assert retrain["entrypoint"] == "flows/retrain.py:retrain"
    assert retrain["schedules"] == [{"cron": "0 3 * * 1", "timezone": "Europe/Lisbon"}]
    assert retrain["triggers"][0]["match"] == {"prefect.resource.id": "kpi-gate.use-case.toy"}
    assert monitor["parameters"] == {"name": "toy", "scheduled": True}
    assert monitor["concurrency_limit"] == {"limit": 1, "collision_strategy": "CANCEL_NEW"}
    assert "triggers" not in monitor


def test_an_experiment_is_looked_at_where_the_yaml_has_a_section_for_it(project):
    assert [plan.flow for plan in plans_of("toy")] == ["retrain"]
    path = project / "src/toys/usecases/toy.yaml"
    path.write_text(f"{path.read_text('utf-8')}experiment: {{looks: 3}}\n", encoding="utf-8")
    sys.modules.pop("toys.usecases.toy")
    planned = plans_of("toy")
    assert [(plan.flow, plan.cron) for plan in planned[1:]] == [("experiment", "0 7 * * *")]
    text = prefect_yaml(planned)
    assert yaml.safe_load(text)["deployments"][1]["entrypoint"] == "flows/monitor.py:experiment"
    assert work_pools.in_step(text, ["toy"], ["toy"]) == text


def test_nothing_is_deployed_anew_while_a_tick_is_near():
    from prefect.client.schemas.schedules import CronSchedule

    from kpi_gate.orchestration.schedule import is_near

    every_minute = CronSchedule(cron="* * * * *", timezone="UTC")
    assert is_near(every_minute, datetime(2024, 3, 1, 2, 59, 50, tzinfo=UTC))
    assert not is_near(every_minute, datetime(2024, 3, 1, 3, 0, 1, tzinfo=UTC))


@pytest.mark.slow
def test_a_flow_run_is_alive_while_it_has_a_process():
    from kpi_gate.orchestration.flow_recovery import flow_runs_alive

    run = uuid4()
    words = [sys.executable, "-c", "input()"]
    with subprocess.Popen(
        words, env=os.environ | {"PREFECT__FLOW_RUN_ID": str(run)}, stdin=subprocess.PIPE
    ) as process:
        assert run in flow_runs_alive()
        process.communicate(b"\n")
    assert run not in flow_runs_alive()


@pytest.fixture
def deployed(prefect_server):
    """A deployment whose clock ticks every minute and that nobody serves."""
    from prefect import flow
    from prefect.client.schemas.objects import ConcurrencyLimitConfig
    from prefect.schedules import Cron

    @flow(name=f"ticking-{uuid4()}")
    def ticking(name: str) -> None:
        """Never run."""

    once = ConcurrencyLimitConfig(limit=1, collision_strategy="CANCEL_NEW")
    clock = Cron("* * * * *", timezone="UTC")
    deployment = ticking.to_deployment(
        name="toy", schedule=clock, parameters={"name": "toy"}, concurrency_limit=once
    )
    return deployment.apply()


def talk(work):
    """Run a coroutine function with a client of the server."""
    from prefect.client.orchestration import get_client

    async def run():
        async with get_client() as client:
            return await work(client)

    return asyncio.run(run())


async def begin(client, run):
    """Take a run as far as a flow run process does."""
    from prefect.states import Pending, Running

    allowed = await client.set_flow_run_state(run, Pending())
    if allowed.state.is_pending():
        await client.set_flow_run_state(run, Running())
    return (await client.read_flow_run(run)).state


@on_prefect
def test_of_missed_ticks_the_newest_runs_and_the_others_are_told_so(deployed):
    from kpi_gate.orchestration.flow_recovery import keep_newest

    async def work(client):
        now = datetime.now(UTC)
        span = {"start_time": str(now - timedelta(minutes=4)), "end_time": str(now)}
        await client.request("POST", f"/deployments/{deployed}/schedule", json=span)
        asked = await client.create_flow_run_from_deployment(deployed)
        said = await keep_newest(client, [deployed])
        return said, asked.id, await client.read_flow_runs()

    said, asked, runs = talk(work)
    mine = [run for run in runs if run.deployment_id == deployed]
    ticks = sorted(
        (run for run in mine if run.id != asked and run.expected_start_time <= datetime.now(UTC)),
        key=lambda run: run.expected_start_time,
    )
    *missed, newest = ticks
    assert len(missed) >= 2
    assert newest.state.is_scheduled()
    words = f"missed; run once by the tick of {newest.expected_start_time:%Y-%m-%d %H:%M} UTC"
    assert {(run.state.name, run.state.message) for run in missed} == {("Cancelled", words)}
    assert len(said) == len(missed)
    assert next(run for run in mine if run.id == asked).state.is_scheduled()


@on_prefect
def test_ticks_that_a_run_in_flight_overlaps_are_left_to_prefect(deployed):
    from kpi_gate.orchestration.flow_recovery import keep_newest

    async def work(client):
        flying = await client.create_flow_run_from_deployment(deployed)
        await begin(client, flying.id)
        now = datetime.now(UTC)
        span = {"start_time": str(now - timedelta(minutes=4)), "end_time": str(now)}
        await client.request("POST", f"/deployments/{deployed}/schedule", json=span)
        return await keep_newest(client, [deployed])

    assert talk(work) == []


@on_prefect
def test_a_run_whose_process_is_gone_frees_its_slot_and_is_run_again_once(deployed):
    from kpi_gate.orchestration.flow_recovery import heal

    async def work(client):
        lost = await client.create_flow_run_from_deployment(deployed)
        assert (await begin(client, lost.id)).is_running()
        rival = await client.create_flow_run_from_deployment(deployed)
        assert (await begin(client, rival.id)).is_cancelled()
        rounds = [await heal(client, [deployed], starting=True)]
        found = {run.id: run for run in await client.read_flow_runs()}
        assert found[lost.id].state.is_crashed()
        assert "its process is gone" in found[lost.id].state.message
        (again,) = (run for run in found.values() if run.idempotency_key == f"again {lost.id}")
        assert again.parameters == {"name": "toy"}
        rounds.append(await heal(client, [deployed], starting=True))
        assert (await begin(client, again.id)).is_running()  # the slot is free
        rounds.append(await heal(client, [deployed], starting=True))
        return rounds, len(
            [r for r in await client.read_flow_runs() if r.deployment_id == deployed]
        )

    rounds, runs = talk(work)
    assert [len(said) for said in rounds] == [2, 0, 1]  # the last: lost too, and left at that
    assert runs == 3


@on_prefect
def test_a_run_that_failed_on_purpose_is_not_run_again(deployed):
    from prefect.states import Failed

    from kpi_gate.orchestration.flow_recovery import heal

    async def work(client):
        refused = await client.create_flow_run_from_deployment(deployed)
        await begin(client, refused.id)
        state = Failed(name="INVALID", message="the comparison cannot be trusted")
        await client.set_flow_run_state(refused.id, state)
        said = [await heal(client, [deployed], starting=starting) for starting in (False, True)]
        return said, (await client.read_flow_run(refused.id)).state

    said, state = talk(work)
    assert said == [[], []]
    assert (state.name, state.is_failed()) == ("INVALID", True)


@on_prefect
def test_a_run_that_was_begun_a_moment_ago_is_given_time_for_a_process(deployed):
    from kpi_gate.orchestration.flow_recovery import heal

    async def work(client):
        run = await client.create_flow_run_from_deployment(deployed)
        await begin(client, run.id)
        said = await heal(client, [deployed], starting=False)
        return said, (await client.read_flow_run(run.id)).state

    said, state = talk(work)
    assert said == []
    assert state.is_running()


@on_prefect
def test_a_run_of_which_a_process_lives_is_not_lost(deployed, monkeypatch):
    from kpi_gate.orchestration import flow_recovery

    async def work(client):
        run = await client.create_flow_run_from_deployment(deployed)
        await begin(client, run.id)
        monkeypatch.setattr(flow_recovery, "flow_runs_alive", lambda: {UUID(str(run.id))})
        said = await flow_recovery.heal(client, [deployed], starting=True)
        return said, (await client.read_flow_run(run.id)).state

    said, state = talk(work)
    assert said == []
    assert state.is_running()
