"""Delete a person from segments, Parquet and table; the record of it names nobody."""

import hmac
import os
import secrets
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pyarrow.compute as pc
import pyarrow.parquet as pq

from kpi_gate.files.sync import sync
from kpi_gate.files.write_once import write_once
from kpi_gate.serving.errors import LogBusyError
from kpi_gate.serving.log.keep import ASIDE, keep, keeping, write_parquet
from kpi_gate.serving.log.segment import segments
from kpi_gate.serving.log.writer import ASK

RECORD = "forgotten.jsonl"
KEY = "forgotten.key"
_PAUSE = 0.1  # seconds between looks at whether a server let its segment go


class Forgotten(NamedTuple):
    """What a deletion came to.

    Attributes:
        rows: Decisions that were deleted.
        copies: Of them in the table, where there is one.
        files: Files that were written anew, or removed.
    """

    rows: int
    copies: int
    files: int


def forget(
    folder: Path,
    unit: str,
    *,
    key: bytes,
    by: str,
    reason: str,
    sql_url: str = "",
    wait_seconds: float = 30.0,
) -> Forgotten:
    """Delete all decisions about a unit that were put before now; a server goes on meanwhile.

    Begun and done are both on record: a deletion that was cut off is seen there, and is finished by
    the same call again.

    Args:
        folder: Of the use case's log.
        unit: As the log has it.
        key: Secret that the unit is hashed with: who was deleted cannot be guessed from the record.
        by: Who asked.
        reason: Why.
        sql_url: Database of the table, where there is one.
        wait_seconds: How long to wait for a server to let its segment go.

    Raises:
        LogBusyError: If it does not.
        ServingError: If the database does not do it.
        OSError: If the disk does not take it.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    about = {"unit": hmac.digest(key, unit.encode(), "sha256").hex(), "by": by, "reason": reason}
    _note(folder, {"state": "begun", **about})
    _finish_segments(folder, sql_url, wait_seconds)
    rows = files = copies = 0
    with keeping(folder):
        for torn in folder.glob("????-??-??/.*.parquet"):  # of a process that died
            torn.unlink()
        for path in sorted(folder.glob("????-??-??/*.parquet")):
            gone = _without(path, unit)
            rows, files = rows + gone, files + bool(gone)
        for path in (folder / ASIDE).glob("*"):
            files += _without_lines(path, unit)
        if sql_url:
            from kpi_gate.serving.log.sql_copy import forget_unit

            copies = forget_unit(sql_url, folder.name, unit)
    _note(folder, {"state": "done", **about, "rows": rows, "copies": copies})
    return Forgotten(rows, copies, files)


def key_in(folder: Path) -> bytes:
    """Return the secret that units are hashed with in the record; it is made once."""
    write_once(folder / KEY, secrets.token_hex(32))
    return (folder / KEY).read_bytes()


def _finish_segments(folder: Path, sql_url: str, wait_seconds: float) -> None:
    """Let all that was decided before now be kept."""
    end, before = time.monotonic() + wait_seconds, segments(folder)
    (folder / ASK).touch()
    while True:
        keep(folder, sql_url)
        held = [path for path in before if path.exists()]
        if not held:
            return
        if time.monotonic() > end:
            raise LogBusyError(
                f"{held[0]}: its server does not let it go, so nothing was deleted; stop the "
                "server, and try again"
            )
        time.sleep(_PAUSE)


def _without(path: Path, unit: str) -> int:
    """Leave a unit out of a file; return how many rows it had."""
    if not pc.any(pc.equal(pq.read_table(path, columns=["unit"])["unit"], unit)).as_py():
        return 0
    table = pq.read_table(path)
    rest = table.filter(pc.not_equal(table["unit"], unit))
    if rest.num_rows:
        write_parquet(rest, path)
    else:
        path.unlink()
        sync(path.parent)
    return int(table.num_rows - rest.num_rows)


def _without_lines(path: Path, unit: str) -> bool:
    """Leave out the lines that may be about a unit; nothing can be read in them for sure."""
    lines = path.read_bytes().splitlines(keepends=True)
    rest = [line for line in lines if unit.encode() not in line]
    if len(rest) == len(lines):
        return False
    whole = path.with_name(f".{path.name}")
    whole.write_bytes(b"".join(rest))
    whole.chmod(0o600)
    whole.replace(path)
    return True


def _note(folder: Path, row: Mapping[str, Any]) -> None:
    line = orjson.dumps({"at": datetime.now(UTC), **row}, option=orjson.OPT_APPEND_NEWLINE)
    with (folder / RECORD).open("ab") as file:
        file.write(line)
        file.flush()
        os.fsync(file.fileno())
    sync(folder)
