"""Retrain one use case, and promote the candidate only if the gate says so."""

from datetime import datetime

from prefect import flow

from kpi_gate import pipeline
from kpi_gate.orchestration import HOURS, ended, publish, reporting, run_name, step
from kpi_gate.pipeline import Refusal, RetrainResult, open_run

recover = step(pipeline.recover, minutes=5)
apply_reviews = step(pipeline.apply_reviews, minutes=10)
should_retrain = step(pipeline.should_retrain, minutes=120)
take_snapshot = step(pipeline.take_snapshot, minutes=30)
fetch_champion = step(pipeline.fetch_champion, minutes=5)
validate = step(pipeline.validate, minutes=30)
train = step(pipeline.train, minutes=120)
compare = step(pipeline.compare, minutes=30)
decide = step(pipeline.decide, minutes=10)
refit = step(pipeline.refit, minutes=120)
record = step(pipeline.record, minutes=10)
promote = step(pipeline.promote, minutes=10)


@flow(name="retrain", flow_run_name=run_name, timeout_seconds=4 * HOURS)
def retrain(name: str, as_of: datetime | None = None, *, scheduled: bool = False) -> RetrainResult:
    """Take a snapshot, validate, train, compare, decide, refit, record; promote or leave it.

    Args:
        name: The use case.
        as_of: Nothing later is known; by default now.
        scheduled: Whether nobody watches: the gate must then have passed its self-test.
    """
    with open_run(name, as_of, scheduled=scheduled) as run, reporting(run):
        recover(run)
        apply_reviews(run)
        try:
            if not should_retrain(run):
                return ended(run)  # the choice to skip is recorded
            take_snapshot(run)
            if run.decided_before:  # nothing new since the recorded decision
                promote(run)
                return ended(run)
            fetch_champion(run)
            validate(run)
            train(run)
            compare(run)
            decide(run)
            refit(run)
        except Refusal as refusal:
            run.refuse(refusal)
        record(run)
        promote(run)
        publish(run)
        return ended(run)
