"""Record a decision, and move the champion's alias so that no crash leaves it half done."""

import getpass
import hashlib
import socket
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from kpi_gate import usecases
from kpi_gate.decision.evidence import BASELINE
from kpi_gate.decision.verdict import Decision, Verdict
from kpi_gate.stores import registry, tracking
from kpi_gate.stores.ledger import Entry, Ledger
from kpi_gate.stores.models import GOLDEN_FILE, MODEL_FILE, ModelCard, ModelError, load_model
from kpi_gate.stores.settings import Place


class PromotionError(RuntimeError):
    """The alias was not moved; the message says why, and what to do."""


@dataclass(frozen=True)
class Outcome:
    """What became of a decision.

    Attributes:
        moved: Whether the champion's alias points to the candidate now.
        words: The same in a sentence.
    """

    moved: bool
    words: str


def asked_by() -> str:
    """Return who runs this process, for the record."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        user = "unknown"
    return f"{user}@{socket.gethostname()}"


def policy_hash(settings_json: str) -> str:
    """Hash a use case's YAML: everything that can change its decisions."""
    return hashlib.sha256(settings_json.encode()).hexdigest()[:16]


def record(
    place: Place,
    use_case: str,
    decision: Decision,
    content: tracking.RunContent,
    facts: dict[str, Any],
) -> Entry:
    """Record a decision in MLflow and then in the ledger; recording it twice changes nothing.

    Raises:
        TrackingError: If MLflow cannot be reached; the ledger then holds nothing of it.
        LedgerError: If the ledger cannot be written.
    """
    ledger = Ledger(place.ledger_url)
    known = ledger.entries(use_case, "decision", decision.decision_id)
    if known:
        return known[-1]
    recorded = tracking.record_run(place, use_case, decision, content)
    body = {
        **facts,
        "verdict": decision.verdict.value,
        "sentence": decision.sentence(),
        "reasons": [check.reason for check in decision.failed],
        "champion": decision.lineage.champion.name if decision.lineage else "",
        "version": f"v{recorded.version}" if recorded.version else "",
        "run_id": recorded.run_id,
        "asked_by": asked_by(),
        "decision": decision.model_dump(mode="json"),
    }
    return ledger.append(use_case, "decision", decision.decision_id, body)


def promote(place: Place, entry: Entry, *, forced: str = "") -> Outcome:
    """Move the champion's alias to the decision's candidate: intent, move, golden rows, done.

    Args:
        place: Where files and services are.
        entry: The decision, as the ledger holds it.
        forced: Reason of a person who promotes against the verdict.

    Raises:
        PromotionError: If the verdict is not PROMOTE, or the evidence is stale by now.
    """
    body, ledger = entry.body, Ledger(place.ledger_url)
    if body["verdict"] != Verdict.PROMOTE and not (forced and body["version"]):
        raise PromotionError(
            f"decision {entry.subject} is {body['verdict']}: it has nothing to promote"
        )
    steps = ledger.entries(entry.use_case, subject=entry.subject)
    last = steps[-1]
    if last.kind == "done":
        return Outcome(False, f"{body['version']} was promoted by this decision before")
    if last.kind in ("void", "rollback") and not forced:
        return Outcome(False, f"the promotion was given up: {last.body['reason']}")
    approver = _approver(place, entry)
    if body["decision"]["approval"] == "required" and not approver:
        words = f"{body['version']} waits for approval: set tag `approved_by` on it in MLflow"
        return Outcome(False, words)
    intent = {
        "version": body["version"],
        "from": body["champion"] if body["champion"] != BASELINE else "",
        "approved_by": approver,
        "asked_by": asked_by(),
        "forced": forced,
    }
    if last.kind != "intent":
        ledger.append(entry.use_case, "intent", entry.subject, intent)
    return _finish(place, ledger, entry.use_case, entry.subject, intent)


def heal(place: Place, use_case: str) -> list[Outcome]:
    """Finish or void what a crash left between intent and done, before anything new begins."""
    ledger = Ledger(place.ledger_url)
    outcomes = []
    for entry in _open_intents(ledger, use_case):
        try:
            outcomes.append(_finish(place, ledger, use_case, entry.subject, entry.body))
        except PromotionError as error:  # voided, and said so in the ledger
            outcomes.append(Outcome(False, str(error)))
    return outcomes


