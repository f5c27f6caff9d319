"""Where a backtest is kept: its page and numbers beside the play, and in MLflow."""

from pathlib import Path

from kpi_gate.backtest.result import Backtest, Sweep
from kpi_gate.backtest.scenario import Scenario
from kpi_gate.record.report_run import Report, log_report
from kpi_gate.report.backtest_page import page
from kpi_gate.report.backtest_wording import lead, overfit
from kpi_gate.workspace import Place

PAGE, NUMBERS = "backtest.html", "backtest.json"


def keep_pages(scenario: Scenario, found: Backtest, sweep: Sweep | None, place: Place) -> Path:
    """Write the page beside the play and log it to MLflow; return the page's file.

    Raises:
        TrackingError: If MLflow cannot be reached; the page is written before.
    """
    html, path = page(found, sweep), scenario.folder / PAGE
    path.write_text(html, encoding="utf-8")
    files = {f"backtest/{PAGE}": html, f"backtest/{NUMBERS}": found.model_dump_json(indent=1)}
    if sweep is not None:
        files["backtest/what_if.json"] = sweep.model_dump_json(indent=1)
    words = lead(found) if sweep is None else f"{lead(found)}\n\n{overfit(sweep)}"
    changes = {f"changed.{key}": value for key, value in found.changes.items()}
    span = {"from": found.start.isoformat(), "to": found.end.isoformat()}
    report = Report(
        kind="backtest",
        subject=scenario.folder.name,
        name=found.run_name,
        words=words,
        metrics=_metrics(found),
        tags={"use_case": found.use_case, **span, **changes},
        files=files,
    )
    log_report(place, found.use_case, report)
    return path


def _metrics(found: Backtest) -> dict[str, float]:
    numbers: dict[str, float] = {
        "backtest.cost_of_waiting": found.waiting_cost,
        "backtest.saved_by_waiting": found.waiting_saved,
    }
    if found.share_of_best is not None:
        numbers["backtest.share_of_best"] = found.share_of_best
    for name, policy in found.shown.items():
        told = {
            "kpi": policy.kpi,
            "over_never": policy.over_never.estimate,
            "regret": policy.regret,
            "promotions": policy.promotions,
            "false_promotions": policy.false_promotions,
        }
        numbers |= {f"backtest.{name}.{key}": float(value) for key, value in told.items()}
    return numbers
