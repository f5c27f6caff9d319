"""What each worker of a server says of itself, so that a promotion can wait for all of them."""

import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from pydantic import AwareDatetime, ValidationError

from kpi_gate.decision.frozen import Frozen
from kpi_gate.files.state_file import read_state, write_state
from kpi_gate.serving import places
from kpi_gate.workspace import Workspace

EVERY_SECONDS = 2.0  # a worker writes, also where nothing has changed
SILENT_SECONDS = 15.0  # a worker that says nothing for longer is called silent
GONE_SECONDS = 3600.0  # and after this it is forgotten
WAIT_SECONDS = 30.0
_LOOK_SECONDS = 0.05


class Served(Frozen):
    """What one worker says of one use case.

    Attributes:
        version: Version that its champion's share of the decisions gets, after a return another
            than the champion; `baseline` for the rule of thumb.
        compiled: Whether that runs in the server itself.
        row: Number of the ledger's row that it has followed.
        fault: Why it has not taken up what the ledger says; empty where it has.
    """

    version: str
    compiled: bool = False
    row: int = 0
    fault: str = ""


class Report(Frozen):
    """What one worker says.

    Attributes:
        host: Its machine.
        pid: Its process.
        address: Where the server answers.
        at: When it said so, UTC.
        use_cases: What it serves.
    """

    host: str
    pid: int
    address: str
    at: AwareDatetime
    use_cases: Mapping[str, Served]

    @property
    def name(self) -> str:
        """What a person calls it."""
        return f"worker {self.pid} on {self.host}"


class Waited(NamedTuple):
    """What came of waiting for the workers.

    Attributes:
        workers: How many serve the use case.
        late: Those that have not taken up the version, and why.
        seconds: How long it took.
    """

    workers: int
    late: list[str]
    seconds: float


def write_report(workspace: Workspace, address: str, use_cases: Mapping[str, Served]) -> None:
    """Say what this process serves.

    Raises:
        OSError: If it cannot be written.
    """
    report = Report(
        host=socket.gethostname(),
        pid=os.getpid(),
        address=address,
        at=datetime.now(UTC),
        use_cases=use_cases,
    )
    write_state(_own(workspace), report.model_dump(mode="json"))


def withdraw(workspace: Workspace) -> None:
    """Say nothing any more: this process ends."""
    with suppress(OSError):
        _own(workspace).unlink(missing_ok=True)


def read_reports(workspace: Workspace, use_case: str) -> list[Report]:
    """Return what the workers say that serve a use case; those that have ended are left out."""
    return sorted(
        (one for one in _reports(workspace) if use_case in one.use_cases),
        key=lambda one: (one.host, one.pid),
    )


def wait_for(
    workspace: Workspace, use_case: str, version: str, seconds: float = WAIT_SECONDS
) -> Waited:
    """Wait until every worker has taken up a version, or says why it cannot.

    Args:
        workspace: Where the workers report.
        use_case: What they serve.
        version: The champion; empty for the rule of thumb.
        seconds: Longest wait.
    """
    start, wanted = time.monotonic(), version or "baseline"
    while True:
        found = read_reports(workspace, use_case)
        late = [words for one in found if (words := _late(one, use_case, wanted))]
        waits = [one for one in found if _may_come(one, use_case, wanted)]
        passed = time.monotonic() - start
        if not waits or passed > seconds:
            return Waited(len(found), late, passed)
        time.sleep(_LOOK_SECONDS)


def _late(report: Report, use_case: str, wanted: str) -> str:
    """Say why a worker has not taken up a version; empty where it has."""
    served = report.use_cases[use_case]
    silent = (datetime.now(UTC) - report.at).total_seconds()
    if silent > SILENT_SECONDS:
        return f"{report.name} has said nothing for {silent:.0f} s"
    if served.fault:
        return f"{report.name} still serves {served.version}: {served.fault}"
    return "" if served.version == wanted else f"{report.name} still serves {served.version}"


def _may_come(report: Report, use_case: str, wanted: str) -> bool:
    """Tell whether waiting may help: it is there, and has not said that it cannot."""
    silent = (datetime.now(UTC) - report.at).total_seconds() > SILENT_SECONDS
    served = report.use_cases[use_case]
    return not silent and not served.fault and served.version != wanted


def _reports(workspace: Workspace) -> Iterator[Report]:
    host = socket.gethostname()
    for path in places.workers(workspace).glob("*.json"):
        content = read_state(path)
        try:
            report = Report.model_validate(content)
        except ValidationError:
            continue
        old = (datetime.now(UTC) - report.at).total_seconds() > GONE_SECONDS
        if old or (report.host == host and not _runs(report.pid)):
            with suppress(OSError):
                path.unlink(missing_ok=True)
            continue
        yield report


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _own(workspace: Workspace) -> Path:
    return places.workers(workspace) / f"{socket.gethostname()}-{os.getpid()}.json"
