"""Send notices to webhooks and Prefect notification blocks; a hook that fails never fails a run."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from urllib.parse import urlsplit

from kpi_gate.record.ledger import LedgerError
from kpi_gate.run.context import Run
from kpi_gate.watch.alerts import Notice, notices
from kpi_gate.workspace import Workspace

TRIES = 3
PAUSE_SECONDS = 2.0
TIMEOUT_SECONDS = 10.0


@contextmanager
def telling(run: Run, log: Callable[[str], None]) -> Iterator[None]:
    """Tell what the block inside adds to the ledger of a use case, also where it fails.

    Args:
        run: Says whose entries, and whom to tell.
        log: Is told of each hook that failed.
    """
    if not (run.workspace.webhooks() or run.workspace.blocks()):
        yield
        return
    known = len(run.history.entries)
    try:
        yield
    finally:
        try:
            added = run.history.entries[known:]
        except LedgerError as error:  # the run that broke it says so itself
            log(f"nobody is told of what {run.name} did: {error}")
        else:
            tell(run.workspace, notices(added), log)


def tell(workspace: Workspace, told: Iterable[Notice], log: Callable[[str], None]) -> None:
    """Send notices to every hook of the place; log each failure with the hook's address."""
    for notice in told:
        for address in workspace.webhooks():
            _try(partial(_post, address, notice), shown(address), log)
        for slug in workspace.blocks():
            _try(partial(_notify, slug, notice), f"block {slug}", log)


def shown(address: str) -> str:
    """Return an address without what may be secret in it: user, password, path and query."""
    parts = urlsplit(address)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname or ''}{port}/…"


def _try(send: Callable[[], None], hook: str, log: Callable[[str], None]) -> None:
    for number in range(1, TRIES + 1):
        try:
            send()
        except Exception as error:  # noqa: BLE001  (a block raises anything; a run must not end)
            if number == TRIES:
                log(f"{hook} was not told, tried {TRIES} times: {_reason(error)}")
            else:
                time.sleep(PAUSE_SECONDS * number)
        else:
            return


def _reason(error: Exception) -> str:
    """Return what went wrong without the address, which an HTTP error's own words repeat."""
    response = getattr(error, "response", None)
    if response is not None:
        return f"HTTP {response.status_code}"
    words = getattr(error, "log", "") or getattr(error, "strerror", "") or ""
    return f"{type(error).__name__}: {words}" if words else type(error).__name__


def _post(address: str, notice: Notice) -> None:
    import httpx

    httpx.post(address, json=notice.as_json(), timeout=TIMEOUT_SECONDS).raise_for_status()


def _notify(slug: str, notice: Notice) -> None:
    import prefect.blocks.notifications  # noqa: F401  (so that Prefect knows its own kinds)
    from prefect.blocks.abstract import NotificationBlock
    from prefect.blocks.core import Block

    import kpi_gate.orchestration.email_block  # noqa: F401  (and ours)

    block = Block.load(slug)
    if not isinstance(block, NotificationBlock):
        raise TypeError(f"{type(block).__name__} is no notification block")
    with block.raise_on_failure():  # else some kinds fail without a word
        sent = block.notify(notice.text, notice.subject)
        if inspect.isawaitable(sent):
            asyncio.run(_wait(sent))


async def _wait(sent: Awaitable[object]) -> None:
    await sent
