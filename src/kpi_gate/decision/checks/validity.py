"""V0, first half: is the evidence right? Else the verdict is INVALID, whatever it shows."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import partial

import numpy as np
from scipy.special import bdtrc

from kpi_gate.decision.checks.known_in_time import check_foreknowledge
from kpi_gate.decision.checks.rows import check_money, check_rows, check_weights
from kpi_gate.decision.evidence import (
    Contender,
    Evidence,
    Lineage,
    PairedRows,
    fingerprint,
)
from kpi_gate.decision.objective import GateSettings
from kpi_gate.decision.verdict import Check, Verdict

MATURE = 0.95  # least share of known outcomes in a gate window
CHANCE = 0.01  # from there on that so many outcomes are missing is no chance

_wrong = partial(Check, rule="V0", failing=Verdict.INVALID)
_too_little = partial(Check, rule="V0", failing=Verdict.INSUFFICIENT_EVIDENCE)
_unasked = partial(Check, rule="V0", passed=None, failing=Verdict.INVALID)


def check_valid(
    evidence: Evidence, settings: GateSettings, tick: datetime | None = None
) -> Iterator[Check]:
    """Check that both sides were scored on the same fresh, mature, complete rows.

    Args:
        evidence: What was measured.
        settings: Objective, guardrails and estimator.
        tick: Moment for which the decision is asked; None where nobody says.
    """
    rows = evidence.rows
    yield _too_little(
        name="rows_present",
        passed=rows.size > 0,
        value=rows.size,
        bound=1,
        reason=f"{rows.size} decisions to compare, at least 1 is needed",
    )
    fault = "; ".join(filter(None, (rows.fault(), *evidence.faults)))
    yield _wrong(
        name="rows_readable",
        passed=not fault,
        reason=fault
        or f"every row has a unit{', a day' if rows.day is not None else ''} and both values",
    )
    if not fault:
        yield from check_rows(rows, settings)
        yield from check_money(rows, settings.estimator)
    yield from check_weights(evidence.diagnostics, settings.estimator)
    if evidence.foreknowledge is not None:
        yield from check_foreknowledge(evidence.foreknowledge)
    if evidence.lineage is not None:
        yield from _check_lineage(evidence.lineage, rows, tick)
        yield from _check_origin(evidence.lineage, rows, fault)
    elif rows.size:
        yield from _without_lineage(tick)


def _without_lineage(tick: datetime | None) -> Iterator[Check]:
    """Say of rows that come from nowhere what was not checked; a tick must know its rows."""
    if tick is not None:
        yield _wrong(
            name="evidence_of_this_tick",
            passed=False,
            reason=f"the evidence does not say of which moment it is, the decision is asked for "
            f"{tick:%Y-%m-%d %H:%M}",
        )
    unsaid = "not checked: nobody says "
    yield _unasked(name="window_fresh", reason=f"{unsaid}until when both models were trained")
    yield _unasked(name="labels_mature", reason=f"{unsaid}when outcomes are known")


def _check_lineage(lineage: Lineage, rows: PairedRows, tick: datetime | None) -> Iterator[Check]:
    """Check that the window is fresh for both sides, recent, and long enough."""
    window = lineage.window
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
        name="window_in_the_past",
        passed=window.end <= lineage.as_of,
        reason=f"the gate window {window} must end by {lineage.as_of:%Y-%m-%d}",
    )
    if lineage.tolerated or lineage.set_aside:
        yield _wrong(
            name="rows_set_aside",
            passed=lineage.set_aside <= lineage.tolerated,  # NaN is not
            value=lineage.set_aside if np.isfinite(lineage.set_aside) else None,
            bound=lineage.tolerated,
            reason=f"{lineage.set_aside:.2%} of the rows broke a rule and were left out, "
            f"{lineage.tolerated:.2%} are tolerated",
        )
    yield _wrong(
        name="evidence_of_this_tick",
        passed=None if tick is None else lineage.as_of == tick,
        reason="not checked: nobody says for which moment the decision is asked"
        if tick is None
        else f"the evidence is of {lineage.as_of:%Y-%m-%d %H:%M}, the decision is asked for "
        f"{tick:%Y-%m-%d %H:%M}",
    )
    if lineage.label_delay_days is not None:
        # a window with nothing fresh in it ends where it begins, and is too short instead
        late = (lineage.as_of - window.end).total_seconds() / 86_400 - lineage.label_delay_days
        yield _wrong(
            name="window_recent",
            passed=bool(0 <= late < 1) or window.days <= 0,
            value=late if np.isfinite(late) else None,
            bound=1.0,
            reason=f"the gate window {window} ends {late:.1f} days before the newest outcome that "
            "can be known, 0 to 1 is allowed",
        )
    else:
        yield _unasked(
            name="window_recent",
            reason="not checked: nobody says after how many days an outcome is known",
        )
    yield _too_little(
        name="window_long_enough",
        passed=window.days >= lineage.shortest_window_days
        if lineage.shortest_window_days
        else None,
        value=window.days,
        bound=lineage.shortest_window_days,
        reason=f"the gate window {window} holds {rows.size} fresh rows in {window.days:.0f} days, "
        f"{lineage.shortest_window_days:g} days are needed"
        if lineage.shortest_window_days
        else "not checked: nobody says how long the window must be",
    )


def _check_origin(lineage: Lineage, rows: PairedRows, fault: str) -> Iterator[Check]:
    """Check that the rows are those of the window, and new to both sides."""
    scored = lineage.scored_snapshot
    yield _wrong(
        name="same_snapshot",
        passed=None if scored is None else lineage.snapshot == scored != "",
        reason="not checked: nobody says which rows both sides scored"
        if scored is None
        else f"the run froze {lineage.snapshot[:12]}, both sides scored {scored[:12]}",
    )
    shared = lineage.shared_rows
    yield _wrong(
        name="no_shared_rows",
        passed=None if shared is None else shared == 0,
        value=shared,
        bound=0,
        reason="not checked: the rows that both sides have trained on are not at hand"
        if shared is None
        else f"{shared} rows of the gate window were trained or tuned on",
    )
    yield _check_labels(lineage, rows)
    if fault:
        return
    if lineage.row_fingerprint is None:
        return  # the window was drawn around the rows
    if rows.time is not None:
        start, end = (int(t.timestamp() * 1e6) for t in (lineage.window.start, lineage.window.end))
        outside = int(((rows.time < start) | (rows.time >= end)).sum())
        yield _wrong(
            name="rows_in_window",
            passed=outside == 0,
            value=outside,
            bound=0,
            reason=f"{outside} of {rows.size} rows lie outside the gate window {lineage.window}",
        )
    if rows.key is not None:
        found = fingerprint(rows.key)
        yield _wrong(
            name="rows_as_fingerprinted",
            passed=found == lineage.row_fingerprint,
            reason=f"the rows' fingerprint is {found}, the lineage says {lineage.row_fingerprint}",
        )


def _check_labels(lineage: Lineage, rows: PairedRows) -> Check:
    """Check that outcomes are known; that few of few are late is no fault, but too little."""
    known, missing = lineage.matured, _missing(lineage.missing_labels)
    if known is None:
        return _unasked(
            name="labels_mature",
            reason="not checked: nobody says how many outcomes are not known yet",
        )
    due = rows.size / known if known > 0 else 0.0
    late = due - rows.size
    chance = not missing and late >= 1 and bdtrc(round(late) - 1, round(due), 1 - MATURE) >= CHANCE
    return Check(
        name="labels_mature",
        rule="V0",
        passed=not missing and (rows.size == 0 or known >= MATURE),
        value=known,
        bound=MATURE,
        reason=f"{known:.1%} of the window's outcomes are known, {MATURE:.0%} are needed{missing}",
        failing=Verdict.INSUFFICIENT_EVIDENCE if chance else Verdict.INVALID,
    )


def _missing(by_day: Mapping[str, int]) -> str:
    """Say how many outcomes of which days are missing; empty where none are."""
    if not by_day:
        return ""
    first, last = min(by_day), max(by_day)
    days = f"of {first}" if first == last else f"of {len(by_day)} days from {first} to {last}"
    count = sum(by_day.values())
    return f" on each day: {count} outcomes {days} are due and missing; see where labels come from"


def _champion_in_words(champion: Contender) -> str:
    if champion.is_baseline:
        return "the baseline"
    if champion.name == "champion":
        return "the champion"
    return f"the champion {'v' if champion.name.isdigit() else ''}{champion.name}"
