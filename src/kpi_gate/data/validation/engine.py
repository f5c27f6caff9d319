"""Validate rows: every rule, what is not met, and whether the rest may be learned from."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from kpi_gate.data.validation.expectations import Finding, run_rules
from kpi_gate.data.validation.rules import PreviousSnapshot, rules_for
from kpi_gate.data.validation.typed_columns import typed
from kpi_gate.usecase.contract import UseCase

__all__ = ["PreviousSnapshot", "ValidationReport", "validate_rows"]


@dataclass(frozen=True)
class ValidationReport:
    """Whether the rows may be learned from, and why not.

    Attributes:
        passed: Whether every expectation that could run is met and none is broken, but for rows
            that the settings tolerate to be set aside.
        failures: What is not met, in the order of the rules.
        set_aside: Positions of the rows that the rest goes on without; none where it failed.
        bad_rows: The offending rows as they came, with a text column `reason`; all recent rows
            where an aggregate of the recent rows failed.
        summary: The counts and every check with what was observed; JSON-able.
    """

    passed: bool
    failures: tuple[Finding, ...]
    set_aside: tuple[int, ...]
    bad_rows: pd.DataFrame
    summary: dict[str, Any]


def validate_rows(
    rows: pd.DataFrame, use_case: UseCase, as_of: datetime, previous: PreviousSnapshot | None
) -> ValidationReport:
    """Check a snapshot against the contract of its use case and the YAML beside it.

    Args:
        rows: All rows, outcomes not yet known at `as_of` being null.
        use_case: What the rows must fit.
        as_of: Moment of the snapshot, tz-aware.
        previous: The snapshot before, if there is one.

    Raises:
        ValueError: If `as_of` has no time zone.
    """
    if as_of.tzinfo is None:
        raise ValueError(f"as_of == {as_of}, must have a time zone")
    rows = rows.reset_index(drop=True)
    rules = rules_for(rows, use_case, as_of, previous)
    helpers = {rule.says: rule.helper for rule in rules if rule.helper is not None}
    frame = pd.concat([typed(rows, use_case), pd.DataFrame(helpers, index=rows.index)], axis=1)
    start = _recent_start(use_case.settings.validation.recent_days, as_of, previous)
    recent = frame[frame["event_time"] >= start] if "event_time" in frame and len(frame) else frame
    findings = [
        *run_rules(frame, rows, [rule for rule in rules if not rule.recent]),
        *run_rules(recent, rows, [rule for rule in rules if rule.recent]),
    ]
    failed = [finding for finding in findings if finding.success is False]
    bad_rows = _quarantine(rows, failed)
    tolerated = use_case.settings.validation.tolerated_share
    share = len(bad_rows) / max(len(rows), 1)
    single = all(finding.count and finding.rule.by_row for finding in failed)
    aside = bool(failed) and single and share <= tolerated
    summary = {
        "use_case": use_case.name,
        "as_of": as_of.isoformat(),
        "rows": len(rows),
        "previous_rows": previous.rows if previous else None,
        "recent_from": start.isoformat(),
        "recent_rows": len(recent),
        "bad_rows": len(bad_rows),
        "set_aside": {
            "rows": len(bad_rows) if aside else 0,
            "share": share if aside else 0.0,
            "tolerated": tolerated,
            "by_outcome": _by_outcome(rows, bad_rows) if aside else {},
        },
        **_tally(findings),
    }
    positions = tuple(bad_rows.index.tolist()) if aside else ()
    return ValidationReport(aside or not failed, tuple(failed), positions, bad_rows, summary)


def _recent_start(recent_days: int, as_of: datetime, previous: PreviousSnapshot | None) -> datetime:
    """Return the moment from which rows are recent.

    What came since the previous snapshot, and no more than `recent_days`: a bad month must not
    drown among the good ones of a longer gap.
    """
    longest = as_of - timedelta(days=recent_days)
    return longest if previous is None or previous.as_of >= as_of else max(previous.as_of, longest)


def _quarantine(rows: pd.DataFrame, failed: list[Finding]) -> pd.DataFrame:
    reasons: dict[int, list[str]] = {}
    for finding in failed:
        # a row carries the rule that it breaks; an aggregate also says what it came to
        said = finding.rule.says if finding.count else finding.reason
        for position in finding.positions:
            reasons.setdefault(position, []).append(said)
    kept = sorted(reasons)
    text = pd.Series(["; ".join(reasons[position]) for position in kept], index=kept, dtype=str)
    return rows.iloc[kept].assign(reason=text)


def _by_outcome(rows: pd.DataFrame, bad_rows: pd.DataFrame) -> dict[str, float]:
    """Return the share set aside of each outcome: where they differ, what is left is not alike."""
    outcome = rows["outcome"].map({0: "0", 1: "1"}).fillna("unknown").astype(str)
    bad = pd.Series(rows.index.isin(bad_rows.index), rows.index)
    return {str(name): float(share) for name, share in bad.groupby(outcome).mean().items()}


def _tally(findings: list[Finding]) -> dict[str, Any]:
    checks = [
        {
            "expectation": finding.rule.type,
            "column": finding.column,
            "expected": finding.rule.expected,
            "rows": "recent" if finding.rule.recent else "all",
            "success": finding.success,
            "broken": finding.broken,
            "observed": finding.observed,
            "reason": finding.reason,
            "probably": finding.probably,
        }
        for finding in findings
    ]
    successes = [finding.success for finding in findings]
    counts = {"passed": True, "failed": False, "skipped": None}
    tally = {name: successes.count(what) for name, what in counts.items()}
    return {"expectations": len(findings), **tally, "checks": checks}
