"""A canary's watch in one worker: what all workers saw is one case, and harm sends everybody back.

What a worker saw lies in a small file that the others read, so that a worker that starts anew goes
on where the canary was.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from kpi_gate.files.state_file import read_state, write_state
from kpi_gate.serving.canary import CanaryWatch
from kpi_gate.serving.errors import ServingError
from kpi_gate.serving.state import Returns
from kpi_gate.serving.traffic import Traffic
from kpi_gate.serving.usual import Usual

logger = logging.getLogger("kpi_gate.serving")


class CanaryGuard:
    """Watches the canary that there is, if there is one.

    Attributes:
        watch: Takes in the decisions; None while no canary runs.
    """

    def __init__(self, folder: Path, returns: Returns, worker: str) -> None:
        """Begin with none.

        Args:
            folder: Where the workers write what they saw of the canary of one use case.
            returns: Where harm is written.
            worker: Name of this one.
        """
        self._folder, self._returns, self._worker = folder, returns, worker
        self._own = folder / f"{worker}.json"
        self.watch: CanaryWatch | None = None
        self._of: tuple[str, str, datetime] | None = None

    async def follow(
        self, traffic: Traffic, now: float, usual: Callable[[], Awaitable[Usual]]
    ) -> None:
        """Watch the canary that runs now; forget one that has ended.

        Args:
            traffic: Who gets which version.
            now: Seconds since 1970.
            usual: Says what is known of champion and version before.
        """
        canary = traffic.settings.canary
        if canary is None or traffic.experiment is not None or traffic.canary_share(now) >= 1:
            if self._of is not None:
                self._of = self.watch = None
                await asyncio.to_thread(self._clear)
            return
        of = (traffic.champion, traffic.previous, traffic.since)
        if of == self._of:
            return
        self.watch = None  # until what is usual is known
        names, since = (traffic.champion, traffic.previous), traffic.since.isoformat()
        watch = CanaryWatch(canary, *names, await usual(), since=since)
        await asyncio.to_thread(self._clear, watch)
        self._of, self.watch = of, watch

    async def look(self) -> str:
        """Return which guard is broken, once everybody has been sent back; empty where none is."""
        watch = self.watch
        if watch is None:
            return ""
        harm = await asyncio.to_thread(self._exchange, watch)
        if not harm:
            return ""
        logger.error("canary", extra={"version": watch.champion, "why": harm})
        self.watch = None
        with suppress(ServingError):  # it holds here, and the next to see harm tries again
            await self.send_back(watch.champion, harm, self._of[2] if self._of else None)
        return harm

    async def send_back(self, version: str, reason: str, since: datetime | None) -> None:
        """Let nobody have a version any more that was released at some moment.

        Raises:
            ServingError: If that cannot be written: it holds for this worker alone then.
        """
        write = partial(self._returns.write, version, reason, by=self._worker, since=since)
        await asyncio.to_thread(write, now=datetime.now(UTC))

    def _exchange(self, watch: CanaryWatch) -> str:
        with suppress(OSError):  # a full disk: what this worker saw still counts here
            write_state(self._own, watch.tally())
        others = (read_state(path) for path in self._folder.glob("*.json") if path != self._own)
        return watch.harm(one for one in others if one is not None)

    def _clear(self, watch: CanaryWatch | None = None) -> None:
        """Remove what was seen of other canaries."""
        for path in self._folder.glob("*.json"):
            found = read_state(path)
            if watch is None or found is None or not watch.is_mine(found):
                path.unlink(missing_ok=True)
