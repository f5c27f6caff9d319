"""Open a run: of a moment, or of the tick that was frozen last."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from kpi_gate.data.snapshot import TICK
from kpi_gate.decision.evidence import utc
from kpi_gate.errors import ConfigurationError
from kpi_gate.files import project
from kpi_gate.files.yaml_file import read_mapping
from kpi_gate.record import case_list
from kpi_gate.record.lock import one_at_a_time, one_look
from kpi_gate.run.context import Run
from kpi_gate.usecase import discovery
from kpi_gate.workspace import Workspace


@contextmanager
def open_run(
    name: str, as_of: datetime | None = None, *, scheduled: bool = False, looking: bool = False
) -> Iterator[Run]:
    """Open a run of a use case; no other process is at work on the same meanwhile.

    Args:
        name: The use case.
        as_of: Nothing later is known; by default now.
        scheduled: Whether nobody watches.
        looking: Whether it only looks at the champion: a retraining may go on meanwhile.

    Raises:
        ConfigurationError: If the use case is unknown or wrong, or the moment is in the future.
        BusyError: If another process is at work.
    """
    run = plan_run(name, as_of, scheduled=scheduled)
    with held(run, looking=looking):
        yield run


@contextmanager
def held(run: Run, *, looking: bool = False) -> Iterator[None]:
    """Keep other processes off the use case, and close the run's services in the end.

    Raises:
        BusyError: If another process is at work.
    """
    alone = one_look if looking else one_at_a_time
    with alone(run.workspace, run.name), closing(run):
        yield


def plan_run(name: str, as_of: datetime | None = None, *, scheduled: bool = False) -> Run:
    """Return a run of a use case before anything is locked; DVC gets to know the use case.

    Args:
        name: The use case.
        as_of: Nothing later is known; by default now.
        scheduled: Whether nobody watches.

    Raises:
        ConfigurationError: If the use case is unknown or wrong, or the moment is in the future.
    """
    moment = now() if as_of is None else utc(as_of)
    if moment > now():
        raise ConfigurationError(f"as_of == {moment:%Y-%m-%dT%H:%M}Z, must not be in the future")
    run = Run(discovery.load(name), moment, Workspace(), scheduled=scheduled)
    follow_use_cases(run.workspace.root)
    return run


def last_tick(name: str) -> Run:
    """Return the run of the tick that the last snapshot wrote down.

    Raises:
        ConfigurationError: If there is none, or it cannot be read.
    """
    use_case, workspace = discovery.load(name), Workspace()
    path = workspace.work(name) / TICK
    if not path.exists():
        raise ConfigurationError(
            f"{workspace.shown(path)}: no tick yet; run `kpi-gate snapshot {name} --as-of DATE`"
        )
    try:
        as_of = datetime.fromisoformat(read_mapping(path).content["as_of"])
    except (ValueError, KeyError, TypeError) as error:
        again = f"run `kpi-gate snapshot {name} --as-of DATE` again"
        raise ConfigurationError(f"{path}: cannot be read; {again}") from error
    follow_use_cases(workspace.root)
    return Run(use_case, as_of, workspace)


def follow_use_cases(root: Path) -> None:
    """Bring DVC's list of use cases in step with them, in the project that they lie in."""
    if project.here().root == root:
        case_list.follow(root, discovery.names())


def now() -> datetime:
    """Return the present moment in UTC, to the second."""
    return datetime.now(UTC).replace(microsecond=0)
