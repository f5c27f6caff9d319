"""Champion, candidate and anchor (MLflow aliases): who is in use, and how that changes."""

import hashlib
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from kpi_gate.decision.evidence import Contender
from kpi_gate.record.mlflow_client import client
from kpi_gate.record.model_files import (
    CARD_FILE,
    KEYS_FILE,
    MODEL_FILE,
    Model,
    ModelCard,
    load_model,
)
from kpi_gate.record.registered import Judged, ModelError
from kpi_gate.workspace import Workspace


class Registry:
    """The versions of one use case, by the names that the ledger gives them, such as `v2`.

    Args:
        workspace: Where MLflow is.
        use_case: Name of the registered model.
    """

    def __init__(self, workspace: Workspace, use_case: str) -> None:
        self.workspace, self.use_case = workspace, use_case

    def version_of(self, alias: str) -> str:
        """Return the version that an alias points to; empty where there is none."""
        from mlflow.exceptions import MlflowException

        with client(self.workspace) as mlflow_client:
            try:
                found = mlflow_client.get_model_version_by_alias(self.use_case, alias)
            except MlflowException as error:
                if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                    return ""
                raise
        return f"v{found.version}"

    def point(self, alias: str, version: str) -> None:
        """Move an alias to a version; no version removes the alias."""
        with client(self.workspace) as mlflow_client:
            if version:
                mlflow_client.set_registered_model_alias(self.use_case, alias, version[1:])
            elif self.version_of(alias):
                mlflow_client.delete_registered_model_alias(self.use_case, alias)

    def describe(self, words: str) -> None:
        """Say on the pages of the use case's experiment and of its model who is champion.

        What was deleted there is left: a way back must be open without it.
        """
        from mlflow.exceptions import MlflowException

        with client(self.workspace) as mlflow_client:
            try:
                experiment = mlflow_client.get_experiment_by_name(self.use_case)
                if experiment is not None and experiment.lifecycle_stage == "active":
                    where = experiment.experiment_id
                    mlflow_client.set_experiment_tag(where, "mlflow.note.content", words)
                mlflow_client.update_registered_model(self.use_case, words)
            except MlflowException as error:
                if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                    raise

    def tags_of(self, version: str) -> dict[str, str]:
        """Return the tags of a version."""
        with client(self.workspace) as mlflow_client:
            return dict(mlflow_client.get_model_version(self.use_case, version[1:]).tags)

    def set_tag(self, version: str, name: str, value: str) -> None:
        """Set a tag of a version; an empty value takes it away."""
        with client(self.workspace) as mlflow_client:
            if value:
                mlflow_client.set_model_version_tag(self.use_case, version[1:], name, value)
            else:
                mlflow_client.delete_model_version_tag(self.use_case, version[1:], name)

    def fetch(
        self, version: str, folder: Path, judged: Judged, trusted: Sequence[str] = ()
    ) -> Model:
        """Download a version into `folder`: its model, card, golden rows and row keys.

        Args:
            version: Such as `v2`.
            folder: Where to.
            judged: What the ledger says of it.
            trusted: Types that the use case trusts in its model.

        Raises:
            ModelError: If it is gone, unreadable, half-written, or not what the ledger says.
            TrackingError: If MLflow cannot be reached.
        """
        named = f"{self.use_case} version {version[1:]}"
        with tempfile.TemporaryDirectory() as scratch:
            files, tags = self._download(version, Path(scratch))
            missing = [name for name in (MODEL_FILE, CARD_FILE, KEYS_FILE) if name not in files]
            missing += [] if "evidence_end" in tags else ["tag evidence_end"]
            if missing:
                raise ModelError(f"{named}: {', '.join(missing)} is missing")
            fault = _difference(files, tags, judged)
            if fault:
                raise ModelError(f"{named}: {fault}, as decision {judged.decision} recorded")
            try:
                card = ModelCard.read(files[CARD_FILE].parent)
                found = digest(files[MODEL_FILE].read_bytes(), card)
                if {found, card.contender.digest} != {judged.digest}:
                    raise ModelError(
                        f"the model is not the one of decision {judged.decision} in the ledger: "
                        f"digest {found}, recorded {judged.digest}"
                    )
                # not before: it may be anybody's
                estimator = load_model(files[MODEL_FILE], trusted)
            except ModelError as error:
                raise ModelError(f"{named}: {error}") from error
            folder.mkdir(parents=True, exist_ok=True)
            for name, path in files.items():
                if path.parent == files[CARD_FILE].parent or name == MODEL_FILE:
                    shutil.copy(path, folder / name)
        # the card was written before the promotion: the ledger knows what came of it
        known = {"name": version, "promoted_on": judged.evidence_end}
        contender = Contender.model_validate({**card.contender.model_dump(), **known})
        card = card.model_copy(update={"contender": contender})
        card.write(folder)
        return Model(folder, trusted, card=card, estimator=estimator)

    def _download(self, version: str, scratch: Path) -> tuple[dict[str, Path], dict[str, str]]:
        """Return a version's files by name, and its tags."""
        import mlflow
        from mlflow.exceptions import MlflowException

        named = f"{self.use_case} version {version[1:]}"
        with client(self.workspace) as mlflow_client:
            try:
                source = mlflow_client.get_model_version(self.use_case, version[1:])
                path = mlflow.artifacts.download_artifacts(
                    f"models:/{source.name}/{source.version}", dst_path=str(scratch)
                )
            except OSError as error:
                raise ModelError(f"{named}: {error}") from error
            except MlflowException as error:
                if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                    raise
                raise ModelError(f"{named}: it is not in MLflow") from error
            files = {found.name: found for found in Path(path).rglob("*") if found.is_file()}
            return files, dict(source.tags)


def _difference(files: Mapping[str, Path], tags: Mapping[str, str], judged: Judged) -> str:
    """Say what of a version is not as the ledger says; empty where nothing is known to differ."""
    for name, wanted in judged.files.items():
        if name not in files:
            return f"{name} is missing"
        if file_hash(files[name]) != wanted:
            return f"{name} is not the file"
    if tags["evidence_end"] != judged.evidence_end:
        return f"tag evidence_end is {tags['evidence_end']}, not {judged.evidence_end}"
    return ""


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def digest(model: bytes, card: ModelCard) -> str:
    """Hash a model together with its policy and what it had seen: the unit of promotion."""
    later = {"contender": {"name", "digest", "promoted_on"}}
    return hashlib.sha256(model + card.model_dump_json(exclude=later).encode()).hexdigest()[:16]
