"""V0, first half: is the evidence right? Else the verdict is INVALID, whatever it shows."""

from collections.abc import Iterator, Mapping
from datetime import datetime

import numpy as np
from scipy.special import bdtrc

from kpi_gate.decision.checks.answers import (
    at_least,
    invalid,
    left_open,
    no_row,
    not_checked,
    too_little,
)
from kpi_gate.decision.checks.known_in_time import check_foreknowledge
from kpi_gate.decision.checks.rows import check_money, check_rows, check_weights
from kpi_gate.decision.evidence import Contender, Evidence, Lineage
from kpi_gate.decision.fingerprint import fingerprint
from kpi_gate.decision.objective import GateSettings
from kpi_gate.decision.paired_rows import PairedRows
from kpi_gate.decision.verdict import Check
from kpi_gate.text import finite

MATURE = 0.95  # least share of known outcomes in a gate window
CHANCE = 0.01  # from there on that so many outcomes are missing is no chance


def check_valid(
    evidence: Evidence, settings: GateSettings, tick: datetime | None = None
) -> Iterator[Check]:
    """Check that both sides were scored on the same fresh, mature, complete rows.

    Args:
        evidence: What was measured.
        settings: Objective, guardrails and estimator.
        tick: Moment for which the decision is asked; None where nobody says.
    """
    rows, lineage = evidence.rows, evidence.lineage
    words = f"{rows.size} decisions to compare, at least 1 is needed"
    yield at_least("rows_present", rows.size, 1, words)
    fault = "; ".join(filter(None, (rows.fault(), _history_fault(evidence), *evidence.faults)))
    day = ", a day" if rows.day is not None else ""
    words = fault or f"every row has a unit{day} and both values"
    yield invalid(name="rows_readable", passed=not fault, reason=words)
    if not fault:
        yield from check_rows(rows, settings)
        yield from check_money(rows, settings.estimator)
    yield from check_weights(evidence.diagnostics, settings.estimator)
    if evidence.foreknowledge is not None:
        yield from check_foreknowledge(evidence.foreknowledge)
    if lineage is not None:
        yield _check_fresh(lineage.champion, _champion_in_words(lineage.champion), lineage)
        yield _check_fresh(lineage.candidate, "the candidate", lineage)
        yield from _check_window(lineage, rows, tick)
        yield from _check_origin(lineage)
        yield _check_labels(lineage, rows)
        if not fault and lineage.row_fingerprint is not None:  # else it was drawn around the rows
            yield from _check_drawn(lineage, rows, lineage.row_fingerprint)
    elif rows.size:
        yield from _without_lineage(tick)


def _history_fault(evidence: Evidence) -> str:
    """Say what is wrong with the days before the window; empty where nothing is."""
    history, day = evidence.history, evidence.rows.day
    if history is None:
        return ""
    fault = history.fault()
    if not fault and history.days.size and day is not None and np.size(day):
        fault = "they reach into it" if history.days[-1] >= np.min(day) else ""
    return f"days before the window: {fault}" if fault else ""


def _without_lineage(tick: datetime | None) -> Iterator[Check]:
    """Say of rows that come from nowhere what was not checked; a tick must know its rows."""
    if tick is not None:
        words = "the evidence does not say of which moment it is, the decision is asked for"
        reason = f"{words} {tick:%Y-%m-%d %H:%M}"
        yield invalid(name="evidence_of_this_tick", passed=False, reason=reason)
    yield not_checked("window_fresh", "nobody says until when both models were trained")
    yield not_checked("labels_mature", "nobody says when outcomes are known")


def _check_fresh(side: Contender, words: str, lineage: Lineage) -> Check:
    """Check that a side has seen no row of the window."""
    window, seen = lineage.window, side.seen_until()
    if side.trained_until is None and not (side is lineage.champion and side.is_baseline):
        reason = f"nobody says until when {words} was trained"
        return invalid(name="window_fresh", passed=False, bound=0, reason=reason)
    days = 0.0 if seen is None else (seen - window.start).total_seconds() / 86_400
    past = "nothing" if seen is None else f"rows until {seen:%Y-%m-%d}"
    return invalid(
        name="window_fresh",
        passed=days <= 0,
        value=max(days, 0.0),
        bound=0,
        reason=f"{words} has seen {past}; the gate window is {window}",
    )


