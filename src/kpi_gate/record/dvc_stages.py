"""Snapshots and stages (DVC): what was frozen, whether a stage must run, and how to get it back."""

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from kpi_gate.errors import ConfigurationError


class SnapshotError(RuntimeError):
    """The rows cannot be frozen or restored; the message says what and where."""


class UnknownSnapshotError(SnapshotError, ConfigurationError):
    """No rows with this fingerprint are kept anywhere."""


class StageMissingError(ConfigurationError):
    """`dvc.yaml` does not list the use case; the message says what to add."""


@dataclass(frozen=True)
class Snapshot:
    """The rows frozen for one run.

    Attributes:
        use_case: Whose rows.
        as_of: Only what was known before this moment is in it.
        rows: Number of rows.
        fingerprint: DVC's content hash of the file: the same rows, the same fingerprint.
        path: Where the file lies in the project.
    """

    use_case: str
    as_of: datetime
    rows: int
    fingerprint: str
    path: Path


def mask_future(
    rows: pd.DataFrame, as_of: datetime, with_outcome: Sequence[str] = ()
) -> pd.DataFrame:
    """Keep the events before `as_of`, and of their outcomes those that were known by then.

    The rows come back in time order. A row without a time is kept, for validation to refuse.

    Args:
        rows: The rows.
        as_of: Nothing later is known.
        with_outcome: Further columns that are known only with the outcome.
    """
    past = (rows["event_time"] < as_of) | rows["event_time"].isna()
    kept = rows[past].sort_values("event_time", kind="stable", ignore_index=True)
    unknown = kept["label_time"].isna() | (kept["label_time"] >= as_of)
    for name in dict.fromkeys(("outcome", "label_time", *with_outcome)):
        if name in kept.columns and name != "observed":  # that an outcome stays hidden is no news
            column = kept[name]
            if pd.api.types.is_bool_dtype(column.dtype) and unknown.any():
                column = column.astype("boolean")  # a truth can be missing only there
            kept[name] = column.mask(unknown)
    return kept


def write_rows(rows: pd.DataFrame, path: Path) -> None:
    """Write a table as parquet; the same rows give the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    rows.to_parquet(partial, index=False, compression="zstd")
    partial.replace(path)  # a new file: the old one may be a link into DVC's cache


def require_stage(root: Path, stage: str) -> None:
    """Tell a use case that `dvc.yaml` does not list before anything is loaded.

    Raises:
        StageMissingError: If there is no such stage.
    """
    if not _within(root):
        with _repo(root) as repo:
            _find(repo, stage)


def _within(root: Path) -> bool:
    """Tell whether this process is the command of a stage that `dvc repro` runs in this project."""
    project = os.environ.get("DVC_ROOT", "")
    return "DVC_STAGE" in os.environ and bool(project) and Path(project).resolve() == root.resolve()


def stage_changed(root: Path, stage: str) -> bool:
    """Tell whether DVC would run the stage: a dependency, parameter or output has changed."""
    with _repo(root) as repo:
        return bool(_changed(repo, _find(repo, stage)))


def run_stage(root: Path, stage: str, work: Callable[[], Any], *, always: bool = False) -> bool:
    """Run a stage's work in this process if DVC says so, and record it as `dvc repro` would.

    Args:
        root: Folder with `dvc.yaml`.
        stage: Name of the stage, such as `train@campaign`.
        work: Writes the stage's outputs, each as a new file.
        always: Run even where nothing changed: for sources that DVC cannot see into.

    Within `dvc repro` the work is all there is to do: DVC decides and records itself.

    Returns:
        Whether the work ran.
    """
    if _within(root):
        work()
        return True
    # a repository of its own each time: one shared between threads fails (STACK.md section 2)
    if not always and not stage_changed(root, stage):
        return False
    work()
    with _repo(root) as repo:
        found = _find(repo, stage)
        with repo.lock:
            _drop_half_written_lock(repo)
            found.save()
            found.commit()
            found.dump(update_pipeline=False)
    return True


def fingerprint(root: Path, stage: str, path: Path) -> str:
    """Return DVC's content hash of a stage's output, as the last run recorded it."""
    if _within(root):  # not recorded yet
        with path.open("rb") as content:
            return hashlib.file_digest(content, "md5").hexdigest()
    with _repo(root) as repo:
        outputs = {Path(found.fs_path): found for found in _find(repo, stage).outs}
        return str(outputs[path].hash_info.value)


def keep_in_remote(root: Path, stage: str) -> None:
    """Copy a stage's outputs to the default DVC remote, where there is one."""
    if _within(root):
        return
    with _repo(root) as repo:
        if repo.config["core"].get("remote"):
            repo.push(targets=[stage])


