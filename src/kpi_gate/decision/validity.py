"""V0: is the evidence right (else INVALID), and is there enough of it (else INSUFFICIENT)?"""

from collections.abc import Iterator
from functools import partial

import numpy as np

from kpi_gate.decision.evidence import Contender, Evidence, Lineage, PairedRows
from kpi_gate.decision.gain import Gain
from kpi_gate.decision.objective import LARGEST, GateSettings, Objective
from kpi_gate.decision.verdict import Check, Verdict

MATURE = 0.95  # least share of known outcomes in a gate window

_wrong = partial(Check, rule="V0", failing=Verdict.INVALID)
_too_little = partial(Check, rule="V0", failing=Verdict.INSUFFICIENT_EVIDENCE)


def check_valid(evidence: Evidence, settings: GateSettings) -> Iterator[Check]:
    """Check that both sides were scored on the same fresh, mature, complete rows."""
    rows = evidence.rows
    yield _too_little(
        name="rows_present",
        passed=rows.size > 0,
        value=rows.size,
        bound=1,
        reason=f"{rows.size} decisions to compare, at least 1 is needed",
    )
    fault = rows.fault()
    yield _wrong(
        name="rows_readable",
        passed=not fault,
        reason=fault or "every row has a unit, a day and both values",
    )
    if not fault:
        yield from _check_rows(rows, settings)
    if evidence.lineage is not None:
        yield from _check_lineage(evidence.lineage, rows.size)


def _check_rows(rows: PairedRows, settings: GateSettings) -> Iterator[Check]:
    for side, values in (("champion", rows.champion), ("candidate", rows.candidate)):
        broken = int((~(np.abs(np.asarray(values, dtype=np.float64)) <= LARGEST)).sum())
        yield _wrong(
            name="values_finite",
            passed=broken == 0,
            value=broken,
            bound=0,
            reason=f"{broken} of {rows.size} rows of the {side} have no finite value "
            f"within {LARGEST:g}",
        )
    for column in sorted({str(rail.slice) for rail in settings.guardrails if rail.slice}):
        levels = rows.slices.get(column)
        blank = {level for level in set(() if levels is None else levels) if _is_blank(level)}
        holes = rows.size if levels is None else sum(map(blank.__contains__, levels))
        yield _wrong(
            name="slices_present",
            passed=levels is not None and holes == 0,
            value=holes,
            bound=0,
            reason=f"{holes} of {rows.size} rows have no {column}"
            if levels is not None
            else f"the evidence has no column {column}, which a guardrail names",
        )


def _is_blank(level: str | None) -> bool:
    return not level or level.isspace()


def _check_lineage(lineage: Lineage, rows: int) -> Iterator[Check]:
    window = lineage.window
    yield _wrong(
        name="same_snapshot",
        passed=bool(lineage.snapshot) and lineage.snapshot == lineage.scored_snapshot,
        reason=f"the run froze {lineage.snapshot[:12]}, both sides scored "
        f"{lineage.scored_snapshot[:12]}",
    )
    for side, words in (
        (lineage.champion, _champion_in_words(lineage.champion)),
        (lineage.candidate, "the candidate"),
    ):
        seen = side.seen_until()
        known = side.trained_until is not None or (side is lineage.champion and side.is_baseline)
        seen_days = 0.0 if seen is None else (seen - window.start).total_seconds() / 86_400
        past = "nothing" if seen is None else f"rows until {seen:%Y-%m-%d}"
        yield _wrong(
            name="window_fresh",
            passed=known and seen_days <= 0,
            value=max(seen_days, 0.0) if known else None,
            bound=0,
            reason=f"{words} has seen {past}; the gate window is {window}"
            if known
            else f"nobody says until when {words} was trained",
        )
    yield _wrong(
        name="no_shared_rows",
        passed=lineage.shared_rows == 0,
        value=lineage.shared_rows,
        bound=0,
        reason=f"{lineage.shared_rows} rows of the gate window were trained or tuned on",
    )
    yield _wrong(
        name="labels_mature",
        passed=rows == 0 or lineage.matured >= MATURE,
        value=lineage.matured,
        bound=MATURE,
        reason=f"{lineage.matured:.1%} of the window's outcomes are known, {MATURE:.0%} are needed",
    )
    yield _wrong(
        name="window_in_the_past",
        passed=window.end <= lineage.as_of,
        reason=f"the gate window {window} must end by {lineage.as_of:%Y-%m-%d}",
    )
    yield _too_little(
        name="window_long_enough",
        passed=window.days >= lineage.shortest_window_days,
        value=window.days,
        bound=lineage.shortest_window_days,
        reason=f"the gate window {window} holds {rows} fresh rows in {window.days:.0f} days, "
        f"{lineage.shortest_window_days:g} days are needed",
    )


def _champion_in_words(champion: Contender) -> str:
    if champion.is_baseline:
        return "the baseline"
    return f"the champion {'v' if champion.name.isdigit() else ''}{champion.name}"


def check_enough(gain: Gain, objective: Objective) -> Iterator[Check]:
    """Check that the interval of the gain can be believed."""
    yield _too_little(
        name="effective_units",
        passed=gain.effective_units >= objective.min_effective_units,
        value=gain.effective_units,
        bound=objective.min_effective_units,
        reason=f"{gain.effective_units:.0f} effective units differ, "
        f"{objective.min_effective_units} are needed",
    )
    yield _too_little(
        name="days",
        passed=gain.days >= objective.min_days,
        value=gain.days,
        bound=objective.min_days,
        reason=f"decisions of {gain.days} days, {objective.min_days} are needed to see how days "
        "differ",
    )
    yield _too_little(
        name="top_unit_share",
        passed=gain.top_unit_share <= objective.max_unit_share,
        value=gain.top_unit_share,
        bound=objective.max_unit_share,
        reason=f"one unit carries {gain.top_unit_share:.1%} of the absolute difference, "
        f"{objective.max_unit_share:.0%} is allowed",
    )
    yield _too_little(
        name="loss_events",
        passed=gain.losing_units >= objective.min_loss_events,
        value=gain.losing_units,
        bound=objective.min_loss_events,
        reason=f"{gain.losing_units} units lose, {objective.min_loss_events} are needed "
        "to see what rare losses cost",
    )
    # rare big losses: no resampling sees those that did not happen to occur (METHODS 1.3)
    yield _too_little(
        name="tail_skew",
        passed=gain.tail_skew >= -objective.max_tail_skew,
        value=gain.tail_skew,
        bound=-objective.max_tail_skew,
        reason=f"skewness of the mean {gain.tail_skew:+.2f}; below {-objective.max_tail_skew:g} "
        "the losses are too rare and too large for the interval",
    )


def rows_for_enough(gain: Gain, objective: Objective) -> int:
    """Return the decisions at which `check_enough` would pass if further ones are like these."""
    shortfalls = (
        (objective.min_effective_units, gain.effective_units),
        (objective.min_loss_events, gain.losing_units),
        (gain.top_unit_share, objective.max_unit_share),
        (gain.tail_skew**2 if gain.tail_skew < 0 else 0.0, objective.max_tail_skew**2),
    )
    most = max(needed / found for needed, found in shortfalls if found > 0)
    return int(np.ceil(gain.rows * most)) if most > 1 else 0
