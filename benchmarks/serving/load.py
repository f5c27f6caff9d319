"""A client that keeps its connections and counts whatever goes wrong with them."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

PAUSE_SECONDS = 0.02  # after a connection broke
WAIT_SECONDS = 30.0  # for one answer


class Answered(NamedTuple):
    """One answer.

    Attributes:
        number: Of the request.
        body: What was answered.
        asked: When it was asked, by `time.perf_counter`.
        seconds: How long it took.
    """

    number: int
    body: bytes
    asked: float
    seconds: float


@dataclass
class Load:
    """What came of a load.

    Attributes:
        statuses: How often each status was answered.
        errors: Connections that were refused, reset or broke off, by kind: lost requests.
        seconds: Of each answer.
        took: From the first request to the last answer.
    """

    statuses: Counter[int] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    took: float = 0.0

    @property
    def per_second(self) -> float:
        """Answers with status 200 in a second."""
        return self.statuses[200] / self.took if self.took else 0.0

    @property
    def failed(self) -> int:
        """Requests without an answer of status 200."""
        return sum(self.statuses.values()) - self.statuses[200] + sum(self.errors.values())

    def quantile(self, level: float) -> float:
        """Return a quantile of the latency, in milliseconds."""
        return float(np.quantile(self.seconds, level) * 1000) if self.seconds else float("nan")


class Target(NamedTuple):
    """What is asked.

    Attributes:
        port: On loopback.
        path: Of the request.
        body: Makes the body of a request by its number.
    """

    port: int
    path: str
    body: Callable[[int], bytes]

    def request(self, number: int) -> bytes:
        """Return the bytes of a request."""
        body = self.body(number)
        head = (
            f"POST {self.path} HTTP/1.1\r\nhost: 127.0.0.1:{self.port}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


async def load(
    target: Target,
    clients: int,
    stop: Callable[[], bool],
    seen: Callable[[Answered], None] = lambda answer: None,
) -> Load:
    """Ask over so many connections, one request after the other, until it is enough.

    Args:
        target: What is asked.
        clients: Connections.
        stop: Tells whether it is enough.
        seen: Is told of each answer of status 200.
    """
    made, start = Load(), time.perf_counter()
    numbers = iter(range(10**9))

    async def client() -> None:
        streams = None
        while not stop():
            number = next(numbers)
            asked = time.perf_counter()
            try:
                async with asyncio.timeout(WAIT_SECONDS):
                    if streams is None:
                        streams = await asyncio.open_connection("127.0.0.1", target.port)
                    status, body, keep = await _ask(*streams, target.request(number))
            except (OSError, EOFError, ValueError, TimeoutError) as error:
                made.errors[type(error).__name__] += 1
                if streams is not None:
                    streams[1].close()
                streams = None
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            taken = time.perf_counter() - asked
            made.statuses[status] += 1
            made.seconds.append(taken)
            if not keep:
                streams[1].close()
                streams = None
            if status == 200:
                seen(Answered(number, body, asked, taken))
        if streams is not None:
            streams[1].close()

    await asyncio.gather(*(client() for _ in range(clients)))
    made.took = time.perf_counter() - start
    return made


async def _ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes
) -> tuple[int, bytes, bool]:
    """Return status and body of the answer, and whether the connection stays."""
    writer.write(request)
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
    body = await reader.readexactly(int(length))
    return int(head[9:12]), body, b"connection: close" not in head
