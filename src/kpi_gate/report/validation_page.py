"""The validation report as one page: what is wrong, what that probably comes from, example rows."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from kpi_gate.data.validation.engine import ValidationReport
from kpi_gate.render import render
from kpi_gate.report.html import fill
from kpi_gate.text import number, shorten

SHOWN_ROWS = 10
LONGEST_CELL = 60
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
    columns = [str(name) for name in bad.columns if name != "reason"]
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
        names=["row", *columns],
        bad=len(bad),
        sample=list(_sample(report)),
        where=places or {},
    )


def _lead(summary: Mapping[str, Any]) -> str:
    return (
        f"{number(summary['passed'], 0)} of {number(summary['expectations'], 0)} expectations are "
        f"met, {number(summary['failed'], 0)} are not, {number(summary['skipped'], 0)} were "
        f"skipped; {number(summary['rows'], 0)} rows, {number(summary['recent_rows'], 0)} of them "
        f"since {summary['recent_from'][:10]}."
    )


def _sample(report: ValidationReport) -> Iterator[tuple[int, list[tuple[object, bool]]]]:
    """Yield example rows with their position: those of every failure in turn, cells marked."""
    rows = report.bad_rows.drop(columns="reason", errors="ignore")
    wrong: dict[int, set[str]] = {}
    for failure in report.failures:
        for position in failure.positions:
            wrong.setdefault(position, set()).add(failure.column)
    turns = zip(
        *(_spread(failure.positions) for failure in report.failures if len(failure.positions)),
        strict=False,
    )
    chosen = list(dict.fromkeys(position for turn in turns for position in turn))
    chosen += [position for position in rows.index[:SHOWN_ROWS] if position not in chosen]
    for position in sorted(p for p in chosen[:SHOWN_ROWS] if p in rows.index):
        cells = rows.loc[position]
        yield (
            int(position),
            [(_cell(cells[name]), name in wrong.get(position, ())) for name in rows.columns],
        )


def _spread(positions: Any) -> list[int]:
    return [positions[i % len(positions)] for i in range(SHOWN_ROWS)]


def _cell(value: object) -> str | None:
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return None
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d %H:%M}{' UTC' if value.tzinfo else ''}"
    return shorten(str(value), LONGEST_CELL)
