"""Runs (MLflow): what a reviewer opens to see what was decided and why."""

import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kpi_gate.decision import metric_chain
from kpi_gate.decision.verdict import Decision
from kpi_gate.record import prepared_databases
from kpi_gate.record.mlflow_model import log_model
from kpi_gate.record.model_files import Model
from kpi_gate.workspace import Place

TRACKING_URI = "MLFLOW_TRACKING_URI"
COMPLETE = "kpi_gate.recorded"
LEDGER_ROW = "kpi_gate.ledger_row"  # `number:hash` of the row that holds the run's decision
SOURCES = "settings"  # artifact folder of the user's own files
_NOT_A_NAME = re.compile(r"[^A-Za-z0-9_\-./ ]+")


class TrackingError(RuntimeError):
    """MLflow cannot be reached, or refused; the message names the address."""


@dataclass(frozen=True)
class Recorded:
    """Where a decision lies in MLflow.

    Attributes:
        run_id: The run.
        version: The registered version, such as `v2`; empty where no model was trained.
    """

    run_id: str
    version: str = ""


@dataclass(frozen=True)
class RunContent:
    """What goes into the run of a decision beside the decision itself.

    Attributes:
        parameters: Logged as parameters.
        tags: Logged as tags of the run and of the version.
        artifacts: Folders by the artifact folder that they go to.
        model: The candidate; None where none was trained.
        sample: A few input rows for the model's signature.
        snapshot: Fingerprint of the rows; empty where none were frozen.
        snapshot_path: File of the snapshot, relative to the project.
        sources: The user's own files, kept as artifacts: a commit may lack them.
    """

    parameters: Mapping[str, Any]
    tags: Mapping[str, str]
    artifacts: Mapping[str, Path]
    model: Model | None = None
    sample: Any = None
    snapshot: str = ""
    snapshot_path: str = ""
    sources: Sequence[Path] = ()


@contextmanager
def client(place: Place) -> Any:
    """Yield an MLflow client.

    Raises:
        TrackingError: If MLflow cannot be reached, or refuses.
    """
    import mlflow
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    prepared_databases.lay_out("mlflow", place.mlflow_uri)
    before = os.environ.get(TRACKING_URI)
    mlflow.set_tracking_uri(place.mlflow_uri)  # for the calls that take no client
    try:
        yield mlflow.MlflowClient(place.mlflow_uri)
    except (MlflowException, SQLAlchemyError) as error:
        reason = " ".join(str(error).split())[:300]
        raise TrackingError(
            f"MLflow at {place.mlflow_uri}: {reason}; nothing was promoted. "
            "Start it (make ui) or check KPI_GATE_MLFLOW_URI"
        ) from error
    finally:  # mlflow writes the address into the environment, where the next place would find it
        if before is None:
            os.environ.pop(TRACKING_URI, None)
        else:
            os.environ[TRACKING_URI] = before


def record_run(place: Place, use_case: str, decision: Decision, content: RunContent) -> Recorded:
    """Log a decision as one run, and its candidate as a registered version.

    Recording the same decision again completes the run that is there; nothing is doubled.

    Raises:
        TrackingError: If MLflow cannot be reached, or refuses.
    """
    words = decision.to_markdown()
    with client(place) as mlflow_client:
        experiment = experiment_of(mlflow_client, place, use_case)
        run_id, complete = _find_or_start(mlflow_client, experiment, decision, content, words)
        version = _version_of_run(mlflow_client, use_case, run_id)
        if complete:
            return Recorded(run_id, f"v{version}" if version else "")
        _log_numbers(mlflow_client, run_id, decision, content)
        _log_files(mlflow_client, run_id, decision, content)
        if content.model is not None and not version:
            gain = decision.gain
            tags = {**content.tags, "gain": f"{gain.estimate:.4f} {gain.unit}" if gain else ""}
            info = log_model(content.model, run_id, content.sample)
            version = _register(mlflow_client, use_case, run_id, info, tags, words)
        if version:
            mlflow_client.set_registered_model_alias(use_case, "candidate", version)
        mlflow_client.set_tag(run_id, COMPLETE, "true")
        mlflow_client.set_terminated(run_id)
        return Recorded(run_id, f"v{version}" if version else "")


