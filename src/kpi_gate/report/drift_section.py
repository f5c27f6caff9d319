"""Section on drift: shares of the reference against current shares, column by column."""

from markupsafe import Markup

from kpi_gate.report.html import fill
from kpi_gate.report.svg import bars
from kpi_gate.text import clean, percent, shorten
from kpi_gate.watch.drift.result import ColumnDrift, DriftReport

MOST_COLUMNS = 5
MOST_LISTED = 30
MOST_BARS = 12


def drift_section(report: DriftReport) -> str:
    """Render the sentence, the table of columns, and what moved, drawn."""
    drawn = report.drifted[:MOST_COLUMNS] or report.columns[:1]
    figures = [(column.name, _figure(column)) for column in drawn if column.bars]
    return fill("drift.html", report=report, shown=report.columns[:MOST_LISTED], figures=figures)


def _figure(column: ColumnDrift) -> Markup | str:
    """Draw the shares of each group of values; of many, those that differ most."""
    ranked = sorted(column.bars, key=lambda group: -abs(group.current - group.reference))
    rows = [
        (
            f"{shorten(clean(group.name), 20)}: "
            f"{percent(group.reference)} to {percent(group.current)}",
            ((group.reference, "champion"), (group.current, "candidate")),
        )
        for group in column.bars
        if group in ranked[:MOST_BARS]
    ]
    return bars(rows, f"Shares of {column.name}, reference and current", thick=7)
