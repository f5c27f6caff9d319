"""How far the scores that a version gives now lie from those of its golden rows."""

import math
from bisect import bisect_right
from collections import deque
from collections.abc import Sequence

BINS = 10
LATEST = 2_000  # scores that are compared
FEWEST = 200  # with fewer, chance alone looks like a shift
_SMOOTHING = 0.5  # rows that an empty bin counts for


class ScoreShift:
    """The newest scores of one version, by tenths of its golden scores."""

    def __init__(self, golden: Sequence[float]) -> None:
        ordered = sorted(golden)
        ends = {ordered[len(ordered) * each // BINS] for each in range(1, BINS)} if ordered else ()
        self._ends = sorted(ends)
        self._usual = [0] * (len(self._ends) + 1)
        for score in ordered:
            self._usual[bisect_right(self._ends, score)] += 1
        self._found = [0] * len(self._usual)
        self._latest: deque[int] = deque()

    def add(self, score: float) -> None:
        """Take a score that was given."""
        place = bisect_right(self._ends, score)
        self._latest.append(place)
        self._found[place] += 1
        if len(self._latest) > LATEST:
            self._found[self._latest.popleft()] -= 1

    @property
    def psi(self) -> float | None:
        """Population stability index: below 0.1 nothing has moved, above 0.25 much has.

        None where there are too few scores on either side.
        """
        usual, found = sum(self._usual), len(self._latest)
        if usual < FEWEST // 2 or found < FEWEST:
            return None
        room = _SMOOTHING * len(self._usual)
        total = 0.0
        for before, now in zip(self._usual, self._found, strict=True):
            expected = (before + _SMOOTHING) / (usual + room)
            share = (now + _SMOOTHING) / (found + room)
            total += (share - expected) * math.log(share / expected)
        return total
