"""Carry a written-ahead move of an alias to its end; every step may be repeated after a crash."""

import contextlib
import getpass
import socket
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pandas as pd

from kpi_gate.decision.evidence import BASELINE
from kpi_gate.record import ledger_view, registry
from kpi_gate.record.decision_run import TrackingError
from kpi_gate.record.ledger import Entry, Ledger, LedgerError
from kpi_gate.record.ledger_view import Releases
from kpi_gate.record.model_files import GOLDEN_FILE, MODEL_FILE, ModelCard, ModelError, load_model
from kpi_gate.usecase import discovery
from kpi_gate.workspace import Place


class PromotionError(RuntimeError):
    """The alias was not moved; the message says why, and what to do."""


@dataclass(frozen=True)
class Outcome:
    """What became of a decision, or of another act on an alias.

    Attributes:
        moved: Whether the alias points to the version now.
        words: The same in a sentence.
        refused: Whether this decision promotes nothing any more.
    """

    moved: bool
    words: str
    refused: bool = False


def asked_by() -> str:
    """Return who runs this process, for the record."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        user = "unknown"
    return f"{user}@{socket.gethostname()}"


def pointed(place: Place, use_case: str, alias: str) -> str:
    """Return the version that an alias points to, as the ledger writes it; empty without one."""
    version = registry.version_of(place, use_case, alias)
    return f"v{version}" if version else ""


def begin(ledger: Ledger, use_case: str, kind: str, subject: str, body: dict[str, Any]) -> Entry:
    """Write an intent ahead of its move.

    Raises:
        PromotionError: If another act on the same decision is under way.
        LedgerError: If the ledger is broken or cannot be written; nothing has moved.
    """
    entries = ledger.entries(use_case)
    said = _sound(use_case, entries)
    if any(entry.subject == subject for entry in said.opened.values()):
        raise PromotionError(f"decision {subject} is under way in another process; run again")
    numbers = [entry.number for entry in entries if entry.subject == subject]
    content = {**body, "asked_by": asked_by()}
    return ledger.append(use_case, kind, subject, content, after=max(numbers, default=0))


def finish(place: Place, ledger: Ledger, intent: Entry) -> Outcome:
    """Carry an intent through: move the alias, score the golden rows, write the last row.

    Raises:
        PromotionError: If it had to be given up; the alias is where it was, and a row says why.
        LedgerError: If the ledger is broken or cannot be written; the next start goes on.
    """
    act, body, use_case = ledger_view.ACTS[intent.kind], intent.body, intent.use_case
    version, before = str(body["version"]), str(body["from"])
    said = _sound(use_case, ledger.entries(use_case))
    opened = list(said.opened.values())
    if intent not in opened:
        raise PromotionError(f"another process ended the move of {use_case} to {version}")
    current = pointed(place, use_case, act.alias)
    stale = _stale(intent, opened[0], current)
    if stale:
        _give_up(place, ledger, intent, None, stale)
    back = before if current == version else current
    rejected = rejection(place, use_case, version) if intent.kind == ledger_view.PROMOTION else ""
    if rejected:
        _give_up(place, ledger, intent, back, rejected)
    if current != version:
        registry.point(place, use_case, act.alias, version.removeprefix("v"))
    fault = golden_fault(place, use_case, version) if version else ""
    if fault:
        _give_up(place, ledger, intent, back, fault)
    if intent.kind == ledger_view.PROMOTION and not said.anchor:
        registry.point(place, use_case, registry.ANCHOR, version.removeprefix("v"))
    _write_end(place, ledger, intent, back)
    return Outcome(True, _words(intent))


def _sound(use_case: str, entries: list[Entry]) -> Releases:
    """Follow the rows; refuse to move anything while one of them does not count.

    Raises:
        PromotionError: If one does not.
    """
    said = ledger_view.read(entries)
    for fault in said.faults.values():
        raise PromotionError(f"{fault}; {ledger_view.remedy(use_case)}")
    return said


def _stale(intent: Entry, first: Entry, current: str) -> str:
    """Return why the intent may not move the alias; the ledger's order decides who may."""
    version, before = str(intent.body["version"]), str(intent.body["from"])
    # a rollback also puts a lost alias back
    expected = {before, version} | ({""} if intent.kind == ledger_view.ROLLBACK else set())
    if first == intent and current in expected:
        return ""
    rival = current or BASELINE if first == intent else f"decision {first.subject} under way"
    measured = "measured against" if intent.kind == ledger_view.PROMOTION else "begun at"
    return f"stale: {measured} {before or BASELINE}, now there is {rival}"


