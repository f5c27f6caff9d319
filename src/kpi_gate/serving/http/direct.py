"""The way of a decision past FastAPI, whose routing would take longer than the door and the log."""

from collections.abc import Awaitable, Callable

from kpi_gate.serving.http.asgi import App, Receive, Scope, Send, route_of
from kpi_gate.serving.http.problems import problem_of, respond

Decide = Callable[[str, bytes], Awaitable[bytes]]


class Direct:
    """An ASGI app that answers decisions itself; whatever else is asked goes on to the app.

    It stands behind `Limited`, which hands on whole bodies.
    """

    def __init__(self, app: App, decide: Decide) -> None:
        self.app, self.decide = app, decide

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection."""
        if scope["type"] != "http" or scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        route, use_case = route_of(scope["path"])
        if route != "decisions" or not use_case:
            await self.app(scope, receive, send)
            return
        message = await receive()
        try:
            body = await self.decide(use_case, message["body"])
        except Exception as error:  # noqa: BLE001  (each is answered as a problem)
            await respond(problem_of(error), scope["path"])(scope, receive, send)
            return
        head = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": body})
