"""Drift drawn for a page: shares of the reference against current shares, column by column."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kpi_gate.report.charts import axis_over, bar, label, svg
from kpi_gate.report.document import cells, section, text
from kpi_gate.text import number, percent

if TYPE_CHECKING:
    from kpi_gate.watch.drift.result import ColumnDrift, DriftReport

MOST_COLUMNS = 5
MOST_LISTED = 30
MOST_BARS = 12
ROW = 26.0


def drift_section(report: DriftReport) -> str:
    """Render a fragment: the sentence, the table of columns, and what moved, drawn."""
    if not report.columns:
        return section("Drift", f"<p>{text(report.sentence)}.</p>")
    drawn = report.drifted[:MOST_COLUMNS] or report.columns[:1]
    figures = "".join(
        f"<h3>{text(column.name)}</h3>{_figure(column)}" for column in drawn if column.bars
    )
    keys = (
        '<p class="note"><span class="key champion"></span>reference (above) '
        '<span class="key candidate"></span>current (below)</p>'
    )
    body = f"<p>{text(report.sentence)}.</p>{_scores(report)}{_table(report)}{figures}{keys}"
    return section("Drift", body, "it explains; it starts no retraining")


def _scores(report: DriftReport) -> str:
    """Say how the mean score moved, and how well old and new rows are told apart."""
    before, now = (number(v, 4) for v in (report.score_before, report.score_now))
    words = (
        f"mean score {before} before, {now} now; a classifier tells old rows from new with AUC "
        f"{number(report.joint_auc, 3)} (0.5 is chance)"
    )
    return f"<p>{text(words)}.</p>"


def _table(report: DriftReport) -> str:
    shown = report.columns[:MOST_LISTED]
    rows = [
        f'<tr class="{"failed" if column.drifted else ""}">'
        + cells(
            text(column.name),
            number(column.psi, 3),
            f"{column.recent} of 3",
            number(column.importance, 4),
            number(column.score_shift, 4, sign=True),
            "drifted" if column.drifted else "",
        )
        + "</tr>"
        for column in shown
    ]
    head = cells(
        "column", "PSI", "significant", "importance", "moves the score", "verdict", kind="th"
    )
    left = len(report.columns) - len(shown)
    more = f'<p class="note">{left} further columns are not shown.</p>' if left else ""
    return f"<table><tr>{head}</tr>{''.join(rows)}</table>{more}"


def _figure(column: ColumnDrift) -> str:
    """Draw the shares of each group of values; of many, those that differ most."""
    ranked = sorted(column.bars, key=lambda group: -abs(group.current - group.reference))
    kept = [group for group in column.bars if group in ranked[:MOST_BARS]]
    axis = axis_over([0.0, *(v for g in kept for v in (g.reference, g.current))], 170, 560, 0.0)
    if axis is None:
        return ""
    marks = []
    for i, group in enumerate(kept):
        y = ROW * i
        marks.append(label(160, y + 15, group.name[:24], "name", "end"))
        sides = (("champion", group.reference, 3), ("candidate", group.current, 12))
        for style, share, down in sides:
            marks.append(bar(axis.at(0.0), axis.at(share), y + down, 7, style))
        words = f"{percent(group.reference)} to {percent(group.current)}"
        marks.append(label(570, y + 15, words, "end"))
    return svg(680, ROW * len(kept), f"Shares of {column.name}, reference and current", marks)
