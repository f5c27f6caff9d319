"""Features that know too much of the outcome, or suddenly something else: one-feature AUCs."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

import numpy as np
import pandas as pd

from kpi_gate.decision.foreknowledge import KNOWS
from kpi_gate.learning.leakage import LEAST_EVENTS, Auc, column_aucs
from kpi_gate.usecase.contract import UseCase
from kpi_gate.watch.finding import Finding, Severity
from kpi_gate.watch.health.finding import data_finding

LEAST_JUMP, SEVERE_JUMP = 0.08, 0.20  # of the AUC, since the last time
ERRORS = 4.5  # standard errors that a jump must exceed
AHEAD = 0.25  # lead of the best feature over the next, which is worth a look


def feature_aucs(
    rows: pd.DataFrame, features: Sequence[str], use_case: UseCase
) -> dict[str, Auc] | None:
    """Return the AUC of each feature alone; None where fewer than 30 rows have either outcome.

    A category is ranked by the outcome rate of its levels, taken from the other half of the rows.

    Args:
        rows: Rows; those whose outcome is not known yet are left out, and the newest 50,000 used.
        features: Their columns.
        use_case: Tells numbers from categories.
    """
    kinds = {feature.name: feature.kind for feature in use_case.features}
    return column_aucs(rows, {name: kinds.get(name, "number") for name in features})


def check_leakage(
    rows: pd.DataFrame,
    features: Sequence[str],
    use_case: UseCase,
    earlier: Mapping[str, Auc] | None,
) -> list[Finding]:
    """Return features that know the outcome, and those that rank it otherwise than the last time.

    A rise is a leak until it is explained. A fall, or a change of sides, is a feature that broke or
    changed its sign: columns alone cannot show it.

    Args:
        rows: Recent rows; only those whose outcome is known count.
        features: Columns of the model.
        use_case: Tells numbers from categories.
        earlier: What `feature_aucs` gave the last time; None where there was none.
    """
    accepted = use_case.settings.validation.leak_exceptions
    return compare_aucs(feature_aucs(rows, features, use_case), earlier, accepted)


def compare_aucs(
    now: Mapping[str, Auc] | None,
    earlier: Mapping[str, Auc] | None,
    accepted: Mapping[str, str] = MappingProxyType({}),
) -> list[Finding]:
    """Return the same where what `feature_aucs` gives is known already.

    Args:
        now: What it gives now.
        earlier: What it gave the last time; None where there was none.
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
            severity: Severity = "note" if name in accepted else "severe"
            words = (
                f"{told}; accepted: {accepted[name]}"
                if name in accepted
                else f"{told}, {KNOWS} or more is no feature but the outcome"
            )
            yield data_finding("leakage", severity, words, area, KNOWS, column=name)


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
        yield data_finding(
            "leakage", "warning", words, best + 0.5, second + 0.5 + AHEAD, column=order[0]
        )


def _changed(name: str, before: Auc, now: Auc) -> Iterator[Finding]:
    """Yield a jump beyond its error; a feature's own direction does not matter, its turn does."""
    rise = abs(now.auc - 0.5) - abs(before.auc - 0.5)
    step = abs(now.auc - before.auc)
    least = max(LEAST_JUMP, ERRORS * float(np.hypot(before.error, now.error)))
    if step < least:
        return
    told = f"{name} alone ranks the outcomes with AUC {now.auc:.3f}, {before.auc:.3f} the last time"
    if rise >= least:
        severity: Severity = "severe" if rise >= SEVERE_JUMP else "warning"
        words = f"{told}: it may know the outcome"
        yield data_finding("leakage", severity, words, now.auc, before.auc + least, column=name)
        return
    turned = (now.auc - 0.5) * (before.auc - 0.5) < 0 and min(
        abs(now.auc - 0.5), abs(before.auc - 0.5)
    ) > least / 2
    words = f"{told}: it {'turned round' if turned else 'tells less'}"
    check = "turned" if turned else "weaker"
    yield data_finding(check, "warning", words, now.auc, before.auc - least, column=name)
