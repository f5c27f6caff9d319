"""One home a use case on a Prefect server: who serves it says so there, and goes on saying it.

Two homes that serve the same deployment would each get some of its ticks, by luck, and write their
decisions into two ledgers. So the one that serves holds a Prefect variable for each use case. It
may be taken over once its holder has been silent for `LEASE_SECONDS`, by the server's clock.
"""

import os
import secrets
import socket
import time
from collections.abc import Collection
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.types._datetime import parse_datetime

from kpi_gate.files.write_once import write_once
from kpi_gate.record.lock import BusyError
from kpi_gate.workspace import Workspace

LEASE_SECONDS = 120.0
RENEW_SECONDS = 30.0
_NAME = "kpi-gate-served-{}"


class Lease:
    """What one home holds while it serves.

    Attributes:
        home: Random id of the home, kept in it.
        where: Host, folder and process, for people.
    """

    def __init__(self, workspace: Workspace, use_cases: Collection[str]) -> None:
        self._names = {_NAME.format(name.lower()): name for name in sorted(use_cases)}
        kept = workspace.home / "home-id"
        write_once(kept, secrets.token_hex(16))
        self.home = kept.read_text(encoding="utf-8").strip()
        self.where = f"{socket.gethostname()}:{workspace.home} (process {os.getpid()})"
        self._renewed = 0.0

    @property
    def held(self) -> bool:
        """Whether this process has held it."""
        return self._renewed > 0

    async def hold(self, client: PrefectClient) -> None:
        """Take or renew it; does nothing where that was done a moment ago.

        Raises:
            BusyError: If another home holds one of the use cases.
        """
        if time.monotonic() - self._renewed < RENEW_SECONDS:
            return
        holders, now = await self._read(client)
        for name in self._names:
            self._require_free(name, holders.get(name), now)
        for name in self._names:
            await self._write(client, name, holders.get(name))
        self._renewed = time.monotonic()

    async def release(self, client: PrefectClient) -> None:
        """Give back what this home holds."""
        for holder in (await self._read(client))[0].values():
            if holder["value"].get("home") == self.home:
                await self._try(client, "DELETE", f"/variables/{holder['id']}")

    def _require_free(self, name: str, holder: dict[str, Any] | None, now: float) -> None:
        if holder is None or holder["value"].get("home") == self.home:
            return
        silent = max(0.0, now - parse_datetime(holder["updated"]).timestamp())
        if silent < LEASE_SECONDS:
            raise BusyError(
                f"{self._names[name]} is served by another home on this Prefect server: "
                f"{holder['value'].get('where')}, last heard of {silent:.0f} s ago. This one is "
                f"{self.where}. Serve it from one home: stop the other `kpi-gate schedule` "
                "(Ctrl-C gives it free at once; one that was killed is given up "
                f"{LEASE_SECONDS:.0f} s after its last word), or use another server"
            )

    async def _write(self, client: PrefectClient, name: str, holder: dict[str, Any] | None) -> None:
        """Say that this home serves; a name is made once, so of two homes at once one makes it."""
        said = {"home": self.home, "where": self.where, "beat": secrets.token_hex(4)}
        if holder is not None:
            mine = holder["value"].get("home") == self.home
            method, body = ("PATCH", {"value": said}) if mine else ("DELETE", None)
            found = await self._try(client, method, f"/variables/{holder['id']}", body)
            if mine and found:
                return
        if not await self._try(client, "POST", "/variables/", {"name": name, "value": said}):
            holders, now = await self._read(client)
            self._require_free(name, holders.get(name), now)

    async def _try(
        self, client: PrefectClient, method: Any, path: Any, body: dict[str, Any] | None = None
    ) -> bool:
        """Ask the server; tell whether another home was not faster."""
        try:
            await client.request(method, path, json=body)
        except httpx.HTTPStatusError as error:
            if error.response.status_code not in {httpx.codes.NOT_FOUND, httpx.codes.CONFLICT}:
                raise
            return False
        return True

    async def _read(self, client: PrefectClient) -> tuple[dict[str, Any], float]:
        """Return who holds what, and the time by the server's clock."""
        asked = {"variables": {"name": {"any_": list(self._names)}}}
        answer = await client.request("POST", "/variables/filter", json=asked)
        now = parsedate_to_datetime(answer.headers["date"]).timestamp()
        return {found["name"]: found for found in answer.json()}, now
