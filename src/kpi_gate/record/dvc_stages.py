"""Stages (DVC): which must run, what they froze, and how to get it back."""

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Callable
from contextlib import chdir
from functools import cached_property
from pathlib import Path
from typing import Any

from kpi_gate.errors import ConfigurationError


class SnapshotError(RuntimeError):
    """The rows cannot be frozen or restored; the message says what and where."""


class UnknownSnapshotError(SnapshotError, ConfigurationError):
    """No rows with this fingerprint are kept anywhere."""


class StageMissingError(ConfigurationError):
    """`dvc.yaml` does not list the use case; the message says what to add."""


class Stages:
    """The stages of a project, through one repository that is opened when it is first asked for.

    One thread at a time: a repository that is shared fails (STACK.md section 2). Within
    `dvc repro` DVC decides and records itself, and no repository is opened for it.

    Args:
        root: Folder with `dvc.yaml`.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        project = os.environ.get("DVC_ROOT", "")
        within = "DVC_STAGE" in os.environ and bool(project)
        self._within = within and Path(project).resolve() == root.resolve()
        self._found: dict[str, Any] = {}

    def close(self) -> None:
        """Close the repository."""
        repo = vars(self).pop("_repo", None)
        if repo is not None:
            repo.close()
        self._found.clear()

    def require(self, stage: str) -> None:
        """Tell a use case that `dvc.yaml` does not list before anything is loaded.

        Raises:
            StageMissingError: If there is no such stage.
        """
        if not self._within:
            self._stage(stage)

    def changed(self, stage: str) -> bool:
        """Tell whether DVC would run the stage: a dependency, parameter or output has changed."""
        found = self._stage(stage)
        with self._repo.lock:
            return bool(found.changed())

    def run(self, stage: str, work: Callable[[], Any], *, always: bool = False) -> bool:
        """Run a stage's work in this process if DVC says so, and record it as `dvc repro` would.

        Args:
            stage: Name of the stage, such as `train@campaign`.
            work: Writes the stage's outputs, each as a new file.
            always: Run even where nothing changed: for sources that DVC cannot see into.

        Returns:
            Whether the work ran.
        """
        if self._within:
            work()
            return True
        if not always and not self.changed(stage):
            return False
        work()
        found = self._stage(stage)
        with self._repo.lock, chdir(self.root):  # DVC reads some paths from where the process is
            _drop_half_written_lock(self._repo)
            found.save()
            found.commit()
            found.dump(update_pipeline=False)
        return True

    def fingerprint(self, stage: str, path: Path) -> str:
        """Return DVC's content hash of a stage's output, as the last run recorded it."""
        if self._within:  # not recorded yet
            with path.open("rb") as content:
                return hashlib.file_digest(content, "md5").hexdigest()
        outputs = {Path(found.fs_path): found for found in self._stage(stage).outs}
        return str(outputs[path].hash_info.value)

    def keep_in_remote(self, stage: str) -> None:
        """Copy a stage's outputs to the default DVC remote, where there is one."""
        if not self._within and self._repo.config["core"].get("remote"):
            with chdir(self.root):
                self._repo.push(targets=[stage])

    def restore(self, wanted: str, target: Path) -> None:
        """Write the file with a fingerprint to `target`, from the cache or else the remote.

        Raises:
            UnknownSnapshotError: If neither holds it.
        """
        places = [self._repo.cache.local]
        if self._repo.config["core"].get("remote"):
            places.append(self._repo.cloud.get_remote_odb())
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

    @cached_property
    def _repo(self) -> Any:
        from dvc.exceptions import DvcException
        from dvc.repo import Repo

        logging.getLogger("dvc").setLevel(logging.WARNING)
        try:
            return Repo(str(self.root))
        except DvcException as error:
            raise SnapshotError(
                f"{self.root}: {error}; run from the project's folder, and where it has no git, "
                "once: dvc config --local core.no_scm true"
            ) from error

    def _stage(self, name: str) -> Any:
        """Read one stage alone: the others, and all their outputs, take DVC as long each."""
        if name not in self._found:
            self._found[name] = _find(self._repo, name)
        return self._found[name]


def clear(folder: Path) -> None:
    """Empty a stage's output folder, so that nothing of an earlier run stays in it."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)


def _find(repo: Any, name: str) -> Any:
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
