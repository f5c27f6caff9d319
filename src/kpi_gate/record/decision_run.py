"""Runs (MLflow): what a reviewer opens to see what was decided and why."""

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from kpi_gate.decision import metric_chain
from kpi_gate.decision.verdict import Decision
from kpi_gate.record import run_links
from kpi_gate.record.decision_numbers import all_numbers, shown_numbers
from kpi_gate.record.experiment_notes import DECISIONS_VIEW, NO_BUTTON, VIEW, champion_note
from kpi_gate.record.mlflow_client import LEDGER_ROW, TrackingError, client
from kpi_gate.record.mlflow_model import log_model
from kpi_gate.record.model_files import Model
from kpi_gate.render import render
from kpi_gate.workspace import Workspace

COMPLETE = "kpi_gate.recorded"
SOURCES = "settings"  # artifact folder of the user's own files
SHOWN = ("verdict", "use_case", "as_of", "decision_id")  # tags of a run; hashes are in a file
OF_VERSION = (*SHOWN, "evidence_end")  # of a version: those that the ledger is held against
KIND = "retrain"  # tag of the runs that hold a decision


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
        tags: Facts of the run: a few are tags of it and of the version, all are in a file.
        artifacts: Folders by the artifact folder that they go to.
        model: The candidate; None where none was trained.
        sample: A few input rows for the model's signature.
        snapshot: Fingerprint of the rows; empty where none were frozen.
        snapshot_path: File of the snapshot, relative to the project.
        sources: The user's own files, kept as artifacts: a commit may lack them.
        places: Where the page says that one can look further, by name.
    """

    parameters: Mapping[str, Any]
    tags: Mapping[str, str]
    artifacts: Mapping[str, Path]
    model: Model | None = None
    sample: Any = None
    snapshot: str = ""
    snapshot_path: str = ""
    sources: Sequence[Path] = ()
    places: Mapping[str, str] = field(default_factory=dict)


def record_run(
    workspace: Workspace, use_case: str, decision: Decision, content: RunContent
) -> Recorded:
    """Log a decision as one run, and its candidate as a registered version.

    Recording the same decision again completes the run that is there; nothing is doubled.

    Raises:
        TrackingError: If MLflow cannot be reached, or refuses.
    """
    with client(workspace) as mlflow_client:
        experiment = experiment_of(mlflow_client, workspace, use_case)
        run_id, state = _find_or_start(mlflow_client, experiment, decision, content)
        version = "" if state == "new" else _version_of_run(mlflow_client, use_case, run_id)
        if state == "complete":
            return Recorded(run_id, f"v{version}" if version else "")
        words = description(decision, experiment, run_id)
        _log_numbers(mlflow_client, run_id, decision, content, words)
        for variant in decision.notes.get("variants", ()):
            _log_variant(mlflow_client, experiment, run_id, variant, new=state == "new")
        where = _places(workspace, run_id, content)
        _log_files(mlflow_client, run_id, decision, content, where)
        if content.model is not None and not version:
            gain = decision.gain
            tags = {tag: content.tags[tag] for tag in OF_VERSION if tag in content.tags}
            tags["gain"] = f"{gain.estimate:.4f} {gain.unit}" if gain else ""
            info = log_model(content.model, run_id, content.sample)
            words = f"{words}\n\n{NO_BUTTON.format(name=use_case)}"
            version = _register(mlflow_client, use_case, run_id, info, tags, words)
        if version:
            mlflow_client.set_registered_model_alias(use_case, "candidate", version)
        mlflow_client.set_tag(run_id, COMPLETE, "true")
        mlflow_client.set_terminated(run_id)
        return Recorded(run_id, f"v{version}" if version else "")


def name_row(workspace: Workspace, run_id: str, number: int, row_hash: str) -> None:
    """Let a run name the ledger's row of its decision, so that a row that is lost is missed.

    Raises:
        TrackingError: If MLflow cannot be reached, or refuses.
    """
    with client(workspace) as mlflow_client:
        mlflow_client.set_tag(run_id, LEDGER_ROW, f"{number}:{row_hash}")


def experiment_of(mlflow_client: Any, workspace: Workspace, name: str) -> str:
    """Return the experiment of a use case; it is made where there is none."""
    found = mlflow_client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    local = workspace.mlflow_uri.startswith("sqlite:")
    location = (workspace.home / "artifacts" / name).as_uri() if local else None
    tags = {
        # the MLflow UI opens such an experiment on its runs
        "mlflow.experimentKind": "custom_model_development",
        "mlflow.note.content": champion_note(name, "", ""),
        DECISIONS_VIEW: json.dumps(VIEW),
    }
    return str(mlflow_client.create_experiment(name, artifact_location=location, tags=tags))


def _find_or_start(
    mlflow_client: Any, experiment: str, decision: Decision, content: RunContent
) -> tuple[str, Literal["new", "begun", "complete"]]:
    query = f"tags.decision_id = '{decision.decision_id}'"
    for run in mlflow_client.search_runs([experiment], query, max_results=1):
        complete = run.data.tags.get(COMPLETE) == "true"
        return run.info.run_id, "complete" if complete else "begun"
    name = f"{content.tags['as_of'][:10]} {render(decision, 'run name')}"
    tags = {"kind": KIND, **{tag: content.tags[tag] for tag in SHOWN if tag in content.tags}}
    run = mlflow_client.create_run(experiment, run_name=name, tags=tags)
    return run.info.run_id, "new"


def description(decision: Decision, experiment: str, run_id: str) -> str:
    """Return what a reviewer sees first: the verdict and its money, then the way to the page."""
    first, _, rest = decision.to_markdown().partition("\n\n")
    page = f"#/experiments/{experiment}/runs/{run_id}/artifacts/decision/decision.html"
    return f"{first}\n\n[Open the page of this decision]({page})\n\n{rest}"


def _log_numbers(
    mlflow_client: Any, run_id: str, decision: Decision, content: RunContent, words: str
) -> None:
    from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag

    now = int(datetime.now(UTC).timestamp() * 1000)
    numbers = {name: value for name, value in shown_numbers(decision).items() if value is not None}
    metrics = [Metric(name, float(value), now, 0) for name, value in numbers.items()]
    parameters = [Param(name, str(value)[:500]) for name, value in content.parameters.items()]
    note = [RunTag("mlflow.note.content", words)]
    mlflow_client.log_batch(run_id, metrics=metrics, params=parameters, tags=note)
    if content.snapshot:
        source = json.dumps({"path": content.snapshot_path, "md5": content.snapshot})
        data = Dataset(content.tags["use_case"], content.snapshot, "dvc", source)
        tags = [InputTag("mlflow.data.context", "snapshot")]
        mlflow_client.log_inputs(run_id, [DatasetInput(data, tags)])


def _log_variant(
    mlflow_client: Any, experiment: str, run_id: str, variant: Mapping[str, Any], *, new: bool
) -> None:
    from mlflow.entities import Metric

    name = f"variant: {variant['name']}"
    mine = f"tags.`mlflow.parentRunId` = '{run_id}' and attributes.run_name = '{name}'"
    if not new and mlflow_client.search_runs([experiment], mine):
        return
    tags = {"mlflow.parentRunId": run_id, "kind": "variant"}
    child = mlflow_client.create_run(experiment, run_name=name, tags=tags)
    now = int(datetime.now(UTC).timestamp() * 1000)
    names = ("rows", "value", "auc", "brier")
    metrics = [Metric(f"tune.{name}", float(variant[name]), now, 0) for name in names]
    mlflow_client.log_batch(child.info.run_id, metrics=metrics)
    mlflow_client.set_terminated(child.info.run_id)


def _places(workspace: Workspace, run_id: str, content: RunContent) -> Mapping[str, str]:
    """Return where the page of a decision says that one can look further; no link leads nowhere."""
    report = content.artifacts.get("validation", Path()) / "report.html"
    address = run_links.run_link(workspace, run_id)
    later = f"{run_id}, at {address} while `kpi-gate ui` runs"
    # beside this page in the artifacts of the run
    validated = "../validation/report.html" if report.exists() else ""
    shown = address if workspace.mlflow_uri.startswith(("http://", "https://")) else later
    return {"run in MLflow": shown, "report on the data": validated, **content.places}


def _log_files(
    mlflow_client: Any,
    run_id: str,
    decision: Decision,
    content: RunContent,
    places: Mapping[str, str],
) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        told, sources = Path(scratch, "decision"), Path(scratch, SOURCES)
        for folder in (told, sources):
            folder.mkdir()
        (told / "decision.html").write_text(decision.to_html(places), encoding="utf-8")
        (told / "decision.json").write_text(decision.model_dump_json(indent=2), encoding="utf-8")
        numbers = json.dumps(all_numbers(decision), indent=1)
        (told / "numbers.json").write_text(numbers, encoding="utf-8")
        facts = json.dumps(dict(content.tags), indent=1)
        (told / "provenance.json").write_text(facts, encoding="utf-8")
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


def fetch_artifacts(workspace: Workspace, run_id: str, folder: str, target: Path) -> Path:
    """Download a folder of a run's artifacts into `target`; return where it lies there.

    Raises:
        TrackingError: If the run or the folder is gone, or MLflow cannot be reached.
    """
    from mlflow.exceptions import MlflowException

    target.mkdir(parents=True, exist_ok=True)
    with client(workspace) as mlflow_client:
        try:
            gone = mlflow_client.get_run(run_id).info.lifecycle_stage == "deleted"
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            gone = True
        if gone:
            raise TrackingError(f"run {run_id} was deleted in MLflow at {workspace.mlflow_uri}")
        if not mlflow_client.list_artifacts(run_id, folder):
            raise TrackingError(
                f"run {run_id} in MLflow at {workspace.mlflow_uri} has no artifact {folder}/"
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
