"""What a run shows in Prefect: how far it is, what was decided, what a look found."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from prefect import get_run_logger, runtime
from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.events import emit_event

from kpi_gate.orchestration import missed_runs
from kpi_gate.orchestration.deployments import PROPOSED, resource
from kpi_gate.orchestration.notify import telling
from kpi_gate.pipeline.experiment import Seen, page_of
from kpi_gate.run.context import Run
from kpi_gate.watch.result import Watched

if TYPE_CHECKING:
    from uuid import UUID

STEPS = {"retrain": 11, "monitor": 1, "experiment": 1}  # of a flow that goes all the way


@contextmanager
def reporting(run: Run) -> Iterator[None]:
    """Show how far a run is, under its use case's tag; tell people what it adds to the ledger."""
    flow_run, log = runtime.flow_run, get_run_logger()
    flow = str(flow_run.flow_name)
    made = create_progress_artifact(0.0, _key(run, "progress"), f"{flow}, step by step")
    bar, done, steps = cast("UUID", made), list[str](), STEPS.get(flow, 1)

    def told(step: str) -> None:
        done.append(step)
        update_progress_artifact(bar, min(100.0 * len(done) / steps, 100.0))

    run.started_by, run.told = str(flow_run.id), told
    with _story_alone(), telling(run, log.warning):
        yield
    if run.choice is not None:
        log.info(run.choice.reason)
    update_progress_artifact(bar, 100.0)  # a run that needs no further step is at its end


@contextmanager
def _story_alone() -> Iterator[None]:
    """Leave out of the log that a task was completed: its bar shows it."""

    def is_told(record: logging.LogRecord) -> bool:
        return not record.getMessage().startswith("Finished in state Completed")

    tasks = logging.getLogger("prefect.task_runs")
    tasks.addFilter(is_told)
    try:
        yield
    finally:
        tasks.removeFilter(is_told)


def publish(run: Run) -> None:
    """Show the decision and its evidence."""
    decision = run.decision
    create_markdown_artifact(decision.to_markdown(), _key(run, "decision"), decision.sentence)
    _show_table(run, "evidence", decision.checks, f"checks of decision {run.entry.subject}")


def publish_look(run: Run, seen: Watched) -> None:
    """Show what a look found; where it pays to retrain, ask for it."""
    get_run_logger().info(seen.sentence)
    create_markdown_artifact(seen.markdown(), _key(run, "monitor"), seen.sentence)
    _show_table(run, "findings", seen.findings, f"findings of {seen.window}")
    if seen.choice is not None and seen.choice.action == "retrain":
        # an automation of the deployment starts the retraining
        emit_event(
            PROPOSED,
            resource={"prefect.resource.id": resource(run.name)},
            payload={"rule": seen.choice.rule, "reason": seen.choice.reason},
        )


def publish_experiment(run: Run, seen: Seen | None) -> None:
    """Show what a look at the experiment found, and write its page."""
    if seen is None:
        return
    found, page = seen.analysis, page_of(run, seen.name)
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(found.to_html(), encoding="utf-8")
    get_run_logger().info(found.sentence)
    create_markdown_artifact(f"```\n{found}\n```", _key(run, "experiment"), found.sentence)


def tell_silence(run: Run) -> None:
    """Tell people where the schedule of the use case has fallen silent."""
    missed_runs.tell_silence(run.workspace, run.name, run.as_of, get_run_logger().warning)


def _show_table(run: Run, what: str, rows: Sequence[Any], words: str) -> None:
    table = [row.model_dump(mode="json") for row in rows]
    create_table_artifact(table, _key(run, what), words)


def _key(run: Run, what: str) -> str:
    """Return the key of an artifact; Prefect takes dashes and no underscores."""
    return f"{run.name}-{what}".replace("_", "-")
