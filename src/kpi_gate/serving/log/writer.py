"""The log of a server: decisions are put in memory, and a thread writes them to disk.

`put` costs the event loop an append; whatever is wrong with the disk is told by `state`, and the
server goes on.
"""

import math
import os
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

from kpi_gate.serving.log.records import encode
from kpi_gate.serving.log.segment import SQL_URL, Segment, segments

TICK_SECONDS = 1.0  # between looks at a disk that was full, and at what is due
SOON_SECONDS = 60.0  # at most between copies to a database
ASK = "let-go"  # a file of this name asks each writer to finish its segment
_CHUNK = 5_000  # records that are made lines at once: others want the interpreter too


class LogState(NamedTuple):
    """How a log is.

    Attributes:
        waiting: Decisions that are not on disk yet.
        written: That are, since the log was opened.
        dropped: That never will be: too many waited, or no JSON can be made of them.
        fault: What is wrong; empty where nothing is.
        oldest_waiting_seconds: How long the oldest one waits.
    """

    waiting: int
    written: int
    dropped: int
    fault: str
    oldest_waiting_seconds: float


class DecisionLog:
    """A log that is open; make it by `open_log`."""

    def __init__(
        self,
        folder: Path,
        worker: str,
        *,
        values: Sequence[str],
        sql_url: str,
        rotate_rows: int,
        rotate_seconds: float,
        flush_seconds: float,
        most_waiting: int,
    ) -> None:
        self.folder, self.worker, self._values = folder, worker, tuple(values)
        self._sql_url = sql_url
        self._rotate_rows, self._rotate_seconds = rotate_rows, rotate_seconds
        self._flush_seconds, self._most_waiting = flush_seconds, most_waiting
        self._queue: deque[Mapping[str, Any]] = deque()
        self._lines, self._rows = b"", 0  # made of records, not on disk yet
        self._since = self._since_taken = 0.0
        self._written = self._dropped = 0
        self._faults = {"write": "", "keep": "", "record": ""}
        self._wake, self._closing = threading.Event(), threading.Event()
        self._segment: Segment | None = None
        self._keeper: subprocess.Popen[bytes] | None = None
        self._keep_due = bool(segments(folder))  # a server that died has left them
        self._keep_after, self._give_up = time.monotonic() + 2 * TICK_SECONDS, math.inf
        self._thread = threading.Thread(target=self._run, name="decision log", daemon=True)
        self._thread.start()

    def put(self, records: Sequence[Mapping[str, Any]]) -> bool:
        """Take decisions, to be on disk within 100 ms; never waits.

        Args:
            records: The columns of `LOG_SCHEMA`; those that are null may be missing. `time` is a
                whole number of microseconds since 1970 UTC, or a datetime or ISO 8601 with its
                offset. `row` may be the row itself: its hash and its allowed values are then made
                of it.

        Returns:
            False where too many wait: these were dropped, and counted.
        """
        if len(self._queue) + self._rows + len(records) > self._most_waiting:
            self._dropped += len(records)
            return False
        if not self._since:
            self._since = time.monotonic()
        self._queue.extend(records)
        if not self._wake.is_set():
            self._wake.set()
        return True

    @property
    def state(self) -> LogState:
        """How the log is now."""
        since = self._since_taken or self._since
        return LogState(
            len(self._queue) + self._rows,
            self._written,
            self._dropped,
            "; ".join(filter(None, self._faults.values())),
            time.monotonic() - since if since else 0.0,
        )

    def close(self, seconds: float = 5.0) -> LogState:
        """Write what waits, finish the segment and let it be kept.

        Args:
            seconds: How long to wait for a disk that does not take it, and for whoever keeps it.
                What is on disk by then is not lost: the next server keeps it.
        """
        end = self._give_up = time.monotonic() + seconds
        self._closing.set()
        self._wake.set()
        self._thread.join(seconds + TICK_SECONDS)
        if self._keeper is not None:
            try:
                self._keeper.wait(max(end - time.monotonic(), 0.0))
            except subprocess.TimeoutExpired:
                pass  # it goes on by itself
            else:
                self._look_at_keeper()
        return self.state

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self) -> None:
        while True:
            self._wake.wait(TICK_SECONDS)
            if self._wake.is_set():
                self._wake.clear()
                self._closing.wait(self._flush_seconds)  # more may come: one sync for all
            ending = self._closing.is_set()
            late = ending and time.monotonic() >= self._give_up
            try:
                self._write()
                self._turn(ending=ending and (late or not self._rows))
            except Exception as error:  # noqa: BLE001  (without this thread all would be dropped)
                self._faults["write"] = f"{self.folder}: {type(error).__name__}: {error}"
            if late or (ending and self._segment is None and not self._rows):
                return
            if self._rows:  # the disk did not take it
                self._closing.wait(TICK_SECONDS)
                time.sleep(0.1)
                self._wake.set()

    def _write(self) -> None:
        while self._rows or self._queue:
            if not self._rows:
                self._take()
            try:
                self._append()
            except OSError as error:
                self._faults["write"] = _told(self.folder, error)
                return
            self._written += self._rows
            self._lines, self._rows = b"", 0
            self._faults["write"] = ""
        self._since_taken = 0.0

    def _take(self) -> None:
        """Make lines of what waits."""
        self._since_taken, self._since = self._since or time.monotonic(), 0.0
        lines = []
        for _ in range(min(len(self._queue), _CHUNK)):
            record = self._queue.popleft()
            try:
                lines.append(encode(record, self._values))
            except (TypeError, ValueError, KeyError) as error:
                self._dropped += 1
                self._faults["record"] = f"a decision is no JSON: {error}"
        if self._queue and not self._since:
            self._since = self._since_taken
        self._lines, self._rows = b"".join(lines), len(lines)

    def _append(self) -> None:
        if not self._rows:
            return
        if self._segment is not None and not self._segment.there():
            self._segment.close()
            self._segment = None
            self._faults["keep"] = f"{self.folder}: a segment was removed while it was written"
        if self._segment is None:
            self._segment = Segment(self.folder, self.worker)
        self._segment.append(self._lines, self._rows)

    def _turn(self, *, ending: bool) -> None:
        """Finish a segment that is full, old or asked for, and let finished ones be kept."""
        if self._segment is not None:
            full = self._segment.rows >= self._rotate_rows
            old = time.time() - self._segment.opened >= self._rotate_seconds
            if full or old or ending or self._asked():
                self._segment.close()
                self._segment, self._keep_due = None, True
        self._look_at_keeper()
        ready = ending or time.monotonic() >= self._keep_after
        if self._keep_due and self._keeper is None and ready:
            self._keep_due = False
            self._keeper = _start_keeper(self.folder, self._sql_url)

    def _asked(self) -> bool:
        try:
            asked = (self.folder / ASK).stat().st_mtime
        except OSError:
            return False
        return self._segment is not None and asked >= self._segment.opened

    def _look_at_keeper(self) -> None:
        if self._keeper is None or self._keeper.poll() is None:
            return
        words = self._keeper.stderr.read().decode(errors="replace") if self._keeper.stderr else ""
        told = " ".join(words.strip().splitlines()[-1:]) or f"ended with {self._keeper.returncode}"
        failed = self._keeper.returncode != 0
        self._faults["keep"] = f"{self.folder}: segments are not kept: {told}" if failed else ""
        if failed:
            self._keep_due, self._keep_after = True, time.monotonic() + 30 * TICK_SECONDS
        if self._keeper.stderr:
            self._keeper.stderr.close()
        self._keeper = None


