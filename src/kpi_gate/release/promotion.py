"""Promote, roll back and re-anchor so that no crash leaves it half done."""

from datetime import UTC, datetime

from kpi_gate.decision.evidence import BASELINE
from kpi_gate.decision.verdict import Verdict
from kpi_gate.record import releases
from kpi_gate.record.ledger import Entry
from kpi_gate.record.ledger_brief import stated
from kpi_gate.record.registered import ANCHOR, CHAMPION
from kpi_gate.release.alias_move import (
    PromotionError,
    asked_by,
    begin,
    finish,
    golden_fault,
    rejection,
)
from kpi_gate.run.context import Run
from kpi_gate.run.result import Outcome

__all__ = [
    "Outcome",
    "PromotionError",
    "asked_by",
    "promote",
    "reanchor",
    "recover",
    "rollback",
]
_STEPS = ("decision", "intent", "done", "void", "rollback")


def promote(run: Run, entry: Entry, *, forced: str = "") -> Outcome:
    """Move the champion's alias to the decision's candidate: intent, move, golden rows, done.

    Args:
        run: The use case.
        entry: The decision, as the ledger holds it.
        forced: Reason of a person who promotes against the verdict.

    Raises:
        PromotionError: If the verdict is not PROMOTE and no experiment that it asked for says
            ship, or the evidence is stale by now.
        LedgerError: If the ledger is broken or cannot be written.
    """
    body, version, history = entry.body, str(entry.body["version"]), run.history
    shown = history.shown_by_experiment(entry)
    if body["verdict"] != Verdict.PROMOTE and not (forced and version) and shown is None:
        raise PromotionError(
            f"decision {entry.subject} is {body['verdict']}: it has nothing to promote"
        )
    rows = [row for row in history.entries if row.subject == entry.subject]
    last = [row for row in rows if row.kind in _STEPS and row.number not in history.uncounted][-1]
    if last.kind == "done":
        return Outcome(False, f"{version} was promoted by this decision before")
    if last.kind in ("void", "rollback") and not forced:
        return Outcome(False, _over(version, last), refused=True)
    if last.kind == "intent":
        return finish(run, last)
    rejected = rejection(run, version)
    if rejected:
        void = {"version": version, "reason": rejected, "asked_by": asked_by()}
        run.append("void", entry.subject, void, after=rows[-1].number)
        return Outcome(False, f"the promotion was given up: {rejected}", refused=True)
    approval = _approval(run, entry)
    if approval is None:
        words = f"{version} waits for approval: set tag `approved_by` on it in MLflow"
        return Outcome(False, words)
    before = body["champion"] if body["champion"] != BASELINE else ""
    intent = {"version": version, "from": before, "forced": forced, **approval}
    if shown is not None:
        intent["experiment"] = shown.subject
    return finish(run, begin(run, releases.PROMOTION, entry.subject, intent))


def _over(version: str, last: Entry) -> str:
    """Say why a decision promotes nothing any more, and what would."""
    if last.kind == "void":
        return f"the promotion was given up: {last.body['reason']}"
    return (
        f"nothing was promoted: {version} was rolled back on {last.at:%Y-%m-%d}: "
        f"{last.body['reason']}; retrain, or give --force with a --reason"
    )


def _approval(run: Run, entry: Entry) -> dict[str, str] | None:
    """Return who approved, and when that was seen; None where an approval is missing.

    MLflow keeps no time of a tag, so the time is when this process read it, in UTC.
    """
    if stated(entry.body, "decision.approval") != "required":
        return {"approved_by": "", "approved_seen_at": ""}
    tags = run.registry.tags_of(entry.body["version"])
    who = tags.get("approved_by", "").strip()
    seen = datetime.now(UTC).isoformat(timespec="seconds")
    return {"approved_by": who, "approved_seen_at": seen} if who else None


def recover(run: Run) -> list[Outcome]:
    """Finish or void what a crash left between an intent and its end, before anything new begins.

    Raises:
        LedgerError: If the ledger's chain is broken; nothing moves then.
    """
    outcomes = []
    for intent in list(run.history.opened.values()):
        try:
            outcomes.append(finish(run, intent))
        except PromotionError as error:  # voided, and said so in the ledger
            outcomes.append(Outcome(False, str(error)))
    return outcomes


def rollback(run: Run, reason: str) -> str:
    """Return the alias to the champion before; return its version, empty for the baseline.

    Raises:
        PromotionError: If there is no reason, or no promotion to take back.
        LedgerError: If the ledger is broken or cannot be written.
    """
    if not reason.strip():
        raise PromotionError("a rollback needs a reason: --reason '...'")
    recover(run)
    history = run.history
    if not history.standing:
        raise PromotionError(f"{run.name} has no promotion to roll back")
    current, previous = (
        run.registry.version_of(CHAMPION),
        history.standing[-1].body["from"],
    )
    if current not in ("", history.champion, previous):  # a lost alias is put back
        raise PromotionError(
            f"{run.name}@champion is {current} in MLflow, the ledger's is {history.champion}: "
            f"somebody moved the alias by hand; {releases.remedy(run.name)}"
        )
    return go_back(run, reason)


def go_back(run: Run, reason: str) -> str:
    """Return to the newest champion before that can be used, at last to the baseline.

    Args:
        run: The use case; at least one promotion of it stands.
        reason: Why.

    Raises:
        PromotionError: If it had to be given up.
        LedgerError: If the ledger is broken or cannot be written.
    """
    standing = list(run.history.standing)
    last, passed_over, target = standing[-1], [], ""
    for done in reversed(standing):
        target = str(done.body["from"])
        fault = golden_fault(run, target) if target else ""
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
    finish(run, begin(run, releases.ROLLBACK, last.subject, body))
    return target


def reanchor(run: Run, reason: str) -> str:
    """Make the champion the anchor that guardrails add up from; return its version.

    Raises:
        PromotionError: If there is no reason, or no champion that the ledger has decided on.
        LedgerError: If the ledger is broken or cannot be written.
    """
    if not reason.strip():
        raise PromotionError("an anchor needs a reason: --reason '...'")
    recover(run)
    version, current = run.history.champion, run.registry.version_of(CHAMPION)
    if current != version:
        raise PromotionError(
            f"{run.name}@champion is {current or 'unset'} in MLflow, the ledger's is "
            f"{version or 'none'}; {releases.remedy(run.name)}"
        )
    if not version:
        raise PromotionError(
            f"{run.name} has no champion to anchor to: the rule of thumb is in use"
        )
    fault = golden_fault(run, version)
    if fault:
        raise PromotionError(f"{version} cannot be the anchor: {fault}")
    anchor_to(run, version, reason)
    return version


def anchor_to(run: Run, version: str, reason: str) -> None:
    """Make the champion, or of none nobody, the anchor.

    Raises:
        PromotionError: If it had to be given up.
        LedgerError: If the ledger is broken or cannot be written.
    """
    made = run.history.decision_on(version)
    subject = made.subject if made else BASELINE
    body = {
        "version": version,
        "from": run.registry.version_of(ANCHOR),
        "reason": reason.strip(),
    }
    finish(run, begin(run, releases.ANCHORING, subject, body))
