"""Carry a written-ahead move of an alias to its end; every step may be repeated after a crash."""

import contextlib
import getpass
import socket
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from kpi_gate.decision.evidence import BASELINE
from kpi_gate.decision.verdict import Decision
from kpi_gate.record import releases
from kpi_gate.record.experiment_notes import champion_note
from kpi_gate.record.golden_rows import golden_difference
from kpi_gate.record.ledger import Entry, LedgerError
from kpi_gate.record.ledger_view import LedgerView
from kpi_gate.record.mlflow_client import TrackingError
from kpi_gate.record.model_files import Model
from kpi_gate.record.registered import ANCHOR, CHAMPION, ModelError
from kpi_gate.release.service import await_workers, export_champion, how_served
from kpi_gate.render import render
from kpi_gate.run.context import Run
from kpi_gate.run.result import Outcome
from kpi_gate.text import clean


class PromotionError(RuntimeError):
    """The alias was not moved; the message says why, and what to do."""


def asked_by() -> str:
    """Return who runs this process, for the record."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        user = "unknown"
    return f"{user}@{socket.gethostname()}"


def begin(run: Run, kind: str, subject: str, body: dict[str, Any]) -> Entry:
    """Write an intent ahead of its move.

    Raises:
        PromotionError: If another act on the same decision is under way.
        LedgerError: If the ledger is broken or cannot be written; nothing has moved.
    """
    history = _sound(run)
    if any(entry.subject == subject for entry in history.opened.values()):
        raise PromotionError(f"decision {subject} is under way in another process; run again")
    numbers = [entry.number for entry in history.entries if entry.subject == subject]
    content = {**body, "asked_by": asked_by()}
    return run.append(kind, subject, content, after=max(numbers, default=0))


def finish(run: Run, intent: Entry) -> Outcome:
    """Carry an intent through: move the alias, score the golden rows, write the last row.

    Raises:
        PromotionError: If it had to be given up; the alias is where it was, and a row says why.
        LedgerError: If the ledger is broken or cannot be written; the next start goes on.
    """
    act, body = releases.ACTS[intent.kind], intent.body
    version, before = str(body["version"]), str(body["from"])
    history = _sound(run)
    opened = list(history.opened.values())
    if intent not in opened:
        raise PromotionError(f"another process ended the move of {run.name} to {version}")
    current = run.registry.version_of(act.alias)
    stale = _stale(intent, opened[0], current)
    if stale:
        _give_up(run, intent, None, stale)
    back = before if current == version else current
    rejected = rejection(run, version) if intent.kind == releases.PROMOTION else ""
    if rejected:
        _give_up(run, intent, back, rejected)
    if current != version:
        run.registry.point(act.alias, version)
    fault, exported = _loaded(run, intent) if version else ("", {})
    if fault:
        _give_up(run, intent, back, fault)
    if intent.kind == releases.PROMOTION and not history.anchor:
        run.registry.point(ANCHOR, version)
    if act.alias == CHAMPION:
        served = how_served(exported)
        run.registry.describe(champion_note(run.name, version, _since(run, intent), served))
    _write_end(run, intent, back, exported)
    workers = await_workers(run, version) if act.alias == CHAMPION else ""
    return Outcome(True, "; ".join(filter(None, (_words(intent), workers))))


def _sound(run: Run) -> LedgerView:
    """Follow the rows; refuse to move anything while one of them does not count.

    Raises:
        PromotionError: If one does not.
    """
    history = run.history
    for fault in history.faults.values():
        raise PromotionError(f"{fault}; {releases.remedy(run.name)}")
    return history


def _stale(intent: Entry, first: Entry, current: str) -> str:
    """Return why the intent may not move the alias; the ledger's order decides who may."""
    version, before = str(intent.body["version"]), str(intent.body["from"])
    # a rollback also puts a lost alias back
    expected = {before, version} | ({""} if intent.kind == releases.ROLLBACK else set())
    if first == intent and current in expected:
        return ""
    rival = current or BASELINE if first == intent else f"decision {first.subject} under way"
    measured = "measured against" if intent.kind == releases.PROMOTION else "begun at"
    return f"stale: {measured} {before or BASELINE}, now there is {rival}"


