"""Watch the champion of one use case, and the experiment that may replace it."""

from datetime import datetime

from prefect import flow

from kpi_gate import pipeline
from kpi_gate.orchestration import (
    HOURS,
    looked,
    publish_experiment,
    publish_look,
    reporting,
    run_name,
    seen_so_far,
    step,
    tell_silence,
)
from kpi_gate.pipeline import Seen, open_run
from kpi_gate.watch.result import Watched

look = step(pipeline.monitor, minutes=60)
look_at_running = step(pipeline.look_at_running, minutes=60)


@flow(name="monitor", flow_run_name=run_name, timeout_seconds=2 * HOURS)
def monitor(name: str, as_of: datetime | None = None, *, scheduled: bool = False) -> Watched:
    """Look at the champion in use, act on what is severe, and propose a retraining.

    Args:
        name: The use case.
        as_of: Nothing later is known; by default now.
        scheduled: Whether nobody watches: silence of the schedule is then told too.
    """
    with open_run(name, as_of, scheduled=scheduled, looking=True) as run, reporting(run):
        seen = look(run)
        publish_look(run, seen)
        if scheduled:
            tell_silence(run)
        return looked(run, seen)


@flow(name="experiment", flow_run_name=run_name, timeout_seconds=2 * HOURS)
def experiment(name: str, as_of: datetime | None = None, *, scheduled: bool = False) -> Seen | None:
    """Record each look on its day, end what was decided or does harm, and tell; else do nothing.

    Args:
        name: The use case.
        as_of: Nothing later is known; by default now.
        scheduled: Whether nobody watches.
    """
    with open_run(name, as_of, scheduled=scheduled, looking=True) as run, reporting(run):
        seen = look_at_running(run)
        publish_experiment(run, seen)
        return seen_so_far(run, seen)
