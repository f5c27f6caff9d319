"""Tell a person where a schedule has fallen silent: beside the serving, and from every monitor."""

import threading
from collections.abc import Callable
from datetime import datetime

from kpi_gate.orchestration import notify
from kpi_gate.record.ledger import open_ledger
from kpi_gate.run.opening import now
from kpi_gate.usecase import discovery
from kpi_gate.watch.alerts import Notice, silence
from kpi_gate.workspace import Workspace

LOOK_SECONDS = 600.0


def tell_silence(
    workspace: Workspace, use_case: str, at: datetime, log: Callable[[str], None]
) -> Notice | None:
    """Tell whoever is to be told that a use case is silent; return what was told.

    Args:
        workspace: Where the ledger is, and whom to tell.
        use_case: Its name.
        at: The present moment, UTC.
        log: Is told of each hook that failed.
    """
    asked = discovery.load(use_case).settings.schedule
    notice = silence(use_case, asked, open_ledger(workspace).entries(use_case), at)
    if notice is not None:
        notify.tell(workspace, [notice], log)
    return notice


def watch(workspace: Workspace, log: Callable[[str], None], stop: threading.Event) -> None:
    """Look at every use case now and then, and tell each silence once."""
    silent: set[str] = set()
    while not stop.is_set():
        for name in discovery.names():
            try:
                found = _look(workspace, name, log, told=name in silent)
            except Exception as error:  # noqa: BLE001  (one broken use case hides no other)
                log(f"whether {name} is silent is not known: {error}")
                continue
            silent = silent | {name} if found else silent - {name}
        stop.wait(LOOK_SECONDS)


def _look(workspace: Workspace, name: str, log: Callable[[str], None], *, told: bool) -> bool:
    """Return whether a use case is silent, and tell it where that is new."""
    if not told:
        return tell_silence(workspace, name, now(), log) is not None
    asked = discovery.load(name).settings.schedule
    return silence(name, asked, open_ledger(workspace).entries(name), now()) is not None