def _words(intent: Entry) -> str:
    version, before = intent.body["version"] or BASELINE, intent.body["from"] or BASELINE
    if intent.kind == ledger_view.PROMOTION:
        return f"{version} is champion now, after {before}"
    if intent.kind == ledger_view.ROLLBACK:
        return f"{version} is champion again, after {before}"
    return f"{version} is the anchor now, after {intent.body['from'] or 'none'}"


def _write_end(place: Place, ledger: Ledger, intent: Entry, back: str) -> None:
    """Write the last row; where it cannot be written, what the ledger does not know is not used."""
    act = ledger_view.ACTS[intent.kind]
    body = {**intent.body, "ended_by": asked_by()}
    try:
        ledger.append(intent.use_case, act.done, intent.subject, body, after=intent.number)
    except LedgerError:
        # a row may be there although its writer was told that it is not: look before going back
        if intent in ledger_view.read(ledger.entries(intent.use_case)).opened.values():
            with contextlib.suppress(TrackingError):  # left open then: the next start ends it
                _return(place, intent, back)
        raise


def _return(place: Place, intent: Entry, back: str) -> None:
    """Undo the move, unless somebody has moved the alias on."""
    alias = ledger_view.ACTS[intent.kind].alias
    if pointed(place, intent.use_case, alias) == intent.body["version"] != back:
        registry.point(place, intent.use_case, alias, back.removeprefix("v"))


def _give_up(
    place: Place, ledger: Ledger, intent: Entry, back: str | None, reason: str
) -> NoReturn:
    """Return the alias unless it was not moved (None), write the void row and raise."""
    act, use_case, version = ledger_view.ACTS[intent.kind], intent.use_case, intent.body["version"]
    if back is not None:
        _return(place, intent, back)
    said = ledger_view.read(ledger.entries(use_case))
    first = intent.kind == ledger_view.PROMOTION and not said.anchor
    if first and pointed(place, use_case, registry.ANCHOR) == version:  # set by this very move
        registry.point(place, use_case, registry.ANCHOR, "")
    body = {"version": version, "reason": reason, "asked_by": asked_by()}
    ledger.append(use_case, act.void, intent.subject, body, after=intent.number)
    end = "Run it again" if back is None else f"The {act.alias} is {back or BASELINE}"
    raise PromotionError(f"{version or BASELINE} {act.failed}; {reason}. {end}")


def rejection(place: Place, use_case: str, version: str) -> str:
    """Return who turned a version down and why, as tagged in MLflow; empty where nobody did."""
    tags = registry.tags_of(place, use_case, version.removeprefix("v"))
    who, why = tags.get("rejected_by", "").strip(), tags.get("rejected_reason", "").strip()
    return f"rejected by {who}: {why or 'no reason given'}" if who else ""


def golden_fault(place: Place, use_case: str, version: str) -> str:
    """Load the version as a server would and score its golden rows; return what differs."""
    with tempfile.TemporaryDirectory() as scratch:
        folder, trusted = Path(scratch), discovery.load(use_case).trusted_types
        try:
            judged = ledger_view.read(place.ledger.entries(use_case)).judged(version)
            number = version.removeprefix("v")
            card = registry.fetch(place, use_case, number, folder, judged, trusted)
            golden = pd.read_parquet(folder / GOLDEN_FILE)
            return _differs(card, load_model(folder / MODEL_FILE, trusted), golden)
        except (ModelError, OSError, ValueError, KeyError) as error:  # half a parquet: ValueError
            return f"its golden rows cannot be scored: {error}"


def _differs(card: ModelCard, estimator: Any, golden: pd.DataFrame) -> str:
    from kpi_gate.learning.expected import AmountError, golden_amounts
    from kpi_gate.learning.scoring import ScoringError, probabilities

    try:
        again = {"golden_probability": probabilities(estimator, golden, card.features)}
        if hasattr(estimator, "expect"):
            again |= golden_amounts(estimator.expect(golden[list(card.features)]))
    except (ScoringError, AmountError) as error:
        return f"its golden rows cannot be scored: {error}"
    unlike = [found != golden[name].to_numpy() for name, found in again.items()]
    wrong = int(np.any(unlike, axis=0).sum())
    return (
        f"{wrong} of {len(golden)} golden rows score differently" if wrong or golden.empty else ""
    )