def name_row(place: Place, run_id: str, number: int, row_hash: str) -> None:
    """Let a run name the ledger's row of its decision, so that a row that is lost is missed.

    Raises:
        TrackingError: If MLflow cannot be reached, or refuses.
    """
    with client(place) as mlflow_client:
        mlflow_client.set_tag(run_id, LEDGER_ROW, f"{number}:{row_hash}")


def experiment_of(mlflow_client: Any, place: Place, name: str) -> str:
    """Return the experiment of a use case; it is made where there is none."""
    found = mlflow_client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    local = place.mlflow_uri.startswith("sqlite:")
    location = (place.home / "artifacts" / name).as_uri() if local else None
    made = str(mlflow_client.create_experiment(name, artifact_location=location))
    # the MLflow UI opens such an experiment on its runs
    mlflow_client.set_experiment_tag(made, "mlflow.experimentKind", "custom_model_development")
    return made


def _find_or_start(
    mlflow_client: Any, experiment: str, decision: Decision, content: RunContent, words: str
) -> tuple[str, bool]:
    query = f"tags.decision_id = '{decision.decision_id}'"
    for run in mlflow_client.search_runs([experiment], query, max_results=1):
        return run.info.run_id, run.data.tags.get(COMPLETE) == "true"
    tags = {**content.tags, "mlflow.note.content": words}
    name = f"{content.tags['as_of'][:10]} {decision.verdict}"
    run = mlflow_client.create_run(experiment, run_name=name, tags=tags)
    return run.info.run_id, False


def _log_numbers(mlflow_client: Any, run_id: str, decision: Decision, content: RunContent) -> None:
    from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param

    now = int(datetime.now(UTC).timestamp() * 1000)
    numbers = {name: value for name, value in _numbers(decision).items() if value is not None}
    metrics = [Metric(name, float(value), now, 0) for name, value in numbers.items()]
    parameters = [Param(name, str(value)[:500]) for name, value in content.parameters.items()]
    mlflow_client.log_batch(run_id, metrics=metrics, params=parameters)
    if content.snapshot:
        source = json.dumps({"path": content.snapshot_path, "md5": content.snapshot})
        data = Dataset(content.tags["use_case"], content.snapshot, "dvc", source)
        tags = [InputTag("mlflow.data.context", "snapshot")]
        mlflow_client.log_inputs(run_id, [DatasetInput(data, tags)])
    for variant in decision.notes.get("variants", ()):
        _log_variant(mlflow_client, run_id, variant)


def _numbers(decision: Decision) -> dict[str, float | None]:
    """Flatten the decision into metrics: business proxies first, in the objective's currency."""
    numbers: dict[str, float | None] = {}
    if decision.gain is not None:
        gain = decision.gain.model_dump(exclude={"unit", "prior"})
        numbers |= {f"gain.{name}": value for name, value in gain.items()}
        numbers["kpi.expected_over_horizon"] = decision.money
        numbers["kpi.cost_of_waiting"] = decision.cost_of_waiting
    for side, parts in decision.parts.items():
        numbers |= {f"value.{side}.{name}": value for name, value in parts.items()}
        numbers[f"value.{side}.per_decision"] = sum(parts.values())
        numbers[f"value.{side}.per_horizon"] = sum(parts.values()) * decision.horizon_decisions
    for step in metric_chain.steps(decision):
        if step.station in ("business proxy", "KPI", "money"):
            what = "" if step.station != "business proxy" else f".{step.name}"
            kind = step.station.removeprefix("business ").lower()
            for end in ("champion", "candidate", "change", "lower", "upper"):
                numbers[f"{kind}.{end}{what}"] = getattr(step, end)
    for kind, sides in (
        ("guardrail", decision.measures),
        ("ml", decision.notes.get("metrics", {})),
    ):
        for side, values in sides.items():
            numbers |= {f"{kind}.{side}.{name}": value for name, value in values.items()}
    numbers |= {f"estimator.{name}": value for name, value in decision.diagnostics.items()}
    labels = decision.notes.get("maturity", {})
    numbers["labels.known_after_days"] = labels.get("measured_days")
    numbers["labels.overdue"] = labels.get("overdue")
    numbers["checks.failed"] = len(decision.failed)
    return {_NOT_A_NAME.sub("_", name): value for name, value in numbers.items()}


