"""Where a backtest is kept: its page and numbers beside the play, and in MLflow."""

from pathlib import Path

from kpi_gate.backtest.result import Backtest, Sweep
from kpi_gate.backtest.scenario import Scenario
from kpi_gate.record.report_run import Report, log_report
from kpi_gate.workspace import Workspace

PAGE, NUMBERS = "backtest.html", "backtest.json"


def keep_pages(
    scenario: Scenario,
    found: Backtest,
    sweep: Sweep | None,
    shown: tuple[str, str],
    workspace: Workspace,
) -> Path:
    """Write the page beside the play and log it to MLflow; return the page's file.

    Args:
        scenario: What was played.
        found: What came of it.
        sweep: The what-if table, where there is one.
        shown: The page, and what came of it in words.
        workspace: Where MLflow is.

    Raises:
        TrackingError: If MLflow cannot be reached; the page is written before.
    """
    (html, words), path = shown, scenario.folder / PAGE
    path.write_text(html, encoding="utf-8")
    files = {f"backtest/{PAGE}": html, f"backtest/{NUMBERS}": found.model_dump_json(indent=1)}
    if sweep is not None:
        files["backtest/what_if.json"] = sweep.model_dump_json(indent=1)
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
    log_report(workspace, found.use_case, report)
    return path


def _metrics(found: Backtest) -> dict[str, float]:
    numbers: dict[str, float] = {
        "backtest.cost_of_waiting": found.waiting_cost,
        "backtest.saved_by_waiting": found.waiting_saved,
    }
    shares = {"best": found.share_of_best, "everything": found.share_of("everything")}
    numbers |= {
        f"backtest.share_of_{of}": share for of, share in shares.items() if share is not None
    }
    for name, policy in found.policies.items():
        told = {
            "net": policy.net.estimate,
            "gross": policy.gross,
            "over_never": policy.over_never.estimate,
            "regret": policy.regret,
            "promotions": policy.promotions,
            "false_promotions": policy.false_promotions,
        }
        numbers |= {f"backtest.{name}.{key}": float(value) for key, value in told.items()}
    return numbers
