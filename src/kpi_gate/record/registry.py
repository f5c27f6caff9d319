"""Champion, candidate and anchor (MLflow aliases): who is in use, and how that changes."""

import hashlib
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kpi_gate.decision.evidence import Contender
from kpi_gate.record.decision_run import client
from kpi_gate.record.model_files import (
    CARD_FILE,
    KEYS_FILE,
    MODEL_FILE,
    ModelCard,
    ModelError,
    load_model,
)
from kpi_gate.workspace import Place

CHAMPION, CANDIDATE, ANCHOR = "champion", "candidate", "anchor"


def version_of(place: Place, use_case: str, alias: str) -> str:
    """Return the version that an alias points to; empty where there is none."""
    from mlflow.exceptions import MlflowException

    with client(place) as mlflow_client:
        try:
            return str(mlflow_client.get_model_version_by_alias(use_case, alias).version)
        except MlflowException as error:
            if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                return ""
            raise


def point(place: Place, use_case: str, alias: str, version: str) -> None:
    """Move an alias to a version; no version removes the alias."""
    with client(place) as mlflow_client:
        if version:
            mlflow_client.set_registered_model_alias(use_case, alias, version)
        elif version_of(place, use_case, alias):
            mlflow_client.delete_registered_model_alias(use_case, alias)


def tags_of(place: Place, use_case: str, version: str) -> dict[str, str]:
    """Return the tags of a registered version."""
    with client(place) as mlflow_client:
        return dict(mlflow_client.get_model_version(use_case, version).tags)


@dataclass(frozen=True)
class Judged:
    """What the ledger says of a registered version: MLflow's files and tags are held against it.

    Attributes:
        decision: Id of the decision that registered it.
        digest: Digest of its model with its card.
        evidence_end: End of the gate window, ISO 8601: earlier rows were used up by it.
        files: SHA-256 of each of its files by name; empty in ledgers from before they were kept.
    """

    decision: str
    digest: str
    evidence_end: str
    files: Mapping[str, str]


def fetch(
    place: Place,
    use_case: str,
    version: str,
    folder: Path,
    judged: Judged,
    trusted: Sequence[str] = (),
) -> ModelCard:
    """Download a registered version into `folder`: its model, card, golden rows and row keys.

    Args:
        place: Where MLflow is.
        use_case: Name of the registered model.
        version: Number of the version.
        folder: Where to.
        judged: What the ledger says of it.
        trusted: Types that the use case trusts in its model.

    Raises:
        ModelError: If it is gone, unreadable, half-written, or not what the ledger says.
        TrackingError: If MLflow cannot be reached.
    """
    named = f"{use_case} version {version}"
    with tempfile.TemporaryDirectory() as scratch:
        files, tags = _download(place, use_case, version, Path(scratch))
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
            load_model(files[MODEL_FILE], trusted)  # not before: it may be anybody's
        except ModelError as error:
            raise ModelError(f"{named}: {error}") from error
        folder.mkdir(parents=True, exist_ok=True)
        for name, path in files.items():
            if path.parent == files[CARD_FILE].parent or name == MODEL_FILE:
                shutil.copy(path, folder / name)
        # the card was written before the promotion: the ledger knows what came of it
        known = {"name": f"v{version}", "promoted_on": judged.evidence_end}
        contender = Contender.model_validate({**card.contender.model_dump(), **known})
        card = card.model_copy(update={"contender": contender})
        card.write(folder)
    return card


def _download(
    place: Place, use_case: str, version: str, scratch: Path
) -> tuple[dict[str, Path], dict[str, str]]:
    """Return a version's files by name, and its tags."""
    import mlflow
    from mlflow.exceptions import MlflowException

    with client(place) as mlflow_client:
        try:
            source = mlflow_client.get_model_version(use_case, version)
            path = mlflow.artifacts.download_artifacts(
                f"models:/{source.name}/{source.version}", dst_path=str(scratch)
            )
        except OSError as error:
            raise ModelError(f"{use_case} version {version}: {error}") from error
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            raise ModelError(f"{use_case} version {version}: it is not in MLflow") from error
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
