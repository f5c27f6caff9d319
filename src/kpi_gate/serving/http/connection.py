"""A connection on which the head of a request is small and comes soon."""

import asyncio
from functools import cache

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from kpi_gate.serving.http.problems import Problem, respond
from kpi_gate.serving.options import ServeOptions

LARGEST_HEAD = 64_000  # bytes, beyond those that were read at once
HEAD_SECONDS = 20.0  # for a head that has begun, and for the first one of a connection
_OVERHEAD = 8  # bytes on the wire for one of a body that comes in chunks of one


class Connection(HttpToolsProtocol):
    """uvicorn's own, which holds a head of any size for any time, before anybody shows a key."""

    _heading = True
    _taken = 0
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first head."""
        super().connection_made(transport)
        self._hurry()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._calm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what has come."""
        self._taken += len(data)
        super().data_received(data)
        if self._heading:
            if self._taken > LARGEST_HEAD:
                words = f"the head of a request must be at most {LARGEST_HEAD:,} bytes"
                self._refuse(Problem(431, words))
            elif self._timer is None:
                self._hurry()
        elif self._taken > _longest():  # trailers, or a body that nobody reads
            self.transport.close()

    def on_message_begin(self) -> None:
        """Begin a head."""
        self._heading = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """End a head."""
        self._heading = False
        if self._timer is not None:
            self._calm()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """End a request; what comes now is the next one's."""
        self._taken = 0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Say that something was no HTTP."""
        del msg
        self._refuse(Problem(400, "this is no request of HTTP"))

    def _hurry(self) -> None:
        self._timer = self.loop.call_later(HEAD_SECONDS, self._late)

    def _calm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _late(self) -> None:
        self._refuse(Problem(408, f"the head was not there within {HEAD_SECONDS:g} s"))

    def _refuse(self, problem: Problem) -> None:
        """Answer where no other answer is under way, and close."""
        if self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete:
            answer = respond(problem)
            head = b"".join(b"%s: %s\r\n" % one for one in answer.raw_headers)
            status = STATUS_LINE[problem.status]
            self.transport.write(b"%s%sconnection: close\r\n\r\n" % (status, head) + answer.body)
        self._calm()
        self.transport.close()


@cache
def _longest() -> int:
    """Return how many bytes the largest request can have."""
    return LARGEST_HEAD + _OVERHEAD * ServeOptions.handed_on().body_bytes
