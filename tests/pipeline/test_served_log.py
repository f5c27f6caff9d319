"""What was served of an experiment is its log, where nobody names another."""

import pandas as pd
import pyarrow.parquet as pq
import pytest
from champions import day
from sample_experiments import plan
from served import decision, finished_segment

from kpi_gate.experiment.log import LogError, read_log
from kpi_gate.pipeline.experiment_log import log_of, logged, place_of_log, serves_its_log
from kpi_gate.pipeline.label_join import as_exposures, join_labels
from kpi_gate.pipeline.served_log import exposures, folder_of
from kpi_gate.serving.log.keep import write_parquet

NOW, PLAN = day(40), plan(margins=())


def exposed(number, arm, **more):
    version = PLAN.treatment if arm == "treatment" else PLAN.control
    about = {"arm": arm, "policy_version": version, "experiment": PLAN.experiment}
    return decision(number, **{"time": day(30), "unit": f"v{number}", **about, **more})


@pytest.fixture
def run(run_at):
    made = run_at(NOW)
    rows = [
        exposed(i, "treatment" if i % 2 else "control", other_action=0.0) for i in range(900, 930)
    ]
    others = [decision(1, time=day(30)), exposed(2, "control", experiment="another")]
    hidden = exposed(3, "control", exposed=False)
    finished_segment(folder_of(made), *rows, rows[0], *others, hidden)
    return made


def test_each_exposure_is_there_once_with_what_came_of_it(run):
    assert serves_its_log(run)
    assert place_of_log(run) == ".kpi-gate/serving/log/toy"
    found = logged(run, PLAN, day(20))
    assert len(found.table) == 31
    assert found.table["exposed"].to_pylist().count(False) == 1
    assert found.asked - found.unmatched == 30  # by unit and moment: load() gives no ids
    assert set(found.table["amount"].drop_null().to_pylist()) == {10.0 - 4, -4.0}


def test_a_log_that_somebody_keeps_comes_first(run):
    log_of(run).mkdir(parents=True)
    assert not serves_its_log(run)


def test_labels_are_joined_into_a_file_that_the_analysis_reads(run, tmp_path):
    path = tmp_path / "outcomes.parquet"
    pd.DataFrame({"id": ["d901", "d902"], "outcome": [1.0, 0.0]}).to_parquet(path)
    table = as_exposures(run, PLAN, join_labels(run, outcomes=path))
    write_parquet(table, tmp_path / "log.parquet")
    read = read_log(tmp_path / "log.parquet", PLAN, keys=True)
    assert set(read.column_names) == set(pq.read_schema(tmp_path / "log.parquet").names)
    rows = read.to_pandas().set_index("decision_id")
    assert rows["amount"].dropna().to_dict() == {"d901": 6.0, "d902": -4.0}
    assert rows["outcome_time"]["d901"] == day(32)


def test_an_experiment_of_which_nothing_was_served_is_told(run):
    with pytest.raises(LogError, match="nothing of experiment"):
        exposures(run, plan(" of another", margins=()))
