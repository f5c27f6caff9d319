"""Prefect's server behind our doors.

`python -m kpi_gate.orchestration.servers.prefect_app --port 4200` starts it.

It is Prefect's own app with Prefect's own authentication and CSRF protection switched on. What
Prefect lacks is put in front: a check of `Host` and `Origin`, and the proof that it is the home's.
"""

import json
import os
import socket
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from kpi_gate.environment import NAMES, prepare_environment
from kpi_gate.orchestration.servers.doors import OwnPagesOnly
from kpi_gate.record.prefect_key import PROOF, make_key, proof
from kpi_gate.serving.http.asgi import App, Receive, Scope, Send
from kpi_gate.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Sequence

AUTH = "PREFECT_SERVER_API_AUTH_STRING"
SEEN = "PREFECT_SERVER_UI_API_URL"  # the address of the API that the pages are told


class Proving:
    """An ASGI app that proves to know the secret, without telling it, before it is told it.

    Attributes:
        app: The app behind it.
        key: The secret.
    """

    def __init__(self, app: App, key: str) -> None:
        self.app, self.key = app, key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection."""
        if scope["type"] != "http" or scope["path"] != PROOF:
            await self.app(scope, receive, send)
            return
        (nonce,) = parse_qs(scope["query_string"].decode("latin-1")).get("nonce", [""])[:1]
        said = json.dumps(proof(self.key, nonce, scope["server"][1])).encode()
        head = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": said})


def guarded(host: str, port: int, names: "Sequence[str]") -> App:
    """Return Prefect's app behind our doors; to be called before Prefect is imported.

    Args:
        host: Where it listens.
        port: The same.
        names: Host names by which it may be called.
    """
    workspace, given = Workspace(), os.environ.get(AUTH)
    prepare_environment(workspace.home)
    key = given or make_key(workspace.home)
    origins = [f"http://{_in_url(name)}:{port}" for name in names]
    page = f"http://{_in_url(host if host in names else NAMES[0])}:{port}"
    os.environ |= {
        AUTH: key,
        "PREFECT_API_URL": f"{page}/api",
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": ",".join(origins),
        "PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "true",
    }
    os.environ[SEEN] = os.environ.get(SEEN) or f"{page}/api"
    from prefect.server.api.server import create_app

    return OwnPagesOnly(Proving(create_app(final=True), key), names)


def main() -> None:
    """Serve until stopped."""
    asked = _asked()
    names = [word.strip() for word in asked.allowed_hosts.split(",") if word.strip()]
    if asked.descriptor is not None:
        listening = socket.socket(fileno=asked.descriptor)
    else:
        listening = socket.create_server((asked.host, asked.port))
    app = guarded(asked.host, listening.getsockname()[1], names)
    import uvicorn

    config = uvicorn.Config(app, timeout_keep_alive=5, log_level="error", access_log=False)
    uvicorn.Server(config).run(sockets=[listening])


def _asked() -> Namespace:
    options = ArgumentParser(
        prog="python -m kpi_gate.orchestration.servers.prefect_app", description=__doc__
    )
    options.add_argument("--host", default=NAMES[0])
    options.add_argument("--port", type=int, default=4200)
    options.add_argument("--descriptor", type=int, help="of a socket that listens already")
    options.add_argument(
        "--allowed-hosts", default=",".join(NAMES), help="names it is called by, with commas"
    )
    return options.parse_args()


def _in_url(name: str) -> str:
    return f"[{name}]" if ":" in name else name


if __name__ == "__main__":
    main()
