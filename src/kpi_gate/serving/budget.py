"""Keep a policy's budget while decisions come one by one, in several processes, over restarts.

Rows that come together are ranked, as a batch is. What comes alone is taken first come, first
served: under `most` until the group is full, under `budget_share` where it is worth more than that
share of the latest decisions. The counts are in a file that all workers of a use case write.
"""

import json
import math
import sqlite3
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from kpi_gate.learning.policy import PolicySettings

LATEST = 1_000  # decisions that a share is held against
ALONE = 100  # rows of a group from which on they are a batch of their own
DAY = 86_400  # seconds
KEPT_DAYS = 40  # a group that nobody has asked about since is over
WAIT_SECONDS = 0.2  # for another worker
Row = Mapping[str, Any]


class Budget:
    """What a use case may still act on; it outlives the champion.

    Attributes:
        fault: Why the counts are in this process alone; empty where all workers share them.
    """

    def __init__(
        self, settings: PolicySettings, path: Path | None = None, latest: Iterable[float] = ()
    ) -> None:
        """Open the counts.

        Args:
            settings: Of the policy: `most`, `budget_share` and `within`.
            path: File of the counts; by default this process alone keeps them.
            latest: Advantages of earlier decisions, such as the golden rows'.
        """
        self.settings, self.fault = settings, ""
        self._latest = deque(latest, LATEST)
        self._ranked: tuple[int, float] = (-1, -math.inf)
        self._seen = 0
        self._counts = _Counts(path) if settings.most is not None else None

    @property
    def binds(self) -> bool:
        """Whether there is any."""
        return self.settings.most is not None or self.settings.budget_share < 1

    def apply(
        self,
        rows: Sequence[Row],
        advantage: Sequence[float | None],
        action: Sequence[float],
        times: Sequence[float],
    ) -> list[float]:
        """Return the actions that there is room for; what a budget has no room for is 0.

        Where the rule of thumb stands in (no advantage) its action stays, and is not counted.

        Args:
            rows: Of a request.
            advantage: Of each row, as the predictor gives it.
            action: Of each row, as the predictor gives it.
            times: When each is decided, in seconds since 1970 (UTC).
        """
        found = list(action)
        if not self.binds:
            return found
        for key, places in self._groups(rows, times).items():
            wanted = [p for p in places if action[p] > 0 and advantage[p] is not None]
            wanted.sort(key=lambda place: -(advantage[place] or 0.0))  # stable: ties in order
            room = min(len(wanted), self._room(places, wanted, advantage))
            if self._counts is not None and room:
                room = self._counts.take(key, room, self.settings.most or 0)
                self.fault = self._counts.fault
            for place in wanted[room:]:
                found[place] = 0.0
        for worth in advantage:
            if worth is not None and math.isfinite(worth):
                self._latest.append(worth)
                self._seen += 1
        return found

    def close(self) -> None:
        """Close the file of the counts."""
        if self._counts is not None:
            self._counts.close()

    def _groups(self, rows: Sequence[Row], times: Sequence[float]) -> dict[str, list[int]]:
        names, groups = self.settings.within, dict[str, list[int]]()
        for place, (row, at) in enumerate(zip(rows, times, strict=True)):
            key = json.dumps([_part(name, row, at) for name in names], default=str)
            groups.setdefault(key, []).append(place)
        return groups

    def _room(
        self, places: Sequence[int], wanted: Sequence[int], advantage: Sequence[float | None]
    ) -> int:
        """Return how many of a group's rows the share has room for."""
        share = self.settings.budget_share
        if share >= 1:
            return len(places)
        if len(places) >= ALONE:
            return math.floor(share * len(places))
        bound = self._bound(share)
        return sum((advantage[place] or 0.0) > bound for place in wanted)

    def _bound(self, share: float) -> float:
        """Return what the latest decisions that the share has room for are worth at least."""
        if not self._latest:
            return -math.inf
        if self._ranked[0] != self._seen:
            ordered = sorted(self._latest)
            place = len(ordered) - 1 - math.floor(share * len(ordered))
            self._ranked = (self._seen, ordered[max(place, 0)])
        return self._ranked[1]


def _part(name: str, row: Row, at: float) -> Any:
    if name == "day" and "day" not in row:
        return int(at // DAY)
    return at if name == "event_time" else row.get(name)


class _Counts:
    """How often each group was acted on, in a file or, where that fails, in memory."""

    def __init__(self, path: Path | None) -> None:
        self.fault, self._path = "", path
        self._own: dict[str, int] = {}
        self._file: sqlite3.Connection | None = None
        if path is not None:
            try:
                self._file = self._open(path)
            except (sqlite3.Error, OSError) as error:
                self._failed(error)

    @staticmethod
    def _open(path: Path) -> sqlite3.Connection:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = sqlite3.connect(
            path, timeout=WAIT_SECONDS, isolation_level=None, check_same_thread=False
        )
        # a count that a power cut takes back is one decision too many, not a lost one
        file.execute("PRAGMA journal_mode=WAL").close()
        file.execute("PRAGMA synchronous=OFF").close()
        file.execute(
            "CREATE TABLE IF NOT EXISTS acted "
            "(grouped TEXT PRIMARY KEY, day INTEGER NOT NULL, count INTEGER NOT NULL) WITHOUT ROWID"
        ).close()
        oldest = int(time.time() // DAY) - KEPT_DAYS
        file.execute("DELETE FROM acted WHERE day < ?", (oldest,)).close()
        return file

    def take(self, key: str, wanted: int, most: int) -> int:
        """Take what a group has room for; return how many that are."""
        before = self._own.get(key, 0)
        granted = min(wanted, max(most - before, 0))
        if self._file is not None:
            try:
                granted, before = self._taken(self._file, key, wanted, most)
                self.fault = ""
            except sqlite3.Error as error:
                self._failed(error)
        self._own[key] = before + granted
        if len(self._own) > 10 * LATEST:  # groups of one request each
            for old in list(self._own)[: 5 * LATEST]:
                del self._own[old]
        return granted

    @staticmethod
    def _taken(file: sqlite3.Connection, key: str, wanted: int, most: int) -> tuple[int, int]:
        day = int(time.time() // DAY)
        file.execute("BEGIN IMMEDIATE").close()
        try:
            found = file.execute("SELECT count FROM acted WHERE grouped = ?", (key,)).fetchone()
            before = found[0] if found else 0
            granted = min(wanted, max(most - before, 0))
            if granted:
                file.execute(
                    "INSERT INTO acted VALUES (?, ?, ?) ON CONFLICT (grouped) "
                    "DO UPDATE SET count = excluded.count, day = excluded.day",
                    (key, day, before + granted),
                ).close()
        finally:
            file.execute("COMMIT").close()
        return granted, before

    def close(self) -> None:
        """Close the file, if there is one."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _failed(self, error: Exception) -> None:
        self.fault = f"the budget's counts are this process's own: {self._path}: {error}"