def _log_variant(mlflow_client: Any, run_id: str, variant: Mapping[str, Any]) -> None:
    from mlflow.entities import Metric

    experiment, name = (
        mlflow_client.get_run(run_id).info.experiment_id,
        f"variant: {variant['name']}",
    )
    mine = f"tags.`mlflow.parentRunId` = '{run_id}' and attributes.run_name = '{name}'"
    if mlflow_client.search_runs([experiment], mine):
        return
    tags = {"mlflow.parentRunId": run_id}
    child = mlflow_client.create_run(experiment, run_name=name, tags=tags)
    now = int(datetime.now(UTC).timestamp() * 1000)
    names = ("rows", "value", "auc", "brier")
    metrics = [Metric(f"tune.{name}", float(variant[name]), now, 0) for name in names]
    mlflow_client.log_batch(child.info.run_id, metrics=metrics)
    mlflow_client.set_terminated(child.info.run_id)


def _log_files(mlflow_client: Any, run_id: str, decision: Decision, content: RunContent) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        told, sources = Path(scratch, "decision"), Path(scratch, SOURCES)
        for folder in (told, sources):
            folder.mkdir()
        (told / "decision.html").write_text(decision.to_html(), encoding="utf-8")
        (told / "decision.json").write_text(decision.model_dump_json(indent=2), encoding="utf-8")
        for path in content.sources:
            shutil.copy(path, sources)
        for name, path in content.artifacts.items():
            if path.exists():
                shutil.copytree(path, Path(scratch, name))
        mlflow_client.log_artifacts(run_id, scratch)
    steps = [asdict(step) for step in metric_chain.steps(decision)]
    if steps:
        table = {name: [step[name] for step in steps] for name in steps[0]}
        mlflow_client.log_table(run_id, table, "decision/translation.json")


def fetch_artifacts(place: Place, run_id: str, folder: str, target: Path) -> Path:
    """Download a folder of a run's artifacts into `target`; return where it lies there.

    Raises:
        TrackingError: If the run or the folder is gone, or MLflow cannot be reached.
    """
    from mlflow.exceptions import MlflowException

    target.mkdir(parents=True, exist_ok=True)
    with client(place) as mlflow_client:
        try:
            gone = mlflow_client.get_run(run_id).info.lifecycle_stage == "deleted"
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            gone = True
        if gone:
            raise TrackingError(f"run {run_id} was deleted in MLflow at {place.mlflow_uri}")
        if not mlflow_client.list_artifacts(run_id, folder):
            raise TrackingError(
                f"run {run_id} in MLflow at {place.mlflow_uri} has no artifact {folder}/"
            )
        return Path(mlflow_client.download_artifacts(run_id, folder, str(target)))


def _register(
    mlflow_client: Any, use_case: str, run_id: str, logged: Any, tags: Mapping[str, str], words: str
) -> str:
    """Make a version of a logged model, with all that is said of it at once."""
    if not mlflow_client.search_registered_models(f"name = '{use_case}'"):
        mlflow_client.create_registered_model(use_case)
    made = mlflow_client.create_model_version(
        use_case,
        logged.model_uri,
        run_id,
        tags=dict(tags),
        description=words,
        model_id=logged.model_id,
    )
    return str(made.version)


def _version_of_run(mlflow_client: Any, use_case: str, run_id: str) -> str:
    found = mlflow_client.search_model_versions(f"name = '{use_case}' and run_id = '{run_id}'")
    return str(found[0].version) if found else ""
