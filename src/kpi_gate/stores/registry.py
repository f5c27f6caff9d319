"""Champion, candidate and anchor (MLflow aliases): who is in use, and how that changes."""

import hashlib
import shutil
import sqlite3
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from kpi_gate.decision.evidence import Contender
from kpi_gate.stores.models import (
    CARD_FILE,
    KEYS_FILE,
    MODEL_FILE,
    ModelCard,
    ModelError,
    load_model,
)
from kpi_gate.stores.prepared import sqlite_file
from kpi_gate.stores.settings import Place
from kpi_gate.stores.tracking import client

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


def glance(place: Place, use_case: str, alias: str) -> str | None:
    """Return what `version_of` does without importing MLflow, which takes seconds.

    It reads MLflow's own table, so it says None, for "ask MLflow", wherever that is not as the
    installed version has it: another kind of store, another schema, a workspace beside the default.
    """
    path = sqlite_file(place.mlflow_uri)
    if path is None or not path.exists():
        return None
    query = "SELECT version, workspace FROM registered_model_aliases WHERE name = ? AND alias = ?"
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database:
            rows = database.execute(query, (use_case, alias)).fetchall()
    except sqlite3.Error:
        return None
    if any(workspace != "default" for _, workspace in rows):
        return None
    return str(rows[0][0]) if rows else ""


def point(place: Place, use_case: str, alias: str, version: str) -> None:
    """Move an alias to a version; no version removes the alias."""
    with client(place) as mlflow_client:
        if version:
            mlflow_client.set_registered_model_alias(use_case, alias, version)
        else:
            mlflow_client.delete_registered_model_alias(use_case, alias)


def tags_of(place: Place, use_case: str, version: str) -> dict[str, str]:
    """Return the tags of a registered version."""
    with client(place) as mlflow_client:
        return dict(mlflow_client.get_model_version(use_case, version).tags)


def fetch(
    place: Place, use_case: str, version: str, folder: Path, trusted: Sequence[str] = ()
) -> ModelCard:
    """Download a registered version into `folder`: its model, card, golden rows and row keys.

    Raises:
        ModelError: If it is unreadable, half-written, or not the model that its card describes.
        TrackingError: If MLflow cannot be reached.
    """
    import mlflow

    with tempfile.TemporaryDirectory() as scratch, client(place) as mlflow_client:
        source = mlflow_client.get_model_version(use_case, version)
        try:
            path = mlflow.artifacts.download_artifacts(
                f"models:/{source.name}/{source.version}", dst_path=scratch
            )
        except OSError as error:
            raise ModelError(f"{use_case} version {version}: {error}") from error
        files = {found.name: found for found in Path(path).rglob("*") if found.is_file()}
        missing = [name for name in (MODEL_FILE, CARD_FILE, KEYS_FILE) if name not in files]
        missing += [] if "evidence_end" in source.tags else ["tag evidence_end"]
        if missing:
            raise ModelError(f"{use_case} version {version}: {', '.join(missing)} is missing")
        try:
            card = ModelCard.read(files[CARD_FILE].parent)
            load_model(files[MODEL_FILE], trusted)
        except ModelError as error:
            raise ModelError(f"{use_case} version {version}: {error}") from error
        if digest(files[MODEL_FILE].read_bytes(), card) != card.contender.digest:
            raise ModelError(
                f"{use_case} version {version}: the model is not the one its card names"
            )
        folder.mkdir(parents=True, exist_ok=True)
        for name, found in files.items():
            if found.parent == files[CARD_FILE].parent or name == MODEL_FILE:
                shutil.copy(found, folder / name)
        # the card was written before the promotion: the version knows what came of it
        evidence_end = source.tags["evidence_end"]
        known = {"name": f"v{version}", "promoted_on": evidence_end}
        contender = Contender.model_validate({**card.contender.model_dump(), **known})
        card = card.model_copy(update={"contender": contender})
        card.write(folder)
    return card


def digest(model: bytes, card: ModelCard) -> str:
    """Hash a model together with its policy and what it had seen: the unit of promotion."""
    later = {"contender": {"name", "digest", "promoted_on"}}
    return hashlib.sha256(model + card.model_dump_json(exclude=later).encode()).hexdigest()[:16]
