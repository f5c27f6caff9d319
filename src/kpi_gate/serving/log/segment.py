"""A segment of the log: decisions as lines of JSON, held by the process that writes it.

The system drops the hold when that process dies, however it dies: a segment that nobody holds is
finished, and whoever comes first keeps what is in it.
"""

import fcntl
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kpi_gate.files.sync import sync

FOLDER, SUFFIX = "segments", ".jsonl"
SQL_URL = "KPI_GATE_SERVING_LOG_SQL"  # tells it the process that keeps segments


class Segment:
    """A new segment, synced at each `append`.

    Attributes:
        path: The file.
        rows: Lines in it.
        opened: When, seconds since 1970.
    """

    def __init__(self, folder: Path, worker: str) -> None:
        """Make it, and hold it.

        Raises:
            OSError: If it cannot be made.
        """
        place = folder / FOLDER
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        clean = re.sub(r"[^A-Za-z0-9_-]+", "-", worker)[:80]
        self.rows, self.opened, self._good, self._torn = 0, time.time(), 0, False
        while True:
            self.path = place / f"{time.time_ns() // 1000}-{clean}{SUFFIX}"
            flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND
            self._file = os.open(self.path, flags, 0o600)
            fcntl.flock(self._file, fcntl.LOCK_EX)
            if self.there():  # or whoever keeps segments was faster, and took it for a dead one
                break
            os.close(self._file)
        sync(place)

    def append(self, lines: bytes, rows: int) -> None:
        """Write whole lines and sync them; where that fails, none of them is in the segment.

        Raises:
            OSError: If the disk is full or broken; the same lines may be given again.
        """
        if self._torn:
            os.ftruncate(self._file, self._good)
        self._torn, rest = True, memoryview(lines)
        try:
            while rest:
                rest = rest[os.write(self._file, rest) :]
            os.fdatasync(self._file)
        except OSError:
            os.ftruncate(self._file, self._good)
            self._torn = False
            raise
        self._good += len(lines)
        self.rows, self._torn = self.rows + rows, False

    def there(self) -> bool:
        """Tell whether the file is still where it was made."""
        mine = os.fstat(self._file)
        try:
            found = self.path.stat()
        except OSError:
            return False
        return (found.st_dev, found.st_ino) == (mine.st_dev, mine.st_ino)

    def close(self) -> None:
        """Let it go: it is finished."""
        os.close(self._file)


def segments(folder: Path) -> list[Path]:
    """Return all segments, the oldest first."""
    return sorted((folder / FOLDER).glob(f"*{SUFFIX}"))


@contextmanager
def finished(path: Path) -> Iterator[bytes | None]:
    """Hold a segment and yield its whole lines; None where it is still written or was kept."""
    try:
        file = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        yield None
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with os.fdopen(os.dup(file), "rb") as stream:
            yield whole_lines(stream.read()) if path.exists() else None
    except BlockingIOError:
        yield None
    finally:
        os.close(file)


def whole_lines(content: bytes) -> bytes:
    """Leave out a last line that is torn: its writer died, or is just writing it."""
    return content[: content.rfind(b"\n") + 1]