def open_log(
    folder: Path,
    *,
    worker: str,
    values: Sequence[str] = (),
    sql_url: str = "",
    rotate_rows: int = 200_000,
    rotate_seconds: float = 3600,
    flush_seconds: float = 0.05,
    most_waiting: int = 200_000,
) -> DecisionLog:
    """Open the log of a use case for one worker; segments of dead ones are kept meanwhile.

    Args:
        folder: Of the use case's log. Several workers may write into it, each its own segments.
        worker: Name of the worker, such as its host and process.
        values: Columns of the row that may be logged in clear.
        sql_url: Database that gets a copy of the decisions when a segment is finished, where one
            is wanted; each minute at the latest.
        rotate_rows: Rows at which a segment is finished.
        rotate_seconds: Age at which it is.
        flush_seconds: How long decisions are gathered before they are synced to disk.
        most_waiting: How many may wait while the disk takes none.

    Raises:
        OSError: If the folder cannot be made.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return DecisionLog(
        folder,
        worker,
        values=values,
        sql_url=sql_url,
        rotate_rows=rotate_rows,
        rotate_seconds=min(rotate_seconds, SOON_SECONDS) if sql_url else rotate_seconds,
        flush_seconds=flush_seconds,
        most_waiting=most_waiting,
    )


def _start_keeper(folder: Path, sql_url: str) -> subprocess.Popen[bytes]:
    """Keep finished segments in a process of its own: it would take time and room of the server."""
    return subprocess.Popen(
        [sys.executable, "-m", "kpi_gate.serving.log.keep", str(folder)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,  # a signal to the server's group does not end it half-way
        env=os.environ | {"OMP_NUM_THREADS": "1", SQL_URL: sql_url},
    )


def _told(folder: Path, error: OSError) -> str:
    return f"{folder}: decisions wait, the disk does not take them: {error.strerror or error}"
