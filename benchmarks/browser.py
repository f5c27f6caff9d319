"""Headless Chromium over its debugging port: open a page at a width, ask it, take its picture."""

import base64
import json
import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import connect
from websockets.sync.connection import Connection

FLAGS = (
    "--headless --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --hide-scrollbars --no-sandbox "
    "--remote-debugging-port=0"
)
MOST_BYTES = 64 * 2**20
WAIT_SECONDS = 60


def chromium() -> str | None:
    """Return the program; None where there is none."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


class Tab:
    """One tab, spoken to in the DevTools protocol."""

    def __init__(self, socket: Connection) -> None:
        self._socket = socket
        self._number = 0
        self._ask("Page.enable")

    def _ask(self, method: str, **parameters: object) -> Any:
        self._number += 1
        told = {"id": self._number, "method": method, "params": parameters}
        self._socket.send(json.dumps(told))
        while True:
            answer = json.loads(self._socket.recv(timeout=WAIT_SECONDS))
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]

    def show(self, path: Path, width: int, *, dark: bool = False, media: str = "screen") -> None:
        """Open a file at a width, in a colour scheme."""
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self._ask("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._ask("Emulation.setEmulatedMedia", media=media, features=[scheme])
        self._ask("Page.navigate", url=path.resolve().as_uri())
        until = time.monotonic() + WAIT_SECONDS
        while self.evaluate("document.readyState") != "complete":
            if time.monotonic() > until:
                raise TimeoutError(f"{path} does not load")
            time.sleep(0.02)

    def evaluate(self, script: str) -> Any:
        """Return what a script comes to; it may be a promise."""
        told = self._ask(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in told:
            raise RuntimeError(str(told["exceptionDetails"].get("exception", told)))
        return told["result"].get("value")

    def picture(self, path: Path) -> None:
        """Write the whole page as PNG."""
        told = self._ask("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(told["data"]))


@contextmanager
def browser() -> Iterator[Tab]:
    """Start Chromium, yield a tab of it, and stop it.

    Raises:
        FileNotFoundError: If there is no Chromium.
    """
    program = chromium()
    if program is None:
        raise FileNotFoundError("there is no chromium on the path; apt-get install chromium")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [program, *FLAGS.split(), f"--user-data-dir={profile}", "about:blank"]
        running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            address = f"http://127.0.0.1:{_port(Path(profile))}/json/new"
            request = urllib.request.Request(address, method="PUT")
            with urllib.request.urlopen(request, timeout=WAIT_SECONDS) as answer:  # noqa: S310
                target = json.load(answer)["webSocketDebuggerUrl"]
            with connect(target, max_size=MOST_BYTES, proxy=None) as socket:
                yield Tab(socket)
        finally:
            running.terminate()
            running.wait(timeout=WAIT_SECONDS)


def _port(profile: Path) -> int:
    """Wait for the port that Chromium has chosen."""
    told, until = profile / "DevToolsActivePort", time.monotonic() + WAIT_SECONDS
    while time.monotonic() < until:
        if told.exists() and told.read_text("utf-8").strip():
            return int(told.read_text("utf-8").split()[0])
        time.sleep(0.05)
    raise TimeoutError("chromium did not start")
