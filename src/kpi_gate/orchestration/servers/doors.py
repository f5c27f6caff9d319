"""Who may speak to a server: nobody by another host's name, no page of another origin."""

from collections.abc import Collection

from kpi_gate.serving.http.asgi import App, Message, Receive, Scope, Send, name_and_port

FRAMES = [
    (b"x-frame-options", b"SAMEORIGIN"),
    (b"content-security-policy", b"frame-ancestors 'self'"),
]


class OwnPagesOnly:
    """An ASGI app that refuses with 403 what a page of somebody else would send.

    A foreign `Host` is how a page reaches a loopback server by rebinding its own name to it; a
    foreign `Origin` is what a browser tells of a page that sends from elsewhere. Web sockets, which
    browsers let any page open, are held to the same.

    Attributes:
        app: The app behind it.
        hosts: Names by which it may be called, without port; lower case.
    """

    def __init__(self, app: App, hosts: Collection[str]) -> None:
        self.app = app
        self.hosts = {host.lower() for host in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection."""
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        reason = self.refused(scope["headers"])
        if not reason:
            await self.app(scope, receive, _framed_by_its_own(send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": reason})
        else:
            head = [(b"content-type", b"text/plain; charset=utf-8")]
            await send({"type": "http.response.start", "status": 403, "headers": head})
            await send({"type": "http.response.body", "body": reason.encode()})

    def refused(self, headers: Collection[tuple[bytes, bytes]]) -> str:
        """Return why a request is refused; empty where it is not.

        Args:
            headers: Its headers, names in lower case.
        """
        named = [word.decode("latin-1") for name, word in headers if name == b"host"]
        if len(named) != 1 or name_and_port(f"//{named[0]}")[0] not in self.hosts:
            return "refused: this server is not called by that Host"
        port = name_and_port(f"//{named[0]}")[1]
        origins = [word.decode("latin-1") for name, word in headers if name == b"origin"]
        for origin in origins:
            name, own_port = name_and_port(origin)
            if name not in self.hosts or own_port != port:
                return "refused: a page of another Origin"
        return ""


def _framed_by_its_own(send: Send) -> Send:
    async def framed(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *FRAMES]
        await send(message)

    return framed
