"""Record a decision; promote, roll back and re-anchor so that no crash leaves it half done."""

import hashlib
from datetime import UTC, datetime
from typing import Any

from kpi_gate.decision.evidence import BASELINE
from kpi_gate.decision.verdict import Decision, Verdict
from kpi_gate.record import decision_run, ledger_view, registry
from kpi_gate.record.ledger import Entry
from kpi_gate.record.ledger_brief import stated
from kpi_gate.record.ledger_view import Releases
from kpi_gate.release.alias_move import (
    Outcome,
    PromotionError,
    asked_by,
    begin,
    finish,
    golden_fault,
    pointed,
    rejection,
)
from kpi_gate.workspace import Place

__all__ = [
    "Outcome",
    "PromotionError",
    "asked_by",
    "heal",
    "policy_hash",
    "promote",
    "reanchor",
    "record",
    "rollback",
    "waiting",
]
_STEPS = ("decision", "intent", "done", "void", "rollback")


def policy_hash(settings_json: str) -> str:
    """Hash a use case's YAML: everything that can change its decisions."""
    return hashlib.sha256(settings_json.encode()).hexdigest()[:16]


def record(
    place: Place,
    use_case: str,
    decision: Decision,
    content: decision_run.RunContent,
    facts: dict[str, Any],
) -> Entry:
    """Record a decision in MLflow and then in the ledger; recording it twice changes nothing.

    Raises:
        TrackingError: If MLflow cannot be reached; the ledger then holds nothing of it.
        LedgerError: If the ledger cannot be written.
    """
    ledger = place.ledger
    known = ledger.entries(use_case, "decision", decision.decision_id)
    if known:
        return _named(place, known[-1])
    recorded = decision_run.record_run(place, use_case, decision, content)
    body = {
        **facts,
        "verdict": decision.verdict.value,
        "sentence": decision.sentence,
        "reasons": [check.reason for check in decision.failed],
        "champion": decision.lineage.champion.name if decision.lineage else "",
        "version": f"v{recorded.version}" if recorded.version else "",
        "run_id": recorded.run_id,
        "asked_by": asked_by(),
        "decision": decision.model_dump(mode="json"),
    }
    return _named(place, ledger.append(use_case, "decision", decision.decision_id, body, after=0))


def _named(place: Place, entry: Entry) -> Entry:
    """Let the decision's run name its row in the ledger; return the row."""
    decision_run.name_row(place, entry.body["run_id"], entry.number, entry.hash)
    return entry


def promote(place: Place, entry: Entry, *, forced: str = "") -> Outcome:
    """Move the champion's alias to the decision's candidate: intent, move, golden rows, done.

    Args:
        place: Where files and services are.
        entry: The decision, as the ledger holds it.
        forced: Reason of a person who promotes against the verdict.

    Raises:
        PromotionError: If the verdict is not PROMOTE, or the evidence is stale by now.
        LedgerError: If the ledger is broken or cannot be written.
    """
    body, ledger, use_case = entry.body, place.ledger, entry.use_case
    version = str(body["version"])
    if body["verdict"] != Verdict.PROMOTE and not (forced and version):
        raise PromotionError(
            f"decision {entry.subject} is {body['verdict']}: it has nothing to promote"
        )
    uncounted = ledger_view.read(ledger.entries(use_case)).uncounted
    rows = ledger.entries(use_case, subject=entry.subject)
    last = [row for row in rows if row.kind in _STEPS and row.number not in uncounted][-1]
    if last.kind == "done":
        return Outcome(False, f"{version} was promoted by this decision before")
    if last.kind in ("void", "rollback") and not forced:
        return Outcome(False, _over(version, last), refused=True)
    if last.kind == "intent":
        return finish(place, ledger, last)
    rejected = rejection(place, use_case, version)
    if rejected:
        void = {"version": version, "reason": rejected, "asked_by": asked_by()}
        ledger.append(use_case, "void", entry.subject, void, after=rows[-1].number)
        return Outcome(False, f"the promotion was given up: {rejected}", refused=True)
    approval = _approval(place, entry)
    if approval is None:
        words = f"{version} waits for approval: set tag `approved_by` on it in MLflow"
        return Outcome(False, words)
    before = body["champion"] if body["champion"] != BASELINE else ""
    intent = {"version": version, "from": before, "forced": forced, **approval}
    return finish(place, ledger, begin(ledger, use_case, "intent", entry.subject, intent))


def _over(version: str, last: Entry) -> str:
    """Say why a decision promotes nothing any more, and what would."""
    if last.kind == "void":
        return f"the promotion was given up: {last.body['reason']}"
    return (
        f"nothing was promoted: {version} was rolled back on {last.at:%Y-%m-%d}: "
        f"{last.body['reason']}; retrain, or give --force with a --reason"
    )


def waiting(place: Place, use_case: str) -> list[Entry]:
    """Return the decisions whose promotion waits for a reviewer, oldest first.

    One that was measured against a champion of before waits no more: its evidence is stale.
    """
    entries = place.ledger.entries(use_case)
    said = ledger_view.read(entries)
    begun = {
        entry.subject
        for entry in entries
        if entry.kind in ("intent", "done", "void") and entry.number not in said.uncounted
    }
    asked = [
        entry
        for entry in entries
        if entry.kind == "decision"
        and entry.subject not in begun
        and entry.body["verdict"] == Verdict.PROMOTE
        and stated(entry.body, "decision.approval") == "required"
    ]
    champion = said.champion or BASELINE
    return [entry for entry in asked if entry.body["champion"] == champion]


