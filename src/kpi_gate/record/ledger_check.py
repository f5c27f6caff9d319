"""The whole check of a ledger: its chain, what its rows lead to, and what MLflow says there is."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from kpi_gate.record import agreement, registry_claims
from kpi_gate.record.ledger import WHOLE, Ledger, Walk, open_ledger
from kpi_gate.record.ledger_reading import CUT_OFF
from kpi_gate.record.ledger_view import LedgerView
from kpi_gate.record.mlflow_client import TrackingError
from kpi_gate.record.releases import remedy
from kpi_gate.usecase import discovery
from kpi_gate.workspace import Workspace

DIGITS = 64


@dataclass(frozen=True)
class Checked:
    """What the check of a ledger came to.

    Attributes:
        rows: How many rows there are.
        last: Hash of the last one; empty without one.
        keyed_from: First row whose hash needs the key; None where none is keyed.
        told: What was found right, in sentences.
        faults: What is wrong, in sentences; empty where nothing is.
    """

    rows: int
    last: str
    keyed_from: int | None
    told: tuple[str, ...]
    faults: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return all of it for a program."""
        return {"intact": not self.faults, **asdict(self)}


def check_ledger(workspace: Workspace, noted: str) -> Checked:
    """Verify every row, look for a noted hash, and hold MLflow against the ledger.

    Args:
        workspace: Where ledger and MLflow are.
        noted: First digits of a row's hash that was noted before; empty: none was.

    Raises:
        LedgerError: If the ledger cannot be read.
    """
    ledger = open_ledger(workspace)
    walk = ledger.walk()
    faults, told = list(walk.faults), list[str]()
    if not faults and not walk.entries:
        what = "is empty" if ledger.exists() else "there is no ledger"
        faults.append(f"{ledger.shown}: {what}: nothing was verified")
    if not faults:
        told.append(_chain(walk))
        faults += _noted(walk, noted, told) if noted else []
    if not walk.faults:  # also where there are no rows: MLflow may know of some
        faults += _agreement(workspace, ledger, walk, told)
    last = walk.entries[-1].hash if walk.entries else ""
    return Checked(len(walk.entries), last, walk.keyed_from, tuple(told), tuple(faults))


def _chain(walk: Walk) -> str:
    keyed = "not keyed" if walk.keyed_from is None else f"keyed from row {walk.keyed_from} on"
    last = walk.entries[-1].hash[:12]
    return f"The chain is intact: {len(walk.entries)} rows, the last is {last}; it is {keyed}."


def _noted(walk: Walk, noted: str, told: list[str]) -> list[str]:
    found = [entry for entry in walk.entries if entry.hash.startswith(noted.lower())]
    if not found:
        return [f"no row has the hash {noted}: {CUT_OFF}"]
    where = f"row {found[0].number}"
    where += ", the last one" if found[0] == walk.entries[-1] else f" of {len(walk.entries)}"
    told.append(
        f"The ledger goes on from what was noted: the noted hash is that of {where}: "
        f"{len(noted)} of its {DIGITS} digits were given."
    )
    return []


def _agreement(workspace: Workspace, ledger: Ledger, walk: Walk, told: list[str]) -> list[str]:
    """Return what is wrong with what the rows lead to, and with what MLflow says of it."""
    names = sorted({*discovery.names(), *(entry.use_case for entry in walk.entries)} - {WHOLE})
    views = {name: LedgerView(ledger, name, datetime.now(UTC)).catch_up() for name in names}
    if not registry_claims.exists(workspace):
        told.append("MLflow holds nothing yet: no row could be missed by it.")
        return [
            f"{name}: {fault}; {remedy(name)}"
            for name, view in views.items()
            for fault in view.faults.values()
        ]
    try:
        found = {name: agreement.differences(workspace, view) for name, view in views.items()}
    except TrackingError as error:
        return [f"not compared with MLflow: {error}"]
    told.append("MLflow names no row that is missing, and says nothing else than the ledger.")
    return [
        f"{name}: {difference.words}; {remedy(name)}"
        for name in names
        for difference in found[name]
    ]
