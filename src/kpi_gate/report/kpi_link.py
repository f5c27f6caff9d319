"""V3 as it is shown: a link to the KPI without a history is advisory, and has not passed."""

from kpi_gate.decision.verdict import Check, Decision

UNLINKED = "not linked yet (advisory)"
NO_HISTORY = "no (offline, online) history yet"


def as_shown(decision: Decision) -> Decision:
    """Return the decision with a link that has no history as left open; its verdict stays."""
    checks = tuple(_open(check) if _is_advisory(check) else check for check in decision.checks)
    return decision if checks == decision.checks else decision.model_copy(update={"checks": checks})


def is_unlinked(check: Check) -> bool:
    """Whether a check, as it is shown, is of a link that nothing has shown yet."""
    return check.rule == "V3" and check.passed is None and check.reason.startswith(UNLINKED)


def _is_advisory(check: Check) -> bool:
    return check.rule == "V3" and check.passed is True and NO_HISTORY in check.reason


def _open(check: Check) -> Check:
    reason = f"{UNLINKED}: {check.reason.partition(': ')[2] or check.reason}"
    return check.model_copy(update={"passed": None, "reason": reason})
