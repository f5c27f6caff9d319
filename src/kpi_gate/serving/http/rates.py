"""How fast each caller asks, counted by all workers of a server together."""

import errno
import mmap
import os
from hashlib import blake2b
from pathlib import Path

PLACES = (
    16_384  # callers whose rate is kept; of those that fall together, the one silent longest goes
)
_NEAR = 8  # places in which a caller may be
_BYTES = 16  # of a place: who, and when he is even
_EXACT = 1e-9  # seconds by which a sum may err


def own_table() -> memoryview:
    """Return a table of one process alone."""
    return memoryview(bytearray(PLACES * _BYTES))


def shared_table(path: Path) -> memoryview:
    """Return the table of all processes of this machine that name the same file.

    Raises:
        OSError: If there is no room for it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        size = PLACES * _BYTES
        # a hole would kill the process once the disk is full
        if os.fstat(file).st_size < size and os.pwrite(file, bytes(size), 0) < size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return memoryview(mmap.mmap(file, size))
    finally:
        os.close(file)


class Rates:
    """A bucket of one second for each caller.

    What is kept of a caller is the moment at which he will be even again: one number, so that
    workers who write at the same time lose a request's count at worst.
    """

    def __init__(self, per_second: float, table: memoryview | None = None) -> None:
        self.per_second = per_second
        self._each = 1 / per_second
        self._room = (max(1.0, per_second) - 1) * self._each  # seconds that he may be ahead
        table = own_table() if table is None else table
        self._who, self._even = table.cast("Q"), table.cast("d")

    def take(self, caller: str, now: float) -> float:
        """Count a request; return for how many seconds the caller must wait, 0 where he need not.

        Args:
            caller: Who asks.
            now: Seconds of a clock of this machine that only goes forward.
        """
        place = self._place(caller)
        even = self._even[place]
        # he may be even by now, and further ahead than this is only a clock that began anew
        if not now < even <= now + self._room + self._each + _EXACT:
            even = now
        wait = even - now - self._room
        if wait > _EXACT:
            return wait
        self._even[place] = even + self._each
        return 0.0

    def _place(self, caller: str) -> int:
        name = int.from_bytes(blake2b(caller.encode(), digest_size=8).digest(), "little") | 1
        first = 2 * (name % (PLACES - _NEAR))
        near = range(first, first + 2 * _NEAR, 2)
        for place in near:
            if self._who[place] == name:
                return place + 1
        free = min(near, key=lambda place: self._even[place + 1])
        self._who[free], self._even[free + 1] = name, 0.0
        return free + 1
