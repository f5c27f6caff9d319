"""Look at the experiment of one use case: its looks on their days, and harm stopped by itself."""

from datetime import datetime

from prefect import flow

from kpi_gate import pipeline
from kpi_gate.orchestration import HOURS, publish_experiment, reporting, run_name, seen_so_far, step
from kpi_gate.pipeline import Seen, open_run

look = step(pipeline.look_at_running, minutes=60)


@flow(name="experiment", flow_run_name=run_name, timeout_seconds=2 * HOURS)
def experiment(name: str, as_of: datetime | None = None, *, scheduled: bool = False) -> Seen | None:
    """Record each look on its day, end what was decided or does harm, and tell; else do nothing.

    Args:
        name: The use case.
        as_of: Nothing later is known; by default now.
        scheduled: Whether nobody watches.
    """
    with open_run(name, as_of, scheduled=scheduled, looking=True) as run, reporting(run):
        seen = look(run)
        publish_experiment(run, seen)
        return seen_so_far(run, seen)
