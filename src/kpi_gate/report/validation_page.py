"""The validation report as one page: what is wrong, what that probably comes from, example rows."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, zip_longest
from typing import Any

import pandas as pd

from kpi_gate.data.validation.engine import ValidationReport
from kpi_gate.render import render
from kpi_gate.report.html import fill
from kpi_gate.text import number, shorten

SHOWN_ROWS = 10
LONGEST_CELL = 60
KEYS = ("event_time", "unit")
Row = list[tuple[str | None, bool]]
WORDS = {True: "met", False: "not met", None: "skipped"}
SIGNS = {True: "✓", False: "✗", None: "–"}
STYLES = {True: "ok", False: "bad", None: ""}


@render.register(ValidationReport)
def page(
    report: ValidationReport, form: str = "html", places: Mapping[str, str] | None = None
) -> str:
    """Render a validation report; `html` is the one form.

    Args:
        report: The report.
        form: Ignored.
        places: Where to look further, by name: an address, or words.
    """
    summary, bad = report.summary, report.bad_rows
    history = summary.get("history")
    failed = summary["failed"] and not summary["set_aside"]["rows"]
    verdict = "failed" if failed or not (history or {}).get("passed", True) else "passed"
    causes = [
        f"{check['column'] or 'table'}: {check['probably'][:1].lower()}{check['probably'][1:]}"
        for check in summary["checks"]
        if check.get("probably")
    ]
    wrong = _offending(report)
    # what offends stands first, beside what says which row it is
    names = sorted(bad.columns.drop("reason"), key=lambda name: name not in {*wrong, *KEYS})
    return fill(
        "validation.html",
        summary=summary,
        verdict=verdict,
        means="nothing may be learned from these rows" if verdict == "failed" else "",
        lead=_lead(summary),
        probably=list(dict.fromkeys(causes)),
        aside=summary["set_aside"],
        history=history,
        words=WORDS,
        signs=SIGNS,
        styles=STYLES,
        names=["row", *names],
        bad=len(bad),
        sample=list(_sample(report, names)),
        where=places or {},
    )


def _lead(summary: Mapping[str, Any]) -> str:
    return (
        f"{number(summary['passed'], 0)} of {number(summary['expectations'], 0)} expectations are "
        f"met, {number(summary['failed'], 0)} are not, {number(summary['skipped'], 0)} were "
        f"skipped; {number(summary['rows'], 0)} rows, {number(summary['recent_rows'], 0)} of them "
        f"since {summary['recent_from'][:10]}."
    )


def _sample(report: ValidationReport, columns: Sequence[str]) -> Iterator[tuple[int, Row]]:
    """Yield example rows with their position: some of every failure, what offends marked."""
    rows, wrong = report.bad_rows, _offending(report)
    turns = zip_longest(*(islice(places, SHOWN_ROWS) for places in wrong.values()))
    chosen = dict.fromkeys(place for turn in turns for place in turn if place in rows.index)
    for place in sorted(list(chosen)[:SHOWN_ROWS]):
        cells = rows.loc[place]
        yield int(place), [(_cell(cells[name]), place in wrong.get(name, ())) for name in columns]


def _offending(report: ValidationReport) -> dict[str, dict[int, None]]:
    """Return the offending rows of each column; all recent ones where only an aggregate failed."""
    found: dict[str, dict[int, None]] = {}
    for failure in sorted(report.failures, key=lambda one: not one.count):
        if failure.count or failure.column not in found:
            found.setdefault(failure.column, {}).update(dict.fromkeys(failure.positions))
    return found


def _cell(value: object) -> str | None:
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return None
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d %H:%M}{' UTC' if value.tzinfo else ''}"
    return shorten(str(value), LONGEST_CELL)
