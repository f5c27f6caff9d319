"""Reports beside the decisions (MLflow): a backtest, a day of monitoring; one run each."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np

from kpi_gate.record.decision_run import experiment_of
from kpi_gate.record.mlflow_client import client
from kpi_gate.workspace import Workspace

SUBJECT = "report_subject"


@dataclass(frozen=True)
class Report:
    """What goes into the run of a report.

    Attributes:
        kind: `backtest` or `monitor`.
        subject: Identity: a report of the same subject is written into the same run.
        name: Name of the run.
        words: Markdown for whoever opens the run.
        metrics: Numbers; those that are not finite are left out.
        tags: Words by name.
        files: Text by the artifact path that it goes to.
    """

    kind: str
    subject: str
    name: str
    words: str
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)


def log_report(workspace: Workspace, use_case: str, report: Report) -> str:
    """Log a report into the experiment of a use case and return its run.

    Raises:
        TrackingError: If MLflow cannot be reached, or refuses.
    """
    from mlflow.entities import Metric

    with client(workspace) as mlflow_client:
        where = experiment_of(mlflow_client, workspace, use_case)
        tags = {**report.tags, "kind": report.kind, SUBJECT: report.subject}
        tags["mlflow.note.content"] = report.words
        query = f"tags.{SUBJECT} = '{report.subject}'"
        known = mlflow_client.search_runs([where], query, max_results=1)
        if known:
            run_id = str(known[0].info.run_id)
            for name, value in tags.items():
                mlflow_client.set_tag(run_id, name, value)
        else:
            made = mlflow_client.create_run(where, run_name=report.name, tags=tags)
            run_id = str(made.info.run_id)
        now = int(datetime.now(UTC).timestamp() * 1000)
        numbers = {name: float(value) for name, value in report.metrics.items()}
        metrics = [Metric(name, v, now, 0) for name, v in numbers.items() if np.isfinite(v)]
        mlflow_client.log_batch(run_id, metrics=metrics)
        for path, text in report.files.items():
            mlflow_client.log_text(run_id, text, path)
        mlflow_client.set_terminated(run_id)
    return run_id
