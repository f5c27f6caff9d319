"""Great Expectations: run the rules on the rows, and say in plain sentences what fails."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pandas as pd

from kpi_gate.data.validation.rules import (
    PreviousSnapshot,
    Rule,
    checkable,
    recent_start,
    rules_for,
)
from kpi_gate.usecase.contract import UseCase

if TYPE_CHECKING:
    from great_expectations.core import ExpectationValidationResult
    from great_expectations.expectations.expectation import Expectation

__all__ = ["Failure", "PreviousSnapshot", "ValidationReport", "validate_rows"]

LONGEST = 300  # characters of a value or message that a sentence quotes


@dataclass(frozen=True)
class Failure:
    """An expectation that is not met.

    Attributes:
        expectation: Its name in Great Expectations.
        column: Column that it is about; empty for the whole table.
        reason: One plain sentence: what was expected, what was found, an example.
        count: Offending rows; 0 where the expectation is on an aggregate.
        broken: Whether the check itself could not run, which says nothing of the data.
        quiet: Whether it says that nothing new has come, and not that something is wrong.
    """

    expectation: str
    column: str
    reason: str
    count: int
    broken: bool
    quiet: bool = False


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
    failures: tuple[Failure, ...]
    set_aside: tuple[int, ...]
    bad_rows: pd.DataFrame
    summary: dict[str, Any]


@dataclass(frozen=True)
class _Finding:
    """What one rule found; `success` is None where there was nothing to look at."""

    rule: Rule
    success: bool | None
    observed: object
    reason: str = ""
    positions: Sequence[int] = ()
    rows: int = 0
    broken: bool = False


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
    frame = checkable(rows, use_case, rules)
    start = recent_start(use_case.settings.validation.recent_days, as_of, previous)
    recent = frame[frame["event_time"] >= start] if "event_time" in frame and len(frame) else frame
    findings = [
        *_run(frame, rows, [rule for rule in rules if not rule.recent]),
        *_run(recent, rows, [rule for rule in rules if rule.recent]),
    ]
    failed = [finding for finding in findings if finding.success is False]
    bad_rows = _quarantine(rows, failed)
    tolerated = use_case.settings.validation.tolerated_share
    share = len(bad_rows) / max(len(rows), 1)
    single = all(finding.rows and finding.rule.by_row for finding in failed)
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
    failures = tuple(
        Failure(
            found.rule.type,
            found.rule.about,
            found.reason,
            found.rows,
            found.broken,
            found.rule.quiet and not found.broken,
        )
        for found in failed
    )
    positions = tuple(bad_rows.index.tolist()) if aside else ()
    return ValidationReport(aside or not failed, failures, positions, bad_rows, summary)


def _run(batch: pd.DataFrame, rows: pd.DataFrame, rules: list[Rule]) -> list[_Finding]:
    """Run rules on one batch; what raises, or gives no result, is broken and never a pass."""
    findings = [_broken(rule, "it gave no result") for rule in rules]
    built: dict[int, Expectation] = {}
    for number, rule in enumerate(rules):
        try:
            built[number] = _build(rule, number)
        except Exception as error:  # noqa: BLE001 - any error in it is the rule's own fault
            findings[number] = _broken(rule, str(error))
    if batch.empty and any(rule.recent for rule in rules):
        for number in built:
            findings[number] = _Finding(rules[number], None, "skipped: there are no recent rows")
    elif built:
        try:
            for result in _validate(batch, list(built.values())):
                number = result.expectation_config.meta["rule"]
                findings[number] = _finding(rules[number], result, batch, rows)
        except Exception as error:  # noqa: BLE001 - without results nothing of the batch is known
            return [_broken(rule, str(error)) for rule in rules]
    return findings


def _build(rule: Rule, number: int) -> "Expectation":
    """Build the expectation, and refuse one that would pass on any data."""
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    # results come back in another order: each carries the number of its rule
    wanted = ExpectationConfiguration(rule.type, dict(rule.kwargs), meta={"rule": number})
    expectation = wanted.to_domain_obj()
    if all(getattr(expectation, name, 0) is None for name in ("min_value", "max_value")):
        raise ValueError("min_value and max_value are both missing: it would pass on any data")
    if getattr(expectation, "mostly", 1) == 0:
        raise ValueError("mostly == 0: it would pass on any data")
    return expectation


def _validate(
    batch: pd.DataFrame, expectations: list["Expectation"]
) -> list["ExpectationValidationResult"]:
    """Let Great Expectations run in memory: no telemetry, no progress bar, no folder."""
    import great_expectations as gx
    from great_expectations.data_context.types import base

    config = base.DataContextConfig(
        store_backend_defaults=base.InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        progress_bars=base.ProgressBarsConfig(globally=False),
        analytics_enabled=False,
    )
    context = gx.get_context(mode="ephemeral", project_config=config)
    asset = context.data_sources.add_pandas("rows").add_dataframe_asset("rows")
    whole = asset.add_batch_definition_whole_dataframe("rows")
    # not a ValidationDefinition: its store cannot write numpy's booleans
    result = whole.get_batch(batch_parameters={"dataframe": batch}).validate(
        gx.ExpectationSuite(name="rows", expectations=expectations),
        result_format={"result_format": "COMPLETE", "return_unexpected_index_query": False},
    )
    return list(result.results)


def _finding(
    rule: Rule, result: "ExpectationValidationResult", batch: pd.DataFrame, rows: pd.DataFrame
) -> _Finding:
    """Turn a result of Great Expectations into plain values and a sentence."""
    info = result.exception_info or {}
    for entry in (info, *(value for value in info.values() if isinstance(value, dict))):
        if entry.get("raised_exception"):
            return _broken(rule, str(entry.get("exception_message")))
    found = result.result
    positions = found.get("unexpected_index_list") or []
    unexpected = 0
    observed = _plain(found.get("observed_value", found.get("partial_unexpected_list")))
    if "element_count" in found:
        unexpected = found["unexpected_count"]
        seen = found["element_count"] - found.get("missing_count", 0)
        observed = f"{unexpected} of {seen} rows are not so"
        if positions and rule.about in rows:
            observed += f", such as {_quoted(rows[rule.about].iloc[positions[0]])}"
    if result.success:
        return _Finding(rule, True, observed)
    if not positions and rule.recent:
        positions = batch.index.tolist()
    said = observed if unexpected else f"it is {'not so' if observed is None else _short(observed)}"
    reason = f"{rule.says}{' (recent rows only)' if rule.recent else ''}; {said}"
    return _Finding(rule, False, observed, reason, positions, unexpected)


def _short(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _quoted(value: object) -> str:
    return "null" if pd.api.types.is_scalar(value) and pd.isna(value) else repr(_plain(value))


def _broken(rule: Rule, message: str) -> _Finding:
    reason = f"{rule.says}; the check itself is broken: {' '.join(message.split())[:LONGEST]}"
    return _Finding(rule, False, None, reason, broken=True)


def _quarantine(rows: pd.DataFrame, failed: list[_Finding]) -> pd.DataFrame:
    reasons: dict[int, list[str]] = {}
    for finding in failed:
        # a row carries the rule that it breaks; an aggregate also says what it came to
        said = finding.rule.says if finding.rows else finding.reason
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


def _tally(findings: list[_Finding]) -> dict[str, Any]:
    checks = [
        {
            "expectation": finding.rule.type,
            "column": finding.rule.about,
            "expected": finding.rule.expected,
            "rows": "recent" if finding.rule.recent else "all",
            "success": finding.success,
            "broken": finding.broken,
            "observed": finding.observed,
            "reason": finding.reason,
        }
        for finding in findings
    ]
    successes = [finding.success for finding in findings]
    counts = {"passed": True, "failed": False, "skipped": None}
    tally = {name: successes.count(what) for name, what in counts.items()}
    return {"expectations": len(findings), **tally, "checks": checks}


def _plain(value: object) -> object:
    """Return a value as strict JSON can hold it, cut where it is long."""
    text = json.dumps(value, default=lambda it: it.item() if hasattr(it, "item") else str(it))
    return json.loads(text, parse_constant=str) if len(text) <= LONGEST else text[:LONGEST]
