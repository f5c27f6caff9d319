"""Run a command that ends with whoever asked for it.

`python -m kpi_gate.orchestration.servers.lifeline DESCRIPTORS WORDS`, where the first
are handed on, with commas.

Standard input is the line: its other end is held by the process that asked. When that process ends
for whatever reason, even killed, the system closes the line and the command is stopped with all
that it started. Needs the standard library only, since it stands beside every server.
"""

import os
import select
import signal
import subprocess
import sys
import threading
from contextlib import suppress

LOOK_SECONDS = 0.5
GRACE_SECONDS = 10.0  # to end by itself, before it is killed


def main() -> None:
    """Run the command given as arguments, in the process group that this process leads."""
    handed_on, *words = sys.argv[1:]
    descriptors = [int(word) for word in handed_on.split(",") if word]
    asked_to_stop, parent = threading.Event(), os.getppid()
    for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(each, lambda *_: asked_to_stop.set())
    command = subprocess.Popen(words, stdin=subprocess.DEVNULL, pass_fds=descriptors)
    for descriptor in descriptors:
        os.close(descriptor)  # a socket is the server's alone: it must close when that ends
    try:
        while command.poll() is None and not asked_to_stop.is_set() and _is_held(parent):
            pass
    finally:
        _end(command)


def _is_held(parent: int) -> bool:
    """Wait a moment; tell whether the line is still held at its other end."""
    readable, _, _ = select.select([sys.stdin], [], [], LOOK_SECONDS)
    cut = bool(readable) and not os.read(sys.stdin.fileno(), 1)
    return not cut and os.getppid() == parent


def _end(command: "subprocess.Popen[bytes]") -> None:
    """Ask the whole group to end, wait, and kill what is left of it, this process too."""
    os.killpg(0, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        command.wait(GRACE_SECONDS)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