def _words(intent: Entry) -> str:
    version, before = intent.body["version"] or BASELINE, intent.body["from"] or BASELINE
    if intent.kind == releases.PROMOTION:
        return f"{version} is champion now, after {before}"
    if intent.kind == releases.ROLLBACK:
        return f"{version} is champion again, after {before}"
    return f"{version} is the anchor now, after {intent.body['from'] or 'none'}"


def _since(run: Run, intent: Entry) -> str:
    """Say how a version came to be champion, for MLflow's pages."""
    made = run.history.decision_on(str(intent.body["version"]))
    reason = str(intent.body.get("reason") or intent.body.get("forced") or "")
    words = f"{intent.at:%Y-%m-%d %H:%M} UTC{f': {clean(reason)}' if reason else ''}"
    if intent.kind == releases.ROLLBACK:
        return f"rolled back to on {words}"
    if made is None:
        return f"promoted on {words}"
    told = render(Decision.model_validate(made.body["decision"]), "lead").rstrip(".")
    return f"promoted on {words}. Decision {made.subject}: {told}"


def _write_end(run: Run, intent: Entry, back: str, exported: Mapping[str, Any]) -> None:
    """Write the last row; where it cannot be written, what the ledger does not know is not used."""
    act = releases.ACTS[intent.kind]
    body = {**intent.body, **exported, "ended_by": asked_by()}
    try:
        run.append(act.done, intent.subject, body, after=intent.number)
    except LedgerError:
        # a row may be there although its writer was told that it is not: look before going back
        if intent in run.history.opened.values():
            with contextlib.suppress(TrackingError):  # left open then: the next start ends it
                _return(run, intent, back)
        raise


def _return(run: Run, intent: Entry, back: str) -> None:
    """Undo the move, unless somebody has moved the alias on."""
    alias = releases.ACTS[intent.kind].alias
    if run.registry.version_of(alias) == intent.body["version"] != back:
        run.registry.point(alias, back)


def _give_up(run: Run, intent: Entry, back: str | None, reason: str) -> NoReturn:
    """Return the alias unless it was not moved (None), write the void row and raise."""
    act, version = releases.ACTS[intent.kind], intent.body["version"]
    if back is not None:
        _return(run, intent, back)
    history = run.history
    first = intent.kind == releases.PROMOTION and not history.anchor
    if first and run.registry.version_of(ANCHOR) == version:  # set by this very move
        run.registry.point(ANCHOR, "")
    body = {"version": version, "reason": reason, "asked_by": asked_by()}
    run.append(act.void, intent.subject, body, after=intent.number)
    end = "Run it again" if back is None else f"The {act.alias} is {back or BASELINE}"
    raise PromotionError(f"{version or BASELINE} {act.failed}; {reason}. {end}")


def rejection(run: Run, version: str) -> str:
    """Return who turned a version down and why, as tagged in MLflow; empty where nobody did."""
    tags = run.registry.tags_of(version)
    who, why = tags.get("rejected_by", "").strip(), tags.get("rejected_reason", "").strip()
    return f"rejected by {who}: {why or 'no reason given'}" if who else ""


def golden_fault(run: Run, version: str) -> str:
    """Load the version as a server would and score its golden rows; return what differs."""
    with tempfile.TemporaryDirectory() as scratch:
        return _fetched(run, version, Path(scratch))[0]


def _loaded(run: Run, intent: Entry) -> tuple[str, dict[str, Any]]:
    """Score a version's golden rows; export it where it is the champion that is to be served.

    Returns:
        What differs in the golden rows, and what the last row says of the export.
    """
    version = str(intent.body["version"])
    with tempfile.TemporaryDirectory() as scratch:
        fault, model = _fetched(run, version, Path(scratch))
        if fault or model is None or releases.ACTS[intent.kind].alias != CHAMPION:
            return fault, {}
        return "", export_champion(run, model)


def _fetched(run: Run, version: str, folder: Path) -> tuple[str, Model | None]:
    try:
        model = run.fetch(version, folder)
        return golden_difference(model), model
    except (ModelError, OSError, ValueError, KeyError) as error:  # half a parquet: ValueError
        return f"its golden rows cannot be scored: {error}", None
