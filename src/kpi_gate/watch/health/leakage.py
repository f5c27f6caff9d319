"""Features that know too much of the outcome, or suddenly something else: one-feature AUCs."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

import numpy as np

from kpi_gate.decision.evidence import KNOWS
from kpi_gate.learning.leakage import LEAST_EVENTS, Auc
from kpi_gate.watch.finding import Finding, data_finding, severe_from

LEAST_JUMP, SEVERE_JUMP = 0.08, 0.20  # of the AUC, since the last time
ERRORS = 4.5  # standard errors that a jump must exceed
AHEAD = 0.25  # lead of the best feature over the next, which is worth a look


def check_leakage(
    now: Mapping[str, Auc] | None,
    earlier: Mapping[str, Auc] | None,
    accepted: Mapping[str, str] = MappingProxyType({}),
) -> list[Finding]:
    """Return features that know the outcome, and those that rank it otherwise than the last time.

    A rise is a leak until it is explained. A fall, or a change of sides, is a feature that broke or
    changed its sign: columns alone cannot show it.

    Args:
        now: AUC of each feature alone; None where too few outcomes are known.
        earlier: The same the last time; None where there was none.
        accepted: Why a person accepts that a column ranks nearly all outcomes, by column.
    """
    if not now:
        words = f"fewer than {LEAST_EVENTS} rows have either outcome: leaks cannot be seen yet"
        return [data_finding("leakage", "note", words, 0.0, LEAST_EVENTS)]
    found = [*_knowing(now, accepted), *_ahead(now if earlier is None else {})]
    for name, before in (earlier or {}).items():
        if name in now and not any(finding.column == name for finding in found):
            found += _changed(name, before, now[name])
    return found


def _knowing(now: Mapping[str, Auc], accepted: Mapping[str, str]) -> Iterator[Finding]:
    for name, (area, _) in now.items():
        if max(area, 1 - area) >= KNOWS:
            told = f"{name} alone ranks the outcomes with AUC {area:.3f}"
            if name in accepted:
                words = f"{told}; accepted: {accepted[name]}"
                yield data_finding("leakage", "note", words, area, KNOWS, name)
            else:
                words = f"{told}, {KNOWS} or more is no feature but the outcome"
                yield data_finding("leakage", "severe", words, area, KNOWS, name)


def _ahead(now: Mapping[str, Auc]) -> Iterator[Finding]:
    """Yield the best feature of a first look, which has no earlier one, if it is far ahead."""
    order = sorted(now, key=lambda name: -abs(now[name].auc - 0.5))
    if len(order) < 2:
        return
    best, second = (abs(now[name].auc - 0.5) for name in order[:2])
    if best - second >= AHEAD and best + 0.5 < KNOWS:
        words = (
            f"{order[0]} alone ranks the outcomes with AUC {now[order[0]].auc:.3f}, the next best, "
            f"{order[1]}, with {now[order[1]].auc:.3f}: is it known at event_time?"
        )
        bound = second + 0.5 + AHEAD
        yield data_finding("leakage", "warning", words, best + 0.5, bound, order[0])


def _changed(name: str, before: Auc, now: Auc) -> Iterator[Finding]:
    """Yield a jump beyond its error; a feature's own direction does not matter, its turn does."""
    was, is_now = before.auc - 0.5, now.auc - 0.5
    rise = abs(is_now) - abs(was)
    least = max(LEAST_JUMP, ERRORS * float(np.hypot(before.error, now.error)))
    if abs(now.auc - before.auc) < least:
        return
    told = f"{name} alone ranks the outcomes with AUC {now.auc:.3f}, {before.auc:.3f} the last time"
    if rise >= least:
        words, severity = f"{told}: it may know the outcome", severe_from(SEVERE_JUMP, rise)
        yield data_finding("leakage", severity, words, now.auc, before.auc + least, name)
        return
    turned = is_now * was < 0 and min(abs(is_now), abs(was)) > least / 2
    check, how = ("turned", "turned round") if turned else ("weaker", "tells less")
    yield data_finding(check, "warning", f"{told}: it {how}", now.auc, before.auc - least, name)
