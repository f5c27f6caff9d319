"""Section on drift: shares of the reference against current shares, column by column."""

from kpi_gate.report.html import fill
from kpi_gate.report.svg import axis_over, bar, label, svg
from kpi_gate.text import percent
from kpi_gate.watch.drift.result import ColumnDrift, DriftReport

MOST_COLUMNS = 5
MOST_LISTED = 30
MOST_BARS = 12
ROW = 26.0


def drift_section(report: DriftReport) -> str:
    """Render the sentence, the table of columns, and what moved, drawn."""
    drawn = report.drifted[:MOST_COLUMNS] or report.columns[:1]
    figures = [(column.name, _figure(column)) for column in drawn if column.bars]
    return fill("drift.html", report=report, shown=report.columns[:MOST_LISTED], figures=figures)


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
        words = f"{percent(group.reference)} to {percent(group.current)}"
        marks += [
            label(160, y + 15, group.name[:24], "name", "end"),
            bar(axis.at(0.0), axis.at(group.reference), y + 3, 7, "champion"),
            bar(axis.at(0.0), axis.at(group.current), y + 12, 7, "candidate"),
            label(570, y + 15, words, "end"),
        ]
    return svg(680, ROW * len(kept), f"Shares of {column.name}, reference and current", marks)
