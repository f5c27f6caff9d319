"""The flow that looks at an experiment on its schedule, on a real Prefect server."""

from datetime import timedelta

import pytest
from exposures import START, exposures, write_log

from kpi_gate.pipeline.experiment import page_of
from kpi_gate.pipeline.experiment_plan import plan_and_record
from kpi_gate.pipeline.experiment_start import start

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("prefect"), pytest.mark.timeout(400)]


def test_it_waits_stops_harm_by_itself_and_then_rests(prefect_server, project, run_at, asking):
    from prefect.client.orchestration import get_client

    import flows.monitor as module

    assert module.experiment("toy", START) is None
    plan = plan_and_record(run_at(START), minimum_effect=0.33).plan
    start(run_at(START))
    write_log(project, exposures(plan, effect=-2.0))
    early = module.experiment("toy", START + timedelta(days=2, hours=12))
    assert (early.analysis.verdict, early.experiment.end) == ("running", None)
    harmed = module.experiment("toy", START + timedelta(days=9), scheduled=True)
    assert harmed.experiment.end.body["stopped_by"] == "harm"
    assert module.experiment("toy", START + timedelta(days=10)) is None
    with get_client(sync_client=True) as client:
        shown = {(made.key, made.description) for made in client.read_artifacts()}
        states = {made.state.name for made in client.read_flow_runs()}
    assert {"NONE_RUNS", "RUNNING", "KEEP"} <= states
    assert ("toy-experiment", harmed.analysis.sentence) in shown
    assert page_of(run_at(START), plan.experiment).read_text().startswith("<!DOCTYPE html>")
