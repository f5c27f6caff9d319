"""The validation report as one HTML page that needs nothing but itself."""

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

import pandas as pd

SHOWN_ROWS = 20
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }
table { border-collapse: collapse; display: block; overflow-x: auto; }
td, th { border-bottom: 1px solid #ddd; padding: .25rem .6rem; text-align: left; }
.passed { color: #17692b; } .failed { color: #a3151b; } .skipped { color: #666; }
"""


def render_page(summary: Mapping[str, Any], bad_rows: pd.DataFrame) -> str:
    """Return the page: the verdict, every failure in a sentence, every check, the first bad rows.

    Args:
        summary: Summary of a validation report.
        bad_rows: Its offending rows, each with its reason.
    """
    checks: list[Mapping[str, Any]] = summary["checks"]
    aside, history = summary.get("set_aside", {}), summary.get("history", {})
    failed = summary["failed"] and not aside.get("rows")
    verdict = "failed" if failed or not history.get("passed", True) else "passed"
    title = f"Validation {verdict}: {summary['use_case']} at {summary['as_of']}"
    counts = (
        f"{summary['passed']} of {summary['expectations']} expectations passed, "
        f"{summary['failed']} failed, {summary['skipped']} skipped; "
        f"{summary['rows']} rows, {summary['recent_rows']} of them since {summary['recent_from']}."
    )
    reasons = "".join(f"<li>{_text(check['reason'])}</li>" for check in checks if check["reason"])
    columns = ("column", "expected", "rows", "observed", "expectation")
    table = _table(
        ("result", *columns),
        ([_result(check), *(_text(check[name]) for name in columns)] for check in checks),
    )
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            f"<title>{_text(title)}</title><style>{STYLE}</style></head><body>",
            f'<h1 class="{verdict}">{_text(title)}</h1><p>{_text(counts)}</p>',
            f"<h2>Why</h2><ul>{reasons}</ul>" if reasons else "",
            _aside(summary),
            _history(summary),
            f"<h2>Checks</h2>{table}",
            _sample(bad_rows),
            "</body></html>",
        ]
    )


def _result(check: Mapping[str, Any]) -> str:
    word = {True: "passed", False: "failed", None: "skipped"}[check["success"]]
    return f'<span class="{word}">{"broken" if check["broken"] else word}</span>'


def _aside(summary: Mapping[str, Any]) -> str:
    """Tell which rows the rest goes on without."""
    aside = summary.get("set_aside", {})
    if not aside.get("rows"):
        return ""
    shares = ", ".join(f"{share:.2%} of outcome {n}" for n, share in aside["by_outcome"].items())
    words = (
        f"{aside['rows']} rows, {aside['share']:.2%} of all, are set aside and the rest goes on; "
        f"{aside['tolerated']:.2%} are tolerated. It is {shares}."
    )
    return f"<h2>Set aside</h2><p>{_text(words)}</p>"


def _history(summary: Mapping[str, Any]) -> str:
    """Tell what became of the rows of the last tick, by day."""
    history = summary.get("history")
    if history is None:
        return ""
    change = history["change"]
    features = ", ".join(f"{name} in {count}" for name, count in change["features"].items())
    told = f"<p>{_text(history['reason'])}</p>"
    told += f"<p>Features that differ: {_text(features)}.</p>" if features else ""
    days = [
        [_text(day), str(counts["changed"]), str(counts["vanished"])]
        for day, counts in change["days"].items()
    ]
    table = _table(("day", "rows changed", "rows gone"), days) if days else ""
    return f"<h2>History since {_text(history['since'])}</h2>{told}{table}"


def _sample(bad_rows: pd.DataFrame) -> str:
    if bad_rows.empty:
        return ""
    names = ["reason", *(name for name in bad_rows.columns if name != "reason")]
    first = bad_rows[names].head(SHOWN_ROWS).itertuples(index=False, name=None)
    heading = f"<h2>Rows in quarantine: {len(bad_rows)}, the first {SHOWN_ROWS} here</h2>"
    return heading + _table(names, ([_text(value) for value in row] for row in first))


def _table(names: Iterable[str], rows: Iterable[list[str]]) -> str:
    head = "".join(f"<th>{_text(name)}</th>" for name in names)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _text(value: object) -> str:
    return "" if value is None else escape(str(value))
