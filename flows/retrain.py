"""Retrain one use case and promote the candidate only if the gate says so."""

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from prefect import flow, get_run_logger, runtime, tags, task
from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task, exponential_backoff

from kpi_gate.decision.retrain_rule import Choice
from kpi_gate.decision.verdict import Decision
from kpi_gate.errors import is_transient
from kpi_gate.orchestration.notify import telling
from kpi_gate.pipeline import recording, stages
from kpi_gate.pipeline.standing import standing_decision
from kpi_gate.record.ledger import Entry
from kpi_gate.record.lock import one_at_a_time
from kpi_gate.release import promotion
from kpi_gate.run.context import Refusal, Retrained, open_run

if TYPE_CHECKING:
    from uuid import UUID

P = ParamSpec("P")
R = TypeVar("R")
STEPS = ("heal", "take_snapshot", "validate", "train", "compare", "decide", "record", "promote")


def worth_retrying(_: Task[Any, Any], __: TaskRun, state: State[Any]) -> bool:
    """Retry what may pass by itself: a locked file or database, a service that was away."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, BaseException) and is_transient(error)


def step(work: Callable[P, R], minutes: float) -> Callable[P, R]:
    """Make a task of a verb, under the verb's own name."""
    options = task(
        name=work.__name__,
        retries=3,
        retry_delay_seconds=exponential_backoff(2),
        retry_jitter_factor=0.5,
        retry_condition_fn=worth_retrying,
        timeout_seconds=minutes * 60,
        cache_policy=NO_CACHE,  # DVC decides what must run
        persist_result=False,
    )
    return cast("Callable[P, R]", options(work))


def run_name() -> str:
    """Name a flow run as people speak of it."""
    given = runtime.flow_run.parameters
    return f"{given['name']} as of {str(given['as_of'] or 'now')[:10]}"


heal = step(promotion.heal, minutes=5)
settle = step(stages.settle, minutes=10)
take_snapshot = step(stages.take_snapshot, minutes=30)
fetch_champion = step(stages.fetch_champion, minutes=5)
validate = step(stages.validate, minutes=30)
train = step(stages.train, minutes=120)
compare = step(stages.compare, minutes=30)
decide = step(stages.decide, minutes=10)
record = step(stages.record, minutes=10)
promote = step(stages.promote, minutes=10)
choose_to_retrain = step(stages.choose_to_retrain, minutes=120)


@flow(name="retrain", flow_run_name=run_name, timeout_seconds=4 * 3600)
def retrain(
    name: str, as_of: datetime | None = None, *, scheduled: bool = False
) -> Retrained | Choice:
    """Take a snapshot, validate, train, compare, decide, record, and promote or leave it.

    Where `trigger.when` is money, a scheduled tick at which a retraining does not pay ends in the
    recorded choice to skip it.

    Args:
        name: The use case.
        as_of: Nothing later is known; by default now.
        scheduled: Whether nobody watches: the gate must then have passed its self-test.
    """
    run = open_run(name, as_of)
    told = telling(run.place, name, get_run_logger().warning)
    with one_at_a_time(run.place, name), tags(name), told:
        done = Progress(name)
        heal(run)
        settle(run, proved=scheduled)
        try:
            choice = choose_to_retrain(run) if scheduled else None
            if choice is not None and choice.action == "skip":
                get_run_logger().info(choice.reason)
                done.show(1)
                return choice
            done(take_snapshot(run))
            standing = standing_decision(run)
            if standing is not None:  # nothing new: no training
                done.show(1)
                return Retrained(
                    standing, promote(run, standing, proved=scheduled).words, repeated=True
                )
            fetch_champion(run)
            done(validate(run))
            done(train(run))
            done(compare(run))
            decision = done(decide(run))
        except Refusal as refusal:
            decision = recording.refused(run, refusal)
        entry = done(record(run, decision, str(runtime.flow_run.id)))
        outcome = promote(run, entry, proved=scheduled)
        publish(name, decision, entry)
        done.show(1)
    return Retrained(entry, outcome.words)


class Progress:
    """A progress bar in the Prefect UI that moves with every step."""

    def __init__(self, name: str) -> None:
        self._count = 1
        made = create_progress_artifact(0.0, key(name, "progress"), "retrain, step by step")
        self._artifact = cast("UUID", made)

    def __call__(self, result: R) -> R:
        """Move on by one step and hand its result through."""
        self._count += 1
        self.show(self._count / len(STEPS))
        return result

    def show(self, share: float) -> None:
        """Set the bar; a run that needs no further step is at its end."""
        update_progress_artifact(self._artifact, 100.0 * share)


def key(name: str, what: str) -> str:
    """Return the key of an artifact; Prefect takes dashes and no underscores."""
    return f"{name}-{what}".replace("_", "-")


def publish(name: str, decision: Decision, entry: Entry) -> None:
    """Show the decision and its evidence in the Prefect UI."""
    create_markdown_artifact(decision.to_markdown(), key(name, "decision"), decision.sentence)
    get_run_logger().info(decision.sentence)
    table = [check.model_dump(mode="json") for check in decision.checks]
    create_table_artifact(table, key(name, "evidence"), f"checks of decision {entry.subject}")
