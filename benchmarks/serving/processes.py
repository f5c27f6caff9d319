"""Servers as processes of their own: started, waited for, weighed, ended."""

import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

START_SECONDS = 120.0
_TICKS = os.sysconf("SC_CLK_TCK")


class Running(NamedTuple):
    """A server that answers.

    Attributes:
        process: What was started.
        port: On loopback.
        cold: Seconds from its start until it was ready.
    """

    process: "subprocess.Popen[bytes]"
    port: int
    cold: float

    def family(self) -> list[int]:
        """Return its process and all that came of it."""
        children: dict[int, list[int]] = {}
        for path in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                parent = int(path.read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(path.parent.name))
        found = [self.process.pid]
        for pid in found:
            found.extend(children.get(pid, ()))
        return found

    def megabytes(self) -> float:
        """Return its memory: PSS of all its processes."""
        total = 0
        for pid in self.family():
            with suppress(OSError):
                for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                    total += int(line.split()[1]) if line.startswith("Pss:") else 0
        return total / 1000

    def cpu(self) -> float:
        """Return the CPU seconds of all its processes so far."""
        total = 0
        for pid in self.family():
            with suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                total += int(fields[11]) + int(fields[12])
        return total / _TICKS


def free_port() -> int:
    """Return a port on loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(
    words: Sequence[str], port: int, ready: str, environment: dict[str, str], folder: Path
) -> Iterator[Running]:
    """Run a server until the block ends.

    Args:
        words: Its command.
        port: Where it will listen.
        ready: Path that answers 200 once it is ready.
        environment: Of its process.
        folder: Where it is started; what it says is beside it.
    """
    log = Path(environment["KPI_GATE_HOME"]) / f"server-{port}.log"
    start = time.perf_counter()
    with log.open("wb") as told:
        process = subprocess.Popen(
            words, cwd=folder, env=environment, stdout=told, stderr=told, start_new_session=True
        )
    try:
        while not answers(f"http://127.0.0.1:{port}{ready}"):
            if process.poll() is not None or time.perf_counter() - start > START_SECONDS:
                raise RuntimeError(f"{words[0]} did not start\n{log.read_text()[-2000:]}")
            time.sleep(0.02)
        yield Running(process, port, time.perf_counter() - start)
    finally:
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        with suppress(ProcessLookupError):  # what it has left behind
            os.killpg(process.pid, signal.SIGKILL)


def answers(address: str) -> bool:
    """Tell whether an address answers 200."""
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:  # noqa: S310  (loopback)
            return int(answer.status) == 200
    except (OSError, urllib.error.URLError):
        return False
