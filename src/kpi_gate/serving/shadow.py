"""The shadow: another version scores what the champion has decided, off the way of the answer.

A record waits for its shadow only as long as the log may: then it is logged without one. So a slow
or broken shadow costs neither answers nor rows.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from threading import Condition, Thread
from typing import Any, NamedTuple, Protocol

MOST_WAITING = 1_000  # records
PATIENCE_SECONDS = 0.05  # half of what the log promises
MOST_AT_ONCE = 64  # rows
_LEFT_SECONDS = 5.0  # for what waits when the server ends

Record = dict[str, Any]


class Scored(Protocol):
    """What a version says of rows."""

    @property
    def score(self) -> Sequence[float | None]:
        """Its scores; None where it has none."""

    @property
    def action(self) -> Sequence[float]:
        """Its actions."""


class ShadowState(NamedTuple):
    """What became of the records.

    Attributes:
        waiting: Records that wait.
        scored: Those that have a shadow's score.
        dropped: Those that found no room, and were logged without one.
        late: Those that waited too long, and were logged without one.
        failed: Those that the shadow could not score.
        fault: What went wrong last; empty where nothing did.
    """

    waiting: int
    scored: int
    dropped: int
    late: int
    failed: int
    fault: str


class _Waiting(NamedTuple):
    version: str
    record: Record
    row: Mapping[str, Any]
    since: float


class Shadow:
    """Scores in a thread of its own, and hands each record on exactly once.

    Args:
        decide: Lets a version decide rows, as the predictor of that version does; None where it is
            not loaded.
        log: Takes the records.
        most_waiting: Records that may wait.
        patience_seconds: How long each may.
    """

    def __init__(
        self,
        decide: Callable[[str, Sequence[Mapping[str, Any]]], Scored | None],
        log: Callable[[Sequence[Record]], object],
        *,
        most_waiting: int = MOST_WAITING,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._decide, self._log = decide, log
        self._most, self._patience = most_waiting, patience_seconds
        self._queue: deque[_Waiting] = deque()
        self._changed, self._ends = Condition(), False
        self._scored = self._dropped = self._late = self._failed = 0
        self._fault = ""
        self._thread = Thread(target=self._run, name="shadow", daemon=True)
        self._thread.start()

    def put(self, version: str, record: Record, row: Mapping[str, Any]) -> bool:
        """Let a version score a decided row; it never waits.

        Args:
            version: The shadow.
            record: What is logged; it gets `shadow_version`, `shadow_score`, `shadow_action`.
            row: The row.

        Returns:
            Whether it was taken; where not, the caller logs the record as it is.
        """
        with self._changed:
            if self._ends or len(self._queue) >= self._most:
                self._dropped += 1
                return False
            self._queue.append(_Waiting(version, record, row, time.monotonic()))
            self._changed.notify()
        return True

    @property
    def state(self) -> ShadowState:
        """What became of the records so far."""
        counts = (self._scored, self._dropped, self._late, self._failed)
        return ShadowState(len(self._queue), *counts, self._fault)

    def close(self) -> None:
        """Hand on what waits, scored as far as there is time."""
        with self._changed:
            self._ends = True
            self._changed.notify()
        self._thread.join(_LEFT_SECONDS)

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._queue and not self._ends:
                    self._changed.wait()
                if not self._queue:
                    return
                found = [self._queue.popleft() for _ in range(min(len(self._queue), MOST_AT_ONCE))]
            self._score(found)
            try:
                self._log([one.record for one in found])
            except Exception as error:  # noqa: BLE001  (the next ones go on)
                self._fault = f"the log: {type(error).__name__}"

    def _score(self, found: Sequence[_Waiting]) -> None:
        oldest = time.monotonic() - self._patience
        self._late += sum(one.since < oldest for one in found)
        for version in dict.fromkeys(one.version for one in found):
            mine = [one for one in found if one.version == version and one.since >= oldest]
            if mine:
                self._complete(version, mine)

    def _complete(self, version: str, mine: Sequence[_Waiting]) -> None:
        try:
            said = self._decide(version, [one.row for one in mine])
            pairs = [] if said is None else list(zip(said.score, said.action, strict=True))
        except Exception as error:  # noqa: BLE001  (whatever it does, the champion goes on)
            pairs, self._fault = [], f"{version}: {type(error).__name__}"  # words may tell of rows
        if len(pairs) != len(mine):
            self._failed += len(mine)
            return
        for one, (score, action) in zip(mine, pairs, strict=True):
            shadow = {"shadow_version": version, "shadow_score": score, "shadow_action": action}
            one.record.update(shadow)
        self._scored += len(mine)
