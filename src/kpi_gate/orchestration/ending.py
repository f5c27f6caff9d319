"""How a flow run ends: its state says the verdict, and where a place asks for it, fails by it."""

from collections.abc import Callable
from datetime import datetime
from typing import cast
from uuid import UUID

from prefect import runtime
from prefect.client.orchestration import get_client
from prefect.states import Completed, Failed

from kpi_gate.orchestration.steps import watching
from kpi_gate.pipeline.experiment import Seen
from kpi_gate.run.context import Run
from kpi_gate.run.result import RetrainResult
from kpi_gate.watch.result import Watched
from kpi_gate.workspace import SEVERE

SKIPPED, WARNING, WELL = "SKIPPED", "WARNING", "WELL"
NONE_RUNS = "NONE_RUNS"  # of an experiment
Result = RetrainResult | Watched | Seen | None


class FailedOnPurposeError(RuntimeError):
    """The run did all that it had to, and its flow run fails on purpose: `KPI_GATE_FAIL_ON`.

    Attributes:
        result: What the flow came to.
    """

    def __init__(self, words: str, result: Result) -> None:
        super().__init__(words)
        self.result = result


def ended(run: Run) -> RetrainResult:
    """Return what a retraining came to, in a state that has the verdict for its name.

    Prefect takes the state for the flow run's, and gives the caller what is in it.
    """
    result = run.result()
    if result.entry is None:
        words = run.choice.reason if run.choice else result.outcome
        return cast("RetrainResult", _state(run, SKIPPED, words, result))
    verdict, new = result.decision.verdict.value, "nothing new: " if result.repeated else ""
    words = f"{new}{result.decision.reason}; {result.outcome}"
    return cast("RetrainResult", _state(run, verdict, words, result))


def looked(run: Run, seen: Watched) -> Watched:
    """Return what a look found, in a state that has the worst of it for its name."""
    name = SEVERE if seen.severe else WARNING if seen.those("warning") else WELL
    return cast("Watched", _state(run, name, seen.sentence, seen))


def seen_so_far(run: Run, seen: Seen | None) -> Seen | None:
    """Return what a look at the experiment found, in a state that has its verdict for its name."""
    if seen is None:
        return cast("None", _state(run, NONE_RUNS, f"{run.name}: no experiment runs", None))
    found = seen.analysis
    return cast("Seen", _state(run, found.verdict.value.upper(), found.sentence, seen))


def call_flow(
    flow: Callable[..., object], name: str, as_of: datetime | None, tell: Callable[[str], None]
) -> object:
    """Return what a project's flow comes to, also where its flow run fails on purpose.

    Args:
        flow: The flow.
        name: The use case.
        as_of: The moment; None for now.
        tell: Is told of each step that begins.
    """
    with watching(tell):
        try:
            return flow(name, as_of)
        except FailedOnPurposeError as end:
            return end.result


def _state(run: Run, name: str, words: str, result: Result) -> object:
    """Return the last state of the flow run, and tag it with the use case and the state's name.

    Not its tasks: for each tag of each task the server would be asked for a limit.
    """
    flow_run = runtime.flow_run
    with get_client(sync_client=True) as client:
        client.update_flow_run(UUID(str(flow_run.id)), tags={*flow_run.tags, run.name, name})
    if name not in run.workspace.failures():
        return Completed(name=name, message=words, data=result)
    on_purpose = FailedOnPurposeError(f"{name}: {words}", result)
    return Failed(name=name, message=words, data=on_purpose)
