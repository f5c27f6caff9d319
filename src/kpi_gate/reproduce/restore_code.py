"""Put the code and the settings of a decision back into a scratch folder, and see that they run."""

import io
import json
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

from kpi_gate import __version__
from kpi_gate.files import project
from kpi_gate.record import decision_run
from kpi_gate.record.ledger import Entry
from kpi_gate.record.mlflow_client import TrackingError
from kpi_gate.reproduce.sandbox import LIBRARY, ReproductionError, Scratch
from kpi_gate.run import provenance
from kpi_gate.run.provenance import policy_hash
from kpi_gate.text import last_line
from kpi_gate.workspace import Workspace

_PROJECT = (
    *("src", "flows", "wheels", ".dvc/config", ".dvcignore"),
    *("pyproject.toml", "dvc.yaml", "requirements.lock"),
)
LOST = "not restored"  # how such a note begins
_ASK = (
    "import json, kpi_gate; from kpi_gate.usecase import discovery; "
    "case = discovery.load({name!r}); "
    "print(json.dumps([kpi_gate.__file__, case.settings.model_dump_json(), case.trusted_types]))"
)


def restore_code(workspace: Workspace, entry: Entry, scratch: Scratch) -> Iterator[str]:
    """Restore the code by its commit, and what a commit may not hold; yield what came from where.

    Raises:
        ReproductionError: If the commit is gone, or a kept file is not what the ledger says.
    """
    code, root = str(entry.body["code"]), scratch.root
    commit, dirty = code.removesuffix("+"), code.endswith("+")
    in_git = commit not in ("", "unknown") and _unpack(workspace.root, commit, root)
    if in_git:
        yield f"code: commit {commit} from git"
    elif commit in ("", "unknown"):
        _copy_present(workspace.root, root)
        yield f"code: what lies in {workspace.root} now, since there was no git"
    elif commit == workspace.git_commit.removesuffix("+"):
        _copy_present(workspace.root, root)
        yield f"code: what lies in {workspace.root}, which is said to be commit {commit}"
    else:
        raise ReproductionError(
            f"commit {commit} of decision {entry.subject} is not in git at "
            f"{workspace.root}: fetch it"
        )
    yield from _restore_sources(workspace, entry, scratch, overwrite=dirty or not in_git)
    yield from _restore_machine(entry, scratch)
    (root / ".dvc").mkdir(exist_ok=True)
    (root / ".dvc/config.local").write_text(
        "[core]\n    no_scm = true\n[cache]\n    dir = cache\n", encoding="utf-8"
    )


def _restore_machine(entry: Entry, scratch: Scratch) -> Iterator[str]:
    """Unpack the wheel that decided, where the project keeps it; say where another machine runs."""
    facts = entry.body.get("replay", {})
    wanted = facts.get("machine", "")
    for wheel in sorted((scratch.root / "wheels").glob("kpi_gate-*.whl")):
        shutil.unpack_archive(wheel, scratch.root / LIBRARY, "zip")
        if provenance.package_hash(scratch.root / LIBRARY / "kpi_gate") == wanted:
            yield f"machine: {wheel.name} from the project"
            return
        shutil.rmtree(scratch.root / LIBRARY)
    if provenance.package_hash(scratch.package) != wanted:
        then = f"kpi-gate {facts['version']}" if "version" in facts else "another"
        yield f"{LOST}: the machine, which was {then} then; this one is kpi-gate {__version__}"


def _unpack(project: Path, commit: str, root: Path) -> bool:
    """Unpack a commit; return whether git has it. The user's tree and index are not touched."""
    git = ["git", "-C", str(project)]
    asked = [*git, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{commit}^{{commit}}"]
    try:
        found = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
        archive = subprocess.run([*git, "archive", found], capture_output=True, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return False
    try:
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            files.extractall(root, filter="data")
    except (OSError, tarfile.TarError) as error:
        raise ReproductionError(f"commit {commit} cannot be unpacked: {error}") from error
    return True


def _copy_present(project: Path, root: Path) -> None:
    for name in _PROJECT:
        source, target = project / name, root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            shutil.copy(source, target)


def _restore_sources(
    workspace: Workspace, entry: Entry, scratch: Scratch, *, overwrite: bool
) -> Iterator[str]:
    """Restore the user's own files where the code above may not be what ran then."""
    targets = source_targets(scratch)
    wanted = [name for name, path in targets.items() if overwrite or not path.exists()]
    if not wanted:
        return
    kept = entry.body.get("replay", {}).get("sources")
    if kept is None:
        yield f"{LOST}: {', '.join(wanted)} as of then: the run kept no copy of them"
        return
    try:
        folder = decision_run.fetch_artifacts(
            workspace, entry.body["run_id"], decision_run.SOURCES, scratch.root / "tmp"
        )
    except TrackingError as error:
        raise ReproductionError(f"decision {entry.subject}: {error}") from error
    wanted = [name for name in wanted if name in kept]
    for name in wanted:
        found = folder / name
        if not found.exists() or provenance.file_hash(found) != kept[name]:
            raise ReproductionError(
                f"artifact {decision_run.SOURCES}/{name} of run {entry.body['run_id']} is not the "
                f"file of decision {entry.subject}: its hash in the ledger is another"
            )
        shutil.copy(found, targets[name])
    yield f"settings: {', '.join(wanted)} from the run's artifacts in MLflow"


def source_targets(scratch: Scratch) -> dict[str, Path]:
    """Return where the user's own files belong."""
    found, name = project.find(scratch.root), scratch.use_case
    if found is None:
        raise ReproductionError(
            f"what was restored to {scratch.root} is no project: its "
            "pyproject.toml has no table [tool.kpi-gate]"
        )
    cases = found.use_cases
    return {
        "dvc.yaml": scratch.root / "dvc.yaml",
        f"{name}.py": cases / f"{name}.py",
        f"{name}.yaml": cases / f"{name}.yaml",
    }


def require_settings(entry: Entry, scratch: Scratch) -> list[str]:
    """Check that the restored code runs, and by the ledger's settings; return trusted types.

    Raises:
        ReproductionError: If it does not.
    """
    answer = scratch.python(_ASK.format(name=entry.use_case))
    if answer.returncode:
        raise ReproductionError(
            f"the restored code of decision {entry.subject} does not run: "
            f"{last_line(answer.stderr)}"
        )
    source, settings, trusted = json.loads(answer.stdout)
    if Path(source).resolve().parent != scratch.package:
        raise ReproductionError(f"{source} ran in place of {scratch.package}")
    found = policy_hash(settings)
    if found != entry.body["policy_hash"]:
        raise ReproductionError(
            f"the settings of decision {entry.subject} cannot be restored: {entry.use_case}.yaml "
            f"as restored has hash {found}, the ledger says {entry.body['policy_hash']}"
        )
    return list(trusted)
