"""What a request may cost: its body, its time, how many there are; and by whose name it may ask."""

import asyncio
import math
import time
from collections.abc import Collection
from typing import NamedTuple

from kpi_gate.serving.http.asgi import (
    App,
    Message,
    Receive,
    Scope,
    Send,
    header,
    name_and_port,
    route_of,
)
from kpi_gate.serving.http.problems import Problem, respond
from kpi_gate.serving.http.rates import Rates

LOOPBACK = ("127.0.0.1", "::1", "localhost")
EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104  (to know it)
_PROBES = ("health", "ready")
_JSON = ("application/json", "")


class Bounds(NamedTuple):
    """What a request may cost.

    Attributes:
        body_bytes: Largest body.
        per_second: Most requests of one caller in a second; 0 for any number.
        request_seconds: Longest time for the body to arrive, and again for the answer.
        at_once: Most requests that are being answered at one time by one worker.
    """

    body_bytes: int = 1_000_000
    per_second: float = 0.0
    request_seconds: float = 30.0
    at_once: int = 1_000


class Limited:
    """An ASGI app that answers no request that costs too much; it hands on whole bodies only.

    Its `table` holds the rates of callers, of one process by default.
    """

    def __init__(self, app: App, bounds: Bounds, table: memoryview | None = None) -> None:
        self.app, self.bounds = app, bounds
        self.rates = Rates(bounds.per_second, table) if bounds.per_second else None
        self._open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def noted(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        self._open += 1
        try:
            self._require_room(scope)
            body = await self._body(scope, receive)
            async with asyncio.timeout(self.bounds.request_seconds):
                await self.app(scope, _whole(body, receive), noted)
        except Problem as problem:
            if started:
                raise
            await respond(problem, scope["path"])(scope, receive, send)
        except TimeoutError:
            if started:
                raise
            words = f"no answer within {self.bounds.request_seconds:g} s; ask for fewer rows"
            late = Problem(503, words, headers={"retry-after": "1"})
            await respond(late, scope["path"])(scope, receive, send)
        finally:
            self._open -= 1

    def _require_room(self, scope: Scope) -> None:
        if route_of(scope["path"])[0] in _PROBES:
            return
        if self._open > self.bounds.at_once:
            words = f"{self.bounds.at_once:,} requests are being answered; try again"
            raise Problem(503, words, headers={"retry-after": "1"})
        if self.rates is not None:
            wait = self.rates.take(_caller(scope), time.monotonic())
            if wait > 0:
                most = f"{self.bounds.per_second:g} requests a second of one caller"
                seconds = str(math.ceil(wait))
                words = f"more than {most}; wait {seconds} s"
                raise Problem(429, words, headers={"retry-after": seconds})

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        """Return the body.

        Raises:
            Problem: If it is too large, no JSON by its own word, or does not come.
        """
        said = header(scope, b"content-length")
        # what is not read yet cannot be told from a next request
        closing = {"connection": "close"}
        if said.isdigit() and int(said) > self.bounds.body_bytes:
            raise Problem(413, self._too_large(f"{int(said):,} bytes"), headers=closing)
        if scope["method"] == "POST":
            kind = header(scope, b"content-type").partition(";")[0].strip().lower()
            if kind not in _JSON:
                words = f"content-type == {kind[:80]!r}, must be 'application/json'"
                raise Problem(415, words, headers=closing)
        try:
            first = await self._next(receive)
            if not first.get("more_body"):
                return self._bounded(first.get("body", b""))
            parts, size = [first.get("body", b"")], len(first.get("body", b""))
            async with asyncio.timeout(self.bounds.request_seconds):
                while True:
                    message = await receive()
                    _require_there(message)
                    parts.append(message.get("body", b""))
                    size += len(parts[-1])
                    if size > self.bounds.body_bytes:
                        raise Problem(413, self._too_large("it goes on"), headers=closing)
                    if not message.get("more_body"):
                        return b"".join(parts)
        except TimeoutError:
            words = f"the body was not there within {self.bounds.request_seconds:g} s"
            raise Problem(408, words, headers=closing) from None

    async def _next(self, receive: Receive) -> Message:
        async with asyncio.timeout(self.bounds.request_seconds):
            message = await receive()
        _require_there(message)
        return message

    def _bounded(self, body: bytes) -> bytes:
        if len(body) > self.bounds.body_bytes:
            raise Problem(413, self._too_large(f"{len(body):,} bytes"))
        return body

    def _too_large(self, found: str) -> str:
        return f"body: {found}, must be at most {self.bounds.body_bytes:,} bytes; send fewer rows"


class OwnNameOnly:
    """An ASGI app that answers only by its own names, and to no page of another origin.

    A page reaches a server on loopback by rebinding a name of its own to it; its browser then tells
    that name as `Host`. What a page sends from elsewhere comes with its `Origin`.

    Attributes:
        hosts: Names by which it may be called, without port; lower case.
    """

    def __init__(self, app: App, hosts: Collection[str]) -> None:
        self.app, self.hosts = app, {host.lower() for host in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection."""
        if scope["type"] != "http" or route_of(scope["path"])[0] in _PROBES:
            await self.app(scope, receive, send)  # a probe calls by address
            return
        problem = self.refused(scope)
        if problem is None:
            await self.app(scope, receive, send)
        else:
            await respond(problem, scope["path"])(scope, receive, send)

    def refused(self, scope: Scope) -> Problem | None:
        """Return why a request is refused; None where it is not."""
        named = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        if len(named) != 1 or name_and_port(f"//{named[0]}")[0] not in self.hosts:
            return Problem(421, "this server has another name; add yours by --name")
        origin = header(scope, b"origin")
        if origin and name_and_port(origin)[0] not in self.hosts:
            return Problem(403, "a page of another origin may not ask here")
        return None


def own_names(host: str, more: Collection[str] = ()) -> set[str]:
    """Return the names by which a server may be called.

    Args:
        host: Where it listens.
        more: What else it is called.
    """
    own = {*more} if host in EVERYWHERE else {host, *more}
    return own | set(LOOPBACK) if host in (*LOOPBACK, *EVERYWHERE) else own


def _caller(scope: Scope) -> str:
    key = scope.get("state", {}).get("key")
    return str(key or (scope.get("client") or ("", 0))[0])


def _require_there(message: Message) -> None:
    if message["type"] == "http.disconnect":
        raise Problem(400, "the caller has gone")


def _whole(body: bytes, receive: Receive) -> Receive:
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