def restore(root: Path, wanted: str, target: Path) -> None:
    """Write the file with a fingerprint to `target`, from the cache or else the remote.

    Raises:
        UnknownSnapshotError: If neither holds it.
    """
    with _repo(root) as repo:
        places = [repo.cache.local]
        if repo.config["core"].get("remote"):
            places.append(repo.cloud.get_remote_odb())
        for place in places:
            source = place.oid_to_path(wanted)
            if place.fs.exists(source):
                target.parent.mkdir(parents=True, exist_ok=True)
                place.fs.get_file(source, str(target))
                target.chmod(0o644)
                return
    raise UnknownSnapshotError(
        f"no snapshot {wanted!r} in DVC's cache or remote; see `kpi-gate ledger show`"
    )


def clear(folder: Path) -> None:
    """Empty a stage's output folder, so that nothing of an earlier run stays in it."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)


def _repo(root: Path) -> Any:
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    logging.getLogger("dvc").setLevel(logging.WARNING)
    try:
        return Repo(str(root))
    except DvcException as error:
        raise SnapshotError(
            f"{root}: {error}; run from the project's folder, and where it has no git, once: "
            "dvc config --local core.no_scm true"
        ) from error


def _find(repo: Any, name: str) -> Any:
    """Read one stage alone: the others, and all their outputs, take DVC as long each."""
    from dvc.exceptions import DvcException
    from dvc.stage.exceptions import StageNotFound

    try:
        return _load(repo, name)
    except StageNotFound:
        known = sorted(str(getattr(stage, "name", stage)) for stage in repo.index.stages)
        raise StageMissingError(
            f"dvc.yaml has no stage {name!r}: add the use case to its list `use_cases`; "
            f"it has {', '.join(known)}"
        ) from None
    except DvcException as error:
        words = " ".join(str(error).split())
        raise SnapshotError(
            f"{words}: repair dvc.yaml, or delete dvc.lock and run again"
        ) from error


def _load(repo: Any, name: str) -> Any:
    """Read a stage; a record that a killed process left half written is begun anew.

    DVC writes dvc.lock in place. Without it the stages run again, with the same results.
    """
    from dvc.exceptions import DvcException
    from dvc.stage.exceptions import StageNotFound

    file = str(Path(repo.root_dir, "dvc.yaml"))
    try:
        return repo.stage.load_one(file, name)
    except StageNotFound:
        raise
    except DvcException as error:
        if "dvc.lock" not in str(error):
            raise
    with repo.lock:  # nobody is writing it now
        try:
            return repo.stage.load_one(file, name)
        except StageNotFound:
            raise
        except DvcException:
            Path(repo.root_dir, "dvc.lock").unlink(missing_ok=True)
    return repo.stage.load_one(file, name)


def _drop_half_written_lock(repo: Any) -> None:
    """Remove DVC's list of readers and writers where a killed process left half of it.

    DVC writes it in place too, and would refuse it for ever. The caller holds the repository.
    """
    from dvc.lock import make_lock

    path = Path(repo.tmp_dir, "rwlock")
    with make_lock(str(path.with_suffix(".lock")), tmp_dir=repo.tmp_dir):
        try:
            json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            pass
        except ValueError:
            path.unlink()


def _changed(repo: Any, stage: Any) -> bool:
    with repo.lock:
        return bool(stage.changed())
