"""A server process that ends with this one, whatever becomes of it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

STARTUP_SECONDS = 120
_LIFELINE = "kpi_gate.orchestration.servers.lifeline"
_STOP_SECONDS = 15  # the lifeline gives its command ten


class ServerError(RuntimeError):
    """A server did not start; the message says which, where, and what to do."""


@dataclass(frozen=True)
class Server:
    """A server that was started.

    Attributes:
        address: Where it answers, or will.
        answers: Tells whether it does already.
        process: What ends when the server does.
        log: File of all that it writes.
    """

    address: str
    answers: Callable[[], bool]
    process: "subprocess.Popen[bytes]"
    log: Path

    def ended(self) -> bool:
        """Tell whether it has ended by itself."""
        return self.process.poll() is not None

    def wait(self) -> None:
        """Return once it answers.

        Raises:
            ServerError: If it ended, or does not answer in time.
        """
        end = time.monotonic() + STARTUP_SECONDS
        while time.monotonic() < end and not self.ended():
            if self.answers():
                return
            time.sleep(0.1)
        what = "ended" if self.ended() else f"did not answer within {STARTUP_SECONDS} s"
        raise ServerError(f"the server at {self.address} {what}; see {self.log}")


@contextmanager
def running(
    words: Sequence[str],
    environment: Mapping[str, str],
    log: Path,
    descriptors: Sequence[int] = (),
) -> "Iterator[subprocess.Popen[bytes]]":
    """Run a command until the block ends or this process does, in whatever way it does.

    Args:
        words: The command.
        environment: Variables that it has beside this process's own.
        log: File of all that it writes.
        descriptors: Open files that are handed to it, under the same numbers.

    Yields:
        The process that holds the command; it ends when the command does.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", _LIFELINE, ",".join(map(str, descriptors)), *words],
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
            pass_fds=descriptors,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        _stop(process)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    if process.stdin is not None:
        process.stdin.close()  # cuts the lifeline
    with suppress(subprocess.TimeoutExpired):
        process.wait(_STOP_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # its group is its own, and may outlive it
    process.wait()