def rollback(place: Place, use_case: str, reason: str) -> str:
    """Return the alias to the champion before; return its version, empty for the baseline.

    Raises:
        PromotionError: If there is no reason, or no promotion to take back.
    """
    if not reason.strip():
        raise PromotionError("a rollback needs a reason: --reason '...'")
    heal(place, use_case)
    ledger = Ledger(place.ledger_url)
    entries = ledger.entries(use_case)
    undone = {entry.subject for entry in entries if entry.kind == "rollback"}
    done = [entry for entry in entries if entry.kind == "done" and entry.subject not in undone]
    if not done:
        raise PromotionError(f"{use_case} has no promotion to roll back")
    last = done[-1]
    current, previous = _alias(place, use_case), last.body["from"]
    if current not in ("", last.body["version"], previous):  # a lost alias is put back
        raise PromotionError(
            f"{use_case}@champion is {current or 'unset'}, the ledger's last promotion is "
            f"{last.body['version']}: somebody moved the alias by hand; set it back in MLflow first"
        )
    body = {
        "version": previous,
        "from": last.body["version"],
        "reason": reason,
        "asked_by": asked_by(),
    }
    fault = _golden_fault(place, use_case, previous) if previous else ""
    if fault:
        raise PromotionError(
            f"{previous} cannot be champion again: {fault}. The champion is {current or BASELINE}"
        )
    registry.point(place, use_case, registry.CHAMPION, previous.removeprefix("v"))
    ledger.append(use_case, "rollback", last.subject, body)
    return str(previous)


def _finish(place: Place, ledger: Ledger, use_case: str, subject: str, intent: Any) -> Outcome:
    """Carry an intent through: each step may be repeated after a crash."""
    version, before = str(intent["version"]), str(intent["from"])
    current = _alias(place, use_case)
    first = _open_intents(ledger, use_case)[0].subject  # the ledger's order decides who may move
    if current not in (before, version) or first != subject:
        rival = current or BASELINE if first == subject else f"decision {first} under way"
        reason = f"stale: measured against {before or BASELINE}, now there is {rival}"
        ledger.append(use_case, "void", subject, {"version": version, "reason": reason})
        raise PromotionError(f"{version} was not promoted; {reason}. Run retrain again")
    registry.point(place, use_case, registry.CHAMPION, version.removeprefix("v"))
    fault = _golden_fault(place, use_case, version)
    if fault:
        registry.point(place, use_case, registry.CHAMPION, before.removeprefix("v"))
        ledger.append(use_case, "void", subject, {"version": version, "reason": fault})
        raise PromotionError(
            f"{version} was not promoted; {fault}. The champion is {before or BASELINE}"
        )
    if not registry.version_of(place, use_case, registry.ANCHOR):
        registry.point(place, use_case, registry.ANCHOR, version.removeprefix("v"))
    ledger.append(use_case, "done", subject, dict(intent))
    return Outcome(True, f"{version} is champion now, after {before or BASELINE}")


def _open_intents(ledger: Ledger, use_case: str) -> list[Entry]:
    opened: dict[str, Entry] = {}
    for entry in ledger.entries(use_case):
        if entry.kind == "intent":
            opened[entry.subject] = entry
        elif entry.kind != "decision":
            opened.pop(entry.subject, None)
    return list(opened.values())


def _golden_fault(place: Place, use_case: str, version: str) -> str:
    """Load the version as a server would and score its golden rows; return what differs."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        try:
            trusted = usecases.load(use_case).trusted_types
            card = registry.fetch(place, use_case, version.removeprefix("v"), folder, trusted)
            golden = pd.read_parquet(folder / GOLDEN_FILE)
            return _differs(card, load_model(folder / MODEL_FILE, trusted), golden)
        except (ModelError, OSError) as error:
            return f"its golden rows cannot be scored: {error}"


def _differs(card: ModelCard, estimator: Any, golden: pd.DataFrame) -> str:
    from kpi_gate.learning.scoring import ScoringError, probabilities

    try:
        scored = probabilities(estimator, golden, card.features)
    except ScoringError as error:
        return f"its golden rows cannot be scored: {error}"
    wrong = int((scored != golden["golden_probability"].to_numpy()).sum())
    return (
        f"{wrong} of {len(golden)} golden rows score differently" if wrong or golden.empty else ""
    )


def _alias(place: Place, use_case: str) -> str:
    version = registry.version_of(place, use_case, registry.CHAMPION)
    return f"v{version}" if version else ""


def _approver(place: Place, entry: Entry) -> str:
    if entry.body["decision"]["approval"] != "required":
        return ""
    version = entry.body["version"].removeprefix("v")
    return registry.tag_of(place, entry.use_case, version, "approved_by")
