"""Watch the champion of one use case: health, value, drift; propose a retraining where it pays."""

from datetime import datetime
from typing import TYPE_CHECKING

from prefect import flow, get_run_logger, tags
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.events import emit_event

from flows.retrain import key, run_name, step
from kpi_gate.orchestration.deployments import PROPOSED, resource
from kpi_gate.orchestration.missed_runs import tell_silence
from kpi_gate.orchestration.notify import telling
from kpi_gate.pipeline import stages
from kpi_gate.record.lock import one_look
from kpi_gate.run.context import open_run

if TYPE_CHECKING:
    from kpi_gate.watch.result import Watched

look = step(stages.monitor, minutes=60)


@flow(name="monitor", flow_run_name=run_name, timeout_seconds=2 * 3600)
def monitor(name: str, as_of: datetime | None = None, *, scheduled: bool = False) -> "Watched":
    """Look at the champion in use, act on what is severe, and propose a retraining.

    Args:
        name: The use case.
        as_of: Nothing later is known; by default now.
        scheduled: Whether nobody watches: silence of the schedule is then told too.
    """
    run = open_run(name, as_of)
    log = get_run_logger()
    told = telling(run.place, name, log.warning)
    with one_look(run.place, name), tags(name), told:
        seen = look(run)
    publish(name, seen)
    if seen.choice is not None and seen.choice.action == "retrain":
        # an automation of the deployment starts the retraining
        emit_event(
            PROPOSED,
            resource={"prefect.resource.id": resource(name)},
            payload={"rule": seen.choice.rule, "reason": seen.choice.reason},
        )
    if scheduled:
        tell_silence(run.place, name, run.as_of, log.warning)
    return seen


def publish(name: str, seen: "Watched") -> None:
    """Show what was found in the Prefect UI."""
    get_run_logger().info(seen.sentence)
    create_markdown_artifact(seen.markdown(), key(name, "monitor"), seen.sentence)
    table = [finding.model_dump(mode="json") for finding in seen.findings]
    create_table_artifact(table, key(name, "findings"), f"findings of {seen.window}")
