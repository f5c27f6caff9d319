"""Forms of an answer: what was measured against its bound, and what a failure asks for."""

from functools import partial

from kpi_gate.decision.verdict import Check, Verdict

invalid = partial(Check, rule="V0", failing=Verdict.INVALID)
too_little = partial(Check, rule="V0", failing=Verdict.INSUFFICIENT_EVIDENCE)


def at_least(name: str, value: float, bound: float, reason: str) -> Check:
    """Ask for more evidence where a number is below its bound, or is none."""
    return too_little(
        name=name, passed=bool(value >= bound), value=value, bound=bound, reason=reason
    )


def at_most(name: str, value: float, bound: float, reason: str) -> Check:
    """Ask for more evidence where a number is above its bound, or is none."""
    return too_little(
        name=name, passed=bool(value <= bound), value=value, bound=bound, reason=reason
    )


def no_row(name: str, bad: int, rows: int, words: str) -> Check:
    """Refuse the evidence where any row is bad."""
    reason = f"{bad} of {rows} rows {words}"
    return invalid(name=name, passed=bad == 0, value=bad, bound=0, reason=reason)


def not_checked(
    name: str, why: str, *, value: float | None = None, bound: float | None = None
) -> Check:
    """Say why nothing is said: neither a pass nor a failure."""
    reason = f"not checked: {why}"
    return invalid(name=name, passed=None, value=value, bound=bound, reason=reason)


def left_open(check: Check, why: str) -> Check:
    """Return a check that keeps its numbers and says nothing of them."""
    return check.model_copy(update={"passed": None, "reason": f"not checked: {why}"})