def _check_window(lineage: Lineage, rows: PairedRows, tick: datetime | None) -> Iterator[Check]:
    """Check that the window is of this tick, recent, and long enough."""
    window = lineage.window
    yield invalid(
        name="window_in_the_past",
        passed=window.end <= lineage.as_of,
        reason=f"the gate window {window} must end by {lineage.as_of:%Y-%m-%d}",
    )
    if lineage.tolerated or lineage.set_aside:
        yield invalid(
            name="rows_set_aside",
            passed=lineage.set_aside <= lineage.tolerated,  # NaN is not
            value=finite(lineage.set_aside),
            bound=lineage.tolerated,
            reason=f"{lineage.set_aside:.2%} of the rows broke a rule and were left out, "
            f"{lineage.tolerated:.2%} are tolerated",
        )
    if tick is None:
        why = "nobody says for which moment the decision is asked"
        yield not_checked("evidence_of_this_tick", why)
    else:
        yield invalid(
            name="evidence_of_this_tick",
            passed=lineage.as_of == tick,
            reason=f"the evidence is of {lineage.as_of:%Y-%m-%d %H:%M}, the decision is asked for "
            f"{tick:%Y-%m-%d %H:%M}",
        )
    yield _check_recent(lineage)
    needed = lineage.shortest_window_days
    words = f"the gate window {window} holds {rows.size} fresh rows in {window.days:.0f} days"
    reason = f"{words}, {needed:g} days are needed"
    check = at_least("window_long_enough", window.days, needed, reason)
    yield check if needed else left_open(check, "nobody says how long the window must be")


def _check_recent(lineage: Lineage) -> Check:
    window = lineage.window
    if lineage.label_delay_days is None:
        return not_checked("window_recent", "nobody says after how many days an outcome is known")
    # a window with nothing fresh in it ends where it begins, and is too short instead
    late = (lineage.as_of - window.end).total_seconds() / 86_400 - lineage.label_delay_days
    return invalid(
        name="window_recent",
        passed=bool(0 <= late < 1) or window.days <= 0,
        value=finite(late),
        bound=1.0,
        reason=f"the gate window {window} ends {late:.1f} days before the newest outcome that "
        "can be known, 0 to 1 is allowed",
    )


def _check_origin(lineage: Lineage) -> Iterator[Check]:
    """Check that both sides scored the rows that the run froze, and had seen none of them."""
    scored, shared = lineage.scored_snapshot, lineage.shared_rows
    if scored is None:
        yield not_checked("same_snapshot", "nobody says which rows both sides scored")
    else:
        yield invalid(
            name="same_snapshot",
            passed=lineage.snapshot == scored != "",
            reason=f"the run froze {lineage.snapshot[:12]}, both sides scored {scored[:12]}",
        )
    if shared is None:
        why = "the rows that both sides have trained on are not at hand"
        yield not_checked("no_shared_rows", why, bound=0)
    else:
        yield invalid(
            name="no_shared_rows",
            passed=shared == 0,
            value=shared,
            bound=0,
            reason=f"{shared} rows of the gate window were trained or tuned on",
        )


def _check_drawn(lineage: Lineage, rows: PairedRows, drawn: str) -> Iterator[Check]:
    """Check that the rows are those that were drawn from the window."""
    window = lineage.window
    if rows.time is not None:
        start, end = (int(t.timestamp() * 1e6) for t in (window.start, window.end))
        outside = int(((rows.time < start) | (rows.time >= end)).sum())
        words = f"lie outside the gate window {window}"
        yield no_row("rows_in_window", outside, rows.size, words)
    if rows.key is not None:
        found = fingerprint(rows.key)
        words = f"the rows' fingerprint is {found}, the lineage says {drawn}"
        yield invalid(name="rows_as_fingerprinted", passed=found == drawn, reason=words)


def _check_labels(lineage: Lineage, rows: PairedRows) -> Check:
    """Check that outcomes are known; that few of few are late is no fault, but too little."""
    known, missing = lineage.matured, _missing(lineage.missing_labels)
    if known is None:
        return not_checked("labels_mature", "nobody says how many outcomes are not known yet")
    due = rows.size / known if known > 0 else 0.0
    late = due - rows.size
    chance = not missing and late >= 1 and bdtrc(round(late) - 1, round(due), 1 - MATURE) >= CHANCE
    ask = too_little if chance else invalid
    return ask(
        name="labels_mature",
        passed=not missing and (rows.size == 0 or known >= MATURE),
        value=known,
        bound=MATURE,
        reason=f"{known:.1%} of the window's outcomes are known, {MATURE:.0%} are needed{missing}",
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
        return "the rule of thumb"
    if champion.name == "champion":
        return "the champion"
    return f"the champion {'v' if champion.name.isdigit() else ''}{champion.name}"
