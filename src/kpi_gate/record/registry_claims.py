"""What MLflow claims of a use case: its aliases, tags and the newest row that a run names."""

import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from kpi_gate.record.mlflow_client import LEDGER_ROW, client
from kpi_gate.record.prepared_databases import sqlite_file
from kpi_gate.workspace import Workspace

APPROVED = "approved_by"
_GLANCES = (
    "SELECT name FROM registered_models WHERE name = ?",
    "SELECT alias, version FROM registered_model_aliases WHERE name = ?",
    "SELECT version FROM model_versions WHERE name = ? AND current_stage != 'Deleted_Internal'",
    "SELECT version, key, value FROM model_version_tags WHERE name = ? "
    "AND key IN ('approved_by', 'evidence_end', 'decision_id')",
    "SELECT tags.value, runs.run_uuid FROM tags JOIN runs ON runs.run_uuid = tags.run_uuid "
    "JOIN experiments ON experiments.experiment_id = runs.experiment_id WHERE experiments.name = ? "
    "AND tags.key = 'kpi_gate.ledger_row' AND runs.lifecycle_stage = 'active' "
    "ORDER BY runs.start_time DESC LIMIT 1",
)


@dataclass(frozen=True)
class Claims:
    """What stands in MLflow, to be held against the ledger.

    Attributes:
        registered: Whether there is a registered model of the use case's name.
        aliases: Version, such as `v2`, by alias.
        tags: Tags of the versions that were asked for, by version; a version that is gone is not
            in it.
        approved: Who is said to have approved, by version.
        row: `number:hash` of the ledger's row that the newest decision's run names; empty
            without one.
        run_id: That run.
    """

    registered: bool = False
    aliases: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    approved: Mapping[str, str] = field(default_factory=dict)
    row: str = ""
    run_id: str = ""


def exists(workspace: Workspace) -> bool:
    """Tell whether there is an MLflow to ask: to look makes no database."""
    path = sqlite_file(workspace.mlflow_uri)
    return path is None or path.exists()


def read_claims(workspace: Workspace, use_case: str, versions: Iterable[str]) -> Claims:
    """Ask MLflow what it says of a use case.

    Args:
        workspace: Where MLflow is.
        use_case: Name of the registered model and of the experiment.
        versions: Versions, such as `v2`, whose tags are wanted.

    Raises:
        TrackingError: If MLflow cannot be reached.
    """
    with client(workspace) as mlflow_client:
        row, run_id = _named_row(mlflow_client, use_case)
        model = _found(lambda: mlflow_client.get_registered_model(use_case))
        if model is None:
            return Claims(row=row, run_id=run_id)
        found = {
            version: _found(lambda v=version: mlflow_client.get_model_version(use_case, v[1:]))
            for version in sorted(set(versions))
        }
        asked = f"name = '{use_case}' and tags.{APPROVED} != ''"
        approved = mlflow_client.search_model_versions(asked)
        return Claims(
            registered=True,
            aliases={alias: f"v{version}" for alias, version in model.aliases.items()},
            tags={name: dict(version.tags) for name, version in found.items() if version},
            approved={f"v{one.version}": one.tags[APPROVED].strip() for one in approved},
            row=row,
            run_id=run_id,
        )


def glance_at_claims(workspace: Workspace, use_case: str, versions: Iterable[str]) -> Claims | None:
    """Return what `read_claims` does without importing MLflow, which takes seconds.

    It reads MLflow's own tables, so it says None, for "ask MLflow", wherever they are not as the
    installed version has them: another kind of store, another schema.
    """
    path = sqlite_file(workspace.mlflow_uri)
    if path is None or not path.exists():
        return None
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database:
            model, aliases, found, told, rows = (
                database.execute(query, (use_case,)).fetchall() for query in _GLANCES
            )
    except sqlite3.Error:
        return None
    tags: dict[str, dict[str, str]] = {f"v{version}": {} for (version,) in found}
    for version, name, value in told:
        tags.setdefault(f"v{version}", {})[name] = value
    approved = {version: named.get(APPROVED, "").strip() for version, named in tags.items()}
    row, run_id = rows[0] if rows else ("", "")
    return Claims(
        registered=bool(model),
        aliases={alias: f"v{version}" for alias, version in aliases},
        tags={version: tags[version] for version in versions if version in tags},
        approved={version: who for version, who in approved.items() if who},
        row=row,
        run_id=run_id,
    )


def _named_row(mlflow_client: Any, use_case: str) -> tuple[str, str]:
    experiment = mlflow_client.get_experiment_by_name(use_case)
    if experiment is None:
        return "", ""
    runs = mlflow_client.search_runs(
        [experiment.experiment_id],
        f"tags.`{LEDGER_ROW}` != ''",
        order_by=["attributes.start_time DESC"],
        max_results=1,
    )
    return (runs[0].data.tags[LEDGER_ROW], runs[0].info.run_id) if runs else ("", "")


def _found(ask: Any) -> Any:
    """Return what MLflow has; None where it has it not."""
    from mlflow.exceptions import MlflowException

    try:
        return ask()
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return None
