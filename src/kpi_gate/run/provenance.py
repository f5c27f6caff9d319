"""What the record of a decision keeps so that the decision can be reproduced."""

import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import kpi_gate
from kpi_gate import __version__
from kpi_gate.evaluation.evidence_files import TABLE_FILE
from kpi_gate.record.model_files import MODEL_FILE, Model
from kpi_gate.record.registered import ModelError
from kpi_gate.run.context import REFIT, Run
from kpi_gate.usecase import discovery

PACKAGE = Path(kpi_gate.__file__).parent
EXAMPLES = frozenset({"examples", "template"})  # a wheel carries what `kpi-gate new` begins with
# rooms that no decision hangs on: they show, watch, replay or prove it
AFTERWARDS = EXAMPLES | {
    "backtest",
    "cli",
    "experiment",
    "orchestration",
    "proof",
    "report",
    "reproduce",
    "watch",
}
MODEL, TABLE = f"candidate/{MODEL_FILE}", f"evidence/{TABLE_FILE}"
REFIT_MODEL, REFIT_TABLE = f"{REFIT}/{MODEL}", f"{REFIT}/{TABLE}"
_WITH_REFIT = (MODEL, TABLE, REFIT_MODEL, REFIT_TABLE)


def source_files(run: Run) -> list[Path]:
    """Return the user's own files, which no commit may hold: module, YAML and `dvc.yaml`."""
    module = discovery.module_file(run.name)
    files = [run.workspace.root / "dvc.yaml", module, module.with_suffix(".yaml")]
    return [path for path in files if path.exists()]


def replay_facts(run: Run) -> dict[str, Any]:
    """Return what the ledger must hold for a replay beside data, code and settings.

    Where its rows were not frozen, the files of an earlier tick lie in its folder.
    """
    facts: dict[str, Any] = {
        "machine": machine_hash(),
        "version": __version__,
        "sources": file_hashes(source_files(run)),
    }
    if run.is_frozen:
        names = (MODEL, TABLE) if run.decision.refit is None else _WITH_REFIT
        files = {name: run.work / name for name in names}
        facts |= {
            "tick": run.snapshot.tick,
            "champion": _contender(run.champion),
            "anchor": _contender(run.anchor) if run.anchor is not None else None,
            "files": {name: file_hash(path) for name, path in files.items() if path.exists()},
        }
    return facts


def policy_hash(settings_json: str) -> str:
    """Hash a use case's YAML: everything that can change its decisions."""
    return hashlib.sha256(settings_json.encode()).hexdigest()[:16]


@cache
def machine_hash(apart: frozenset[str] = EXAMPLES) -> str:
    """Hash the source of the machine that runs, but for some rooms of it."""
    return package_hash(PACKAGE, apart)


def package_hash(package: Path, apart: frozenset[str] = EXAMPLES) -> str:
    """Hash the source of a machine, wherever it lies, but for some rooms of it."""
    names = (path.relative_to(package) for path in sorted(package.rglob("*.py")))
    kept = (name for name in names if name.parts[0] not in apart)
    lines = [f"{name.as_posix()} {file_hash(package / name)}" for name in kept]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def file_hashes(paths: Iterable[Path]) -> dict[str, str]:
    """Return the hash of each file by its name."""
    return {path.name: file_hash(path) for path in paths}


def file_hash(path: Path) -> str:
    """Hash a file's content."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def _contender(model: Model) -> dict[str, Any] | None:
    """Return who it is; None where nobody can be read."""
    try:
        return model.card.contender.model_dump(mode="json")
    except ModelError:
        return None
