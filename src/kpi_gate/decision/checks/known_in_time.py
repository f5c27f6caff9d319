"""V0 of what the models read: is a column, or the candidate, the outcome itself?"""

from collections.abc import Iterator, Sequence
from functools import partial

from kpi_gate.decision.foreknowledge import SCORE, Foreknowledge
from kpi_gate.decision.verdict import Check, Verdict

_wrong = partial(Check, name="known_in_time", rule="V0", failing=Verdict.INVALID)
_too_little = partial(Check, name="known_in_time", rule="V0", failing=Verdict.INSUFFICIENT_EVIDENCE)


def check_foreknowledge(found: Sequence[Foreknowledge]) -> Iterator[Check]:
    """Check that nothing that is read at the decision is the outcome; fails closed.

    Args:
        found: What was measured; empty where too few outcomes were known to measure anything.
    """
    if not found:
        yield _too_little(
            passed=False,
            reason="too few rows with either outcome are known to see whether a column is the "
            "outcome itself, 30 of each are needed",
        )
        return
    # not `>=` alone: what is no number must not pass
    suspect = [one for one in found if not one.auc < one.bound]
    for one in suspect:
        yield _wrong(
            passed=bool(one.accepted),
            value=one.auc,
            bound=one.bound,
            reason=f"{_words(one)}; accepted: {one.accepted}"
            if one.accepted
            else f"{_words(one)}, {one.bound} or more is no forecast but the outcome: is it known "
            f"at event_time? If it is, say why in validation.leak_exceptions ({one.column}: ...)",
        )
    if not suspect:
        best = max(found, key=lambda one: one.auc)
        yield _wrong(
            passed=True,
            value=best.auc,
            bound=best.bound,
            reason=f"nothing that is read at the decision is the outcome; {_words(best)}",
        )


def _words(one: Foreknowledge) -> str:
    who = "the candidate" if one.column == SCORE else f"{one.column} alone"
    return f"{who} ranks the outcomes of {one.rows} rows with AUC {one.auc:.3f}"
