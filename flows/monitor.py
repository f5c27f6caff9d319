"""Watch one use case between its retrainings."""

from datetime import datetime

from prefect import flow, get_run_logger

from flows.silence import tell_silence
from kpi_gate.job import open_job


@flow(name="monitor", timeout_seconds=3600)
def monitor(name: str, as_of: datetime | None = None, *, scheduled: bool = False) -> None:
    """Tell where the schedule has fallen silent.

    Args:
        name: The use case.
        as_of: Nothing later is known; by default now.
        scheduled: Whether nobody watches: only then is silence a fault.
    """
    job = open_job(name, as_of)
    if scheduled:
        tell_silence(job.place, name, job.as_of, get_run_logger().warning)
