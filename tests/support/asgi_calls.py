"""Requests to one ASGI app in this process, without a server."""

import asyncio
from types import SimpleNamespace


def ask(app, path="/", method="POST", body=b"{}", headers=(), messages=None, client="10.0.0.1"):
    """Send one request to an ASGI app in this process; return status, headers and body."""
    head = {"host": "localhost", **dict(headers)}
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "headers": [(k.lower().encode(), v.encode("latin-1")) for k, v in head.items()],
        "client": (client, 1),
    }
    waiting = list(messages or [{"type": "http.request", "body": body, "more_body": False}])
    sent = []

    async def receive():
        if waiting:
            return waiting.pop(0)
        await asyncio.sleep(60)
        return {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    return SimpleNamespace(
        status=sent[0]["status"],
        headers={k.decode(): v.decode() for k, v in sent[0]["headers"]},
        body=b"".join(message.get("body", b"") for message in sent[1:]),
        scope=scope,
        rest=waiting,
    )


class Echo:
    """Answers with the body that it was given."""

    def __init__(self, wait=0.0, status=200):
        self.asked, self.wait, self.status = 0, wait, status

    async def __call__(self, scope, receive, send):
        self.asked += 1
        message = await receive()
        await asyncio.sleep(self.wait)
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body", "body": message["body"]})
