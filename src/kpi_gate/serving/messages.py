"""How a server and the process beside it speak: a length of four bytes, then JSON."""

from typing import Any, BinaryIO

import orjson

HEAD = 4  # bytes that say how long a message is


def packed(message: object) -> bytes:
    """Return a message as it is sent."""
    content = orjson.dumps(message)
    return len(content).to_bytes(HEAD, "big") + content


def read_message(source: BinaryIO) -> Any:
    """Read one message; None at the end."""
    head = source.read(HEAD)
    if len(head) < HEAD:
        return None
    return orjson.loads(source.read(int.from_bytes(head, "big")))
