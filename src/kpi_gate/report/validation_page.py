"""The validation report as one page: verdict, failures, checks, and the first bad rows."""

from kpi_gate.data.validation.engine import ValidationReport
from kpi_gate.render import render
from kpi_gate.report.html import fill

SHOWN_ROWS = 20
MARKS = {True: "passed", False: "failed", None: "skipped"}


@render.register(ValidationReport)
def page(report: ValidationReport, form: str = "html") -> str:
    """Render a validation report; `html` is the one form."""
    summary, bad = report.summary, report.bad_rows
    history = summary.get("history")
    failed = summary["failed"] and not summary["set_aside"]["rows"]
    verdict = "failed" if failed or not (history or {}).get("passed", True) else "passed"
    names = ["reason", *(name for name in bad.columns if name != "reason")]
    return fill(
        "validation.html",
        summary=summary,
        verdict=verdict,
        aside=summary["set_aside"],
        history=history,
        marks=MARKS,
        names=names,
        bad=len(bad),
        most=SHOWN_ROWS,
        sample=list(bad[names].head(SHOWN_ROWS).itertuples(index=False, name=None)),
    )
