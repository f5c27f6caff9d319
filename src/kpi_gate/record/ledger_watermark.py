"""How far the ledger was verified: rows that need not be hashed again, and how they looked then.

The file is signed with the ledger's key, or else with a secret of the home: a wrong one is not
believed, and all is verified anew. It shows rows that were cut off or written anew since. Whoever
can write into the home can take it away; then only `--noted` and a key show that.
"""

import hashlib
import json
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from kpi_gate.record.ledger_brief import WHOLE_BELOW, LongBody, abridge
from kpi_gate.record.ledger_chain import FIRST, Entry, Position, sign

Load = Callable[[int, str], Mapping[str, Any]]


class Watermark:
    """The file of what was verified of one ledger, in a home."""

    def __init__(self, home: Path, url: str, key: bytes | None) -> None:
        named = hashlib.sha256(url.encode()).hexdigest()[:12]
        self.path = home / f"ledger-verified-{named}.json"
        self._secret_path, self._key = home / "ledger-secret", key

    def read(self, load: Load) -> tuple[list[Entry], Position] | None:
        """Return the rows that were verified, and where they end; None where nothing is sure.

        Args:
            load: Returns the whole body of a row by its number and its hash of then.
        """
        try:
            signature, _, content = self.path.read_bytes().partition(b"\n")
            secret = self._secret(make=False)
            if not secret or sign(secret, content) != signature.decode():
                return None
            told = json.loads(content)
        except (OSError, ValueError):
            return None
        entries, previous = [], FIRST
        for row in told["rows"]:
            entries.append(_entry(row, previous, load))
            previous = entries[-1].hash
        return entries, Position(**told["position"])

    def write(self, entries: Sequence[Entry], position: Position) -> None:
        """Keep what was verified; where it cannot be kept, the next reader verifies all."""
        rows = [_row(entry) for entry in entries]
        told = {"position": vars(position), "rows": rows}
        content = json.dumps(told, separators=(",", ":")).encode()
        partial = self.path.with_name(f"{self.path.name}.{os.getpid()}.partial")
        with suppress(OSError):
            secret = self._secret(make=True)
            partial.write_bytes(sign(secret, content).encode() + b"\n" + content)
            partial.replace(self.path)

    def forget(self) -> None:
        """Take the file away: the next reader verifies all."""
        self.path.unlink(missing_ok=True)

    def _secret(self, *, make: bool) -> bytes:
        """Return what the file is signed with; empty where it is not there."""
        if self._key is not None:
            return sign(self._key, b"kpi-gate watermark").encode()
        if make and not self._secret_path.exists():
            with suppress(FileExistsError):
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
                with os.fdopen(os.open(self._secret_path, flags, 0o600), "w") as file:
                    file.write(secrets.token_hex(32))
        return self._secret_path.read_bytes() if self._secret_path.exists() else b""


def _row(entry: Entry) -> list[Any]:
    body, kept = entry.body, "brief"
    if isinstance(body, LongBody):
        short = dict(body.brief)
    elif len(json.dumps(body)) <= WHOLE_BELOW:
        short, kept = dict(body), "whole"
    else:
        short = abridge(body)
    texts = (entry.at.isoformat(), entry.use_case, entry.kind, entry.subject)
    return [entry.number, *texts, entry.hash, kept, short]


def _entry(row: Sequence[Any], previous: str, load: Load) -> Entry:
    number, at, use_case, kind, subject, own_hash, kept, short = row
    body = short if kept == "whole" else LongBody(short, lambda: load(number, own_hash))
    moment = datetime.fromisoformat(at)
    return Entry(number, moment, use_case, kind, subject, body, previous, own_hash)
