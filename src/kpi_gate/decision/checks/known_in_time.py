"""V0 of what the models read: is a column, or the candidate, the outcome itself?"""

from collections.abc import Iterator, Sequence

from kpi_gate.decision.checks.answers import invalid, too_little
from kpi_gate.decision.evidence import SCORE, Foreknowledge
from kpi_gate.decision.verdict import Check

NAME = "known_in_time"


def check_foreknowledge(found: Sequence[Foreknowledge]) -> Iterator[Check]:
    """Check that nothing that is read at the decision is the outcome; fails closed.

    Args:
        found: What was measured; empty where too few outcomes were known to measure anything.
    """
    if not found:
        reason = (
            "too few rows with either outcome are known to see whether a column is the outcome "
            "itself, 30 of each are needed"
        )
        yield too_little(name=NAME, passed=False, reason=reason)
        return
    # not `>=` alone: what is no number must not pass
    suspect = [one for one in found if not one.auc < one.bound]
    for one in suspect:
        reason = f"{_words(one)}; accepted: {one.accepted}"
        if not one.accepted:
            reason = (
                f"{_words(one)}, {one.bound} or more is no forecast but the outcome: is it known "
                "at event_time? If it is, say why in validation.leak_exceptions "
                f"({one.column}: ...)"
            )
        passed = bool(one.accepted)
        yield invalid(name=NAME, passed=passed, value=one.auc, bound=one.bound, reason=reason)
    if not suspect:
        best = max(found, key=lambda one: one.auc)
        reason = f"nothing that is read at the decision is the outcome; {_words(best)}"
        yield invalid(name=NAME, passed=True, value=best.auc, bound=best.bound, reason=reason)


def _words(one: Foreknowledge) -> str:
    who = "the candidate" if one.column == SCORE else f"{one.column} alone"
    return f"{who} ranks the outcomes of {one.rows} rows with AUC {one.auc:.3f}"
