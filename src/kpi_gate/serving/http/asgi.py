"""What the pieces of the door have in common: the types of ASGI, and what a path is about."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

OF_USE_CASE = ("decisions", "return")
ALONE = {
    "/version": "version",
    "/health": "health",
    "/ready": "ready",
    "/metrics": "metrics",
    "/openapi.json": "openapi",
}
OTHER = "other"


class Watched:
    """A `send` that remembers with which status an answer began.

    Attributes:
        status: Of the answer; 500 where none was begun.
    """

    def __init__(self, send: Send) -> None:
        self._send, self.status = send, 500

    async def __call__(self, message: Message) -> None:
        """Send one message."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
        await self._send(message)


def route_of(path: str) -> tuple[str, str]:
    """Return the route of a path, `other` where there is none, and the use case it names."""
    alone = ALONE.get(path)
    if alone is not None:
        return alone, ""
    use_case, _, route = path[1:].partition("/")
    return (route, use_case) if route in OF_USE_CASE else (OTHER, "")


def header(scope: Scope, name: bytes) -> str:
    """Return a header of a request; empty where it has none.

    Args:
        scope: Of the request.
        name: In lower case.
    """
    for each, value in scope["headers"]:
        if each == name:
            return str(value, "latin-1")
    return ""


def name_and_port(address: str) -> tuple[str, int | None]:
    """Return host name and port of an address, None for its scheme's; no name if it is none."""
    try:
        parts = urlsplit(address)
        name, port = parts.hostname or "", parts.port
    except ValueError:
        return "", None
    if parts.username is not None or parts.path or parts.query or parts.fragment:
        return "", None
    return name, None if port == {"http": 80, "https": 443}.get(parts.scheme) else port
