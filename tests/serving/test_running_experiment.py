"""What runs is dealt as the ledger's plan says; what was tampered with is not."""

from types import SimpleNamespace

import pytest

from kpi_gate.decision.fingerprint import digest
from kpi_gate.record.experiment_rows import Experiments
from kpi_gate.serving.errors import ServingError
from kpi_gate.serving.running_experiment import running_experiment
from kpi_gate.serving.traffic import RunningExperiment

PLAN = {"salt": "s", "treatment_share": 0.4, "control": "v1", "treatment": "v2"}


def rows(plan=PLAN, *kinds, name=""):
    name, found = name or digest([plan]), Experiments()
    for number, kind in enumerate(("experiment_plan", *kinds), start=1):
        found.follow(SimpleNamespace(kind=kind, subject=name, number=number, body={"plan": plan}))
    return found


def test_an_experiment_runs_from_its_start_to_its_end():
    assert running_experiment(rows()) is None
    started = rows(PLAN, "experiment_start")
    assert running_experiment(started) == RunningExperiment(digest([PLAN]), "s", 0.4, "v1", "v2")
    assert running_experiment(rows(PLAN, "experiment_start", "experiment_end")) is None


def test_a_plan_that_is_another_or_none_is_not_dealt():
    with pytest.raises(ServingError, match="another plan"):
        running_experiment(rows(PLAN, "experiment_start", name="another"))
    for broken in ({**PLAN, "salt": None}, {**PLAN, "treatment_share": "half"}):
        with pytest.raises(ServingError, match="no salt, share and versions"):
            running_experiment(rows(broken, "experiment_start"))
