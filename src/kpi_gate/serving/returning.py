"""A return becomes a rollback on record: asked for again until the ledger says so."""

import asyncio
import logging
import os
import sys
import time
from pathlib import Path

from kpi_gate.serving.state import Return
from kpi_gate.text import last_line

AGAIN_SECONDS = 60.0  # a retrain may be at work, or the registry away
OTHERS_SECONDS = 5.0  # head start of the worker that saw it
APART_SECONDS = 20  # the others do not begin all at once
_RECORDER = "kpi_gate.orchestration.serving_return"
logger = logging.getLogger("kpi_gate.serving")


class Recorder:
    """Lets a process of its own roll back what was returned from; it does so once.

    Attributes:
        fault: Why it could not the last time; empty where it could, or there was nothing to do.
    """

    def __init__(self, root: Path, use_case: str, worker: str) -> None:
        self._root, self._use_case, self._worker = root, use_case, worker
        self.fault = ""
        self._of: Return | None = None
        self._due = 0.0
        self._task: asyncio.Task[None] | None = None

    def follow(self, returned: Return | None) -> None:
        """See to it that a return is recorded.

        Args:
            returned: The return from what the ledger still calls champion; None where there is
                none, or it is recorded.
        """
        if returned is None:
            self._of, self.fault = None, ""
            return
        now = time.monotonic()
        if returned != self._of:
            self._of = returned
            late = OTHERS_SECONDS + os.getpid() % APART_SECONDS
            self._due = now if returned.by == self._worker else now + late
        if now >= self._due and (self._task is None or self._task.done()):
            self._due = now + AGAIN_SECONDS
            self._task = asyncio.create_task(self._record(returned))

    async def stop(self) -> None:
        """Leave a process that is at work to itself: it ends what it began."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _record(self, returned: Return) -> None:
        words = [sys.executable, "-m", _RECORDER, self._use_case, returned.version, returned.reason]
        process = await asyncio.create_subprocess_exec(
            *words,
            cwd=self._root,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        _, told = await process.communicate()
        if process.returncode:
            last = last_line(told.decode(errors="replace"))[:500]
            self.fault = f"the return from {returned.version} is not recorded: {last}"
            logger.error("not recorded", extra={"version": returned.version, "why": last})
        else:
            self.fault = ""
