"""V0 of the slices: is every level that was trained on still there to be judged?"""

from collections import Counter
from collections.abc import Iterator, Mapping

from kpi_gate.decision.checks.answers import too_little
from kpi_gate.decision.evidence import Evidence
from kpi_gate.decision.objective import Guardrail
from kpi_gate.decision.verdict import Check

MOST_NAMED = 5  # levels that a sentence names


def check_levels(evidence: Evidence, guardrail: Guardrail) -> Check:
    """Check that the gate window shows every level with a share of the training rows.

    A level that came or came back is told, and tested as any other.
    """
    trained = _trained_levels(evidence, guardrail)
    here = Counter(map(str, evidence.rows.slices[str(guardrail.slice)]))
    absent = {
        level: share
        for level, share in trained.items()
        if share >= guardrail.min_share and level not in here and level not in guardrail.retired
    }
    return too_little(
        name=f"levels {guardrail.slice}",
        passed=not absent if trained else None,
        value=max(absent.values(), default=0.0) if trained else None,
        bound=guardrail.min_share,
        reason="; ".join(_told(guardrail, trained, here, absent)),
    )


def _told(
    guardrail: Guardrail,
    trained: Mapping[str, float],
    here: Mapping[str, int],
    absent: Mapping[str, float],
) -> Iterator[str]:
    """Yield what has come to the column or come back, then what is missing."""
    column, least = guardrail.slice, f"{guardrail.min_share:.0%}"
    back = [f"{level} ({here[level]} rows)" for level in guardrail.retired if level in here]
    if back:
        yield f"back though declared retired: {_some(back)}"
    known = {*trained, *guardrail.retired}
    new = [f"{level} ({count} rows)" for level, count in here.items() if level not in known]
    if trained and new:
        yield f"never trained on: {_some(new)}"
    if not trained:
        yield f"not checked: nobody says which levels of {column} the candidate was trained on"
    elif absent:
        named = [f"{level} ({share:.1%} of the training rows)" for level, share in absent.items()]
        yield (
            f"the gate window has no row of {column} {_some(named)}: nobody can say what the "
            f"candidate does there. From {least} on a level must be there; list it under "
            "`retired` if it is gone"
        )
    else:
        yield f"every level of {column} with {least} of the training rows is there"


def _trained_levels(evidence: Evidence, guardrail: Guardrail) -> Mapping[str, float]:
    """Return the share of each level among the training rows: as counted, or as people say."""
    lineage = evidence.lineage
    counted = lineage.trained_levels.get(str(guardrail.slice)) if lineage is not None else None
    return counted or guardrail.levels


def _some(named: list[str]) -> str:
    more = len(named) - MOST_NAMED
    return ", ".join(named[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
