"""Fetch a version from the registry and export it: `python -m ... USE_CASE VERSION`.

A process of its own: it needs MLflow and scikit-learn, which the server does without.
"""

import shutil
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock

from kpi_gate.environment import prepare_environment
from kpi_gate.record.golden_rows import golden_difference
from kpi_gate.record.ledger import open_ledger
from kpi_gate.record.ledger_view import LedgerView
from kpi_gate.record.registered import ModelError
from kpi_gate.record.registry import Registry
from kpi_gate.serving import places
from kpi_gate.serving.errors import ExportError
from kpi_gate.serving.export import make_export
from kpi_gate.serving.predictor import load_export
from kpi_gate.usecase import discovery
from kpi_gate.workspace import Workspace

LOCK_SECONDS = 100


def export_one(workspace: Workspace, name: str, version: str) -> str:
    """Export a version that the ledger knows, in the place of what is there.

    Returns:
        The fingerprint of the export.

    Raises:
        ModelError: If it is gone, or not what the ledger says.
        ExportError: If it cannot be exported.
        OSError: If it cannot be written.
    """
    use_case = discovery.load(name)
    view = LedgerView(open_ledger(workspace), name, datetime.now(UTC)).catch_up()
    judged = view.judged(version)
    with tempfile.TemporaryDirectory() as scratch:
        registry = Registry(workspace, name)
        model = registry.fetch(version, Path(scratch), judged, use_case.trusted_types)
        fault = golden_difference(model)
        if fault:
            raise ModelError(f"{version}: {fault}")
        folder = places.export(workspace, name, version, judged.digest)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(f".{folder.name}.lock"), timeout=LOCK_SECONDS):
            fresh = folder.with_name(f".{folder.name}.new")
            shutil.rmtree(fresh, ignore_errors=True)
            made = make_export(model, use_case, fresh, version=version).fingerprint()
            if _is(folder, made):  # another worker was faster
                shutil.rmtree(fresh)
            else:
                shutil.rmtree(folder, ignore_errors=True)
                fresh.rename(folder)
        return made


def _is(folder: Path, fingerprint: str) -> bool:
    try:
        load_export(folder, fingerprint=fingerprint)
    except ExportError:
        return False
    return True


def main() -> None:
    """Export what the command line names; a fault is one line, and exit 1."""
    name, version = sys.argv[1:]
    workspace = Workspace()
    prepare_environment(workspace.home)
    try:
        made = export_one(workspace, name, version)
    except Exception as error:  # noqa: BLE001  (whatever MLflow or a user's code raises)
        sys.exit(" ".join(str(error).split()) or type(error).__name__)
    sys.stdout.write(f"{made}\n")


if __name__ == "__main__":
    main()
