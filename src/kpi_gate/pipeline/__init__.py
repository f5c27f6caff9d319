"""The verbs, as plain functions of a run: flows, command line and dvc.yaml all call these."""

from kpi_gate.pipeline.decide import decide, record
from kpi_gate.pipeline.experiment import Seen, look_at_experiment, look_at_running
from kpi_gate.pipeline.monitor import monitor
from kpi_gate.pipeline.refit import refit
from kpi_gate.pipeline.release import apply_reviews, promote
from kpi_gate.pipeline.retrain_choice import should_retrain
from kpi_gate.pipeline.selftest import selftest
from kpi_gate.pipeline.stages import compare, take_snapshot, train, validate
from kpi_gate.release.promotion import recover
from kpi_gate.run.champion import fetch_champion
from kpi_gate.run.opening import open_run
from kpi_gate.run.result import RetrainResult
from kpi_gate.usecase.refusal import Refusal

__all__ = [
    "Refusal",
    "RetrainResult",
    "Seen",
    "apply_reviews",
    "compare",
    "decide",
    "fetch_champion",
    "look_at_experiment",
    "look_at_running",
    "monitor",
    "open_run",
    "promote",
    "record",
    "recover",
    "refit",
    "selftest",
    "should_retrain",
    "take_snapshot",
    "train",
    "validate",
]
