"""A folder with a decision's own code and data, and processes that run that code in it."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kpi_gate.errors import ConfigurationError
from kpi_gate.run.provenance import PACKAGE

# they would lead the restored code to the user's own places
_PLACES = ("KPI_GATE_", "PREFECT_", "MLFLOW_", "DVC_", "GIT_")
LIBRARY = "library"  # where a wheel of the machine is unpacked
_NEXT = "\f"  # printed before the words of each verb
_VERBS = f"""
import sys
from kpi_gate.cli import main
verbs, *words = sys.argv[1:]
for verb in verbs.split():
    print({_NEXT!r}, end="", flush=True)
    sys.argv = ["kpi-gate", verb, *words]
    try:
        main()
    except SystemExit as ended:
        if ended.code:
            raise
"""


class ReproductionError(RuntimeError):
    """A decision cannot be reproduced; the message says what is gone, and where it was."""


@dataclass(frozen=True)
class Scratch:
    """A project of its own for one decision.

    Attributes:
        root: Its folder, as a clone would have it.
        use_case: The use case that was decided on.
    """

    root: Path
    use_case: str

    @property
    def work(self) -> Path:
        """Folder of the use case's files under DVC."""
        return self.root / "data" / self.use_case

    @property
    def home(self) -> Path:
        """Folder of all local state."""
        return self.root / ".kpi-gate"

    @property
    def package(self) -> Path:
        """The machine that runs in it: restored with the code, or else the installed one."""
        places = (self.root / "src", self.root / LIBRARY)
        found = (place / "kpi_gate" for place in places if (place / "kpi_gate").is_dir())
        return next(found, PACKAGE)

    @property
    def ledger_url(self) -> str:
        """Address of its ledger."""
        return f"sqlite:///{self.home / 'ledger.db'}"

    def verbs(
        self, verbs: Sequence[str], *words: str
    ) -> "tuple[str, subprocess.CompletedProcess[str]]":
        """Run verbs of the restored code's command line, in one process, until one says no.

        Returns:
            The last verb that ran, and how it ended; the output is that verb's alone.
        """
        answer = self.python(_VERBS, " ".join(verbs), *words)
        *before, answer.stdout = answer.stdout.split(_NEXT)
        return verbs[max(len(before) - 1, 0)], answer

    def python(self, code: str, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run Python with the restored code first on its path; it finds no other place."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(_PLACES)}
        temporary = self.root / "tmp"
        temporary.mkdir(exist_ok=True)
        first = (self.package.parent, self.root / "src", self.root)
        environment = {
            "PYTHONPATH": os.pathsep.join(map(str, first)),
            "KPI_GATE_ROOT": str(self.root),
            "KPI_GATE_HOME": str(self.home),
            "DVC_NO_ANALYTICS": "1",
            "DVC_GLOBAL_CONFIG_DIR": str(temporary),
            "DVC_SITE_CACHE_DIR": str(temporary / "dvc"),
            "TMPDIR": str(temporary),
        }
        return subprocess.run(
            [sys.executable, "-c", code, *words],
            cwd=self.root,
            env={**kept, **environment},
            capture_output=True,
            text=True,
            check=False,
        )


@contextmanager
def scratch_folder(keep: Path | None) -> Iterator[Path]:
    """Yield an empty folder that goes away afterwards, or one that stays.

    Raises:
        ConfigurationError: If the folder to keep is not empty.
    """
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="kpi-gate-") as folder:
            yield Path(folder).resolve()
        return
    if keep.exists() and (not keep.is_dir() or any(keep.iterdir())):
        raise ConfigurationError(f"--keep {keep}: must be a new or an empty folder")
    keep.mkdir(parents=True, exist_ok=True)
    yield keep.resolve()


def last_line(text: str) -> str:
    """Return the last line of what a process said; that is where its fault is."""
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return lines[-1].removeprefix("kpi-gate: ") if lines else "it said nothing"