def _approval(place: Place, entry: Entry) -> dict[str, str] | None:
    """Return who approved, and when that was seen; None where an approval is missing.

    MLflow keeps no time of a tag, so the time is when this process read it, in UTC.
    """
    if stated(entry.body, "decision.approval") != "required":
        return {"approved_by": "", "approved_seen_at": ""}
    tags = registry.tags_of(place, entry.use_case, entry.body["version"].removeprefix("v"))
    who = tags.get("approved_by", "").strip()
    seen = datetime.now(UTC).isoformat(timespec="seconds")
    return {"approved_by": who, "approved_seen_at": seen} if who else None


def heal(place: Place, use_case: str) -> list[Outcome]:
    """Finish or void what a crash left between an intent and its end, before anything new begins.

    Raises:
        LedgerError: If the ledger's chain is broken; nothing moves then.
    """
    ledger = place.ledger
    outcomes = []
    for intent in ledger_view.read(ledger.entries(use_case)).opened.values():
        try:
            outcomes.append(finish(place, ledger, intent))
        except PromotionError as error:  # voided, and said so in the ledger
            outcomes.append(Outcome(False, str(error)))
    return outcomes


def rollback(place: Place, use_case: str, reason: str) -> str:
    """Return the alias to the champion before; return its version, empty for the baseline.

    Raises:
        PromotionError: If there is no reason, or no promotion to take back.
        LedgerError: If the ledger is broken or cannot be written.
    """
    if not reason.strip():
        raise PromotionError("a rollback needs a reason: --reason '...'")
    heal(place, use_case)
    said = ledger_view.read(place.ledger.entries(use_case))
    if not said.standing:
        raise PromotionError(f"{use_case} has no promotion to roll back")
    current, previous = pointed(place, use_case, registry.CHAMPION), said.standing[-1].body["from"]
    if current not in ("", said.champion, previous):  # a lost alias is put back
        raise PromotionError(
            f"{use_case}@champion is {current} in MLflow, the ledger's is {said.champion}: "
            f"somebody moved the alias by hand; {ledger_view.remedy(use_case)}"
        )
    return go_back(place, use_case, said, reason)


def go_back(place: Place, use_case: str, said: Releases, reason: str) -> str:
    """Return to the newest champion before that can be used, at last to the baseline.

    Args:
        place: Where files and services are.
        use_case: Its name.
        said: Where the ledger's rows lead to; at least one promotion stands.
        reason: Why.

    Raises:
        PromotionError: If it had to be given up.
        LedgerError: If the ledger is broken or cannot be written.
    """
    last, passed_over, target = said.standing[-1], [], ""
    for done in reversed(said.standing):
        target = str(done.body["from"])
        fault = golden_fault(place, use_case, target) if target else ""
        if not fault:
            break
        passed_over.append(f"{target}: {fault}")
        target = ""
    body = {
        "version": target,
        "from": last.body["version"],
        "reason": reason.strip(),
        "passed_over": passed_over,
    }
    ledger = place.ledger
    finish(place, ledger, begin(ledger, use_case, ledger_view.ROLLBACK, last.subject, body))
    return target


def reanchor(place: Place, use_case: str, reason: str) -> str:
    """Make the champion the anchor that guardrails add up from; return its version.

    Raises:
        PromotionError: If there is no reason, or no champion that the ledger has decided on.
        LedgerError: If the ledger is broken or cannot be written.
    """
    if not reason.strip():
        raise PromotionError("an anchor needs a reason: --reason '...'")
    heal(place, use_case)
    said = ledger_view.read(place.ledger.entries(use_case))
    version, current = said.champion, pointed(place, use_case, registry.CHAMPION)
    if current != version:
        raise PromotionError(
            f"{use_case}@champion is {current or 'unset'} in MLflow, the ledger's is "
            f"{version or 'none'}; {ledger_view.remedy(use_case)}"
        )
    if not version:
        raise PromotionError(f"{use_case} has no champion to anchor to: the baseline is in use")
    fault = golden_fault(place, use_case, version)
    if fault:
        raise PromotionError(f"{version} cannot be the anchor: {fault}")
    anchor_to(place, use_case, version, reason)
    return version


def anchor_to(place: Place, use_case: str, version: str, reason: str) -> None:
    """Make the champion, or of none nobody, the anchor.

    Raises:
        PromotionError: If it had to be given up.
        LedgerError: If the ledger is broken or cannot be written.
    """
    ledger = place.ledger
    made = ledger_view.read(ledger.entries(use_case)).decision_on(version)
    subject = made.subject if made else BASELINE
    before = pointed(place, use_case, registry.ANCHOR)
    body = {"version": version, "from": before, "reason": reason.strip()}
    finish(place, ledger, begin(ledger, use_case, ledger_view.ANCHORING, subject, body))
