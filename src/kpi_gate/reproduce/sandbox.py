"""A folder with a decision's own code and data, and a process that runs that code in it."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, Self

from kpi_gate.errors import ConfigurationError
from kpi_gate.run.provenance import PACKAGE

# they would lead the restored code to the user's own places
_PLACES = ("KPI_GATE_", "PREFECT_", "MLFLOW_", "DVC_", "GIT_")
LIBRARY = "library"  # where a wheel of the machine is unpacked
_VERB = "from kpi_gate.cli import main; main()"
# what is asked comes by its input, a line for each; its output is for the answers alone
_ASKED = """
import io, json, os, sys, traceback
from contextlib import redirect_stderr, redirect_stdout
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
for line in sys.stdin:
    code, *sys.argv = json.loads(line)
    out, err, status = io.StringIO(), io.StringIO(), 0
    with redirect_stdout(out), redirect_stderr(err):
        try:
            exec(code, {"__name__": "__main__"})
        except SystemExit as ended:
            status = ended.code or 0
            if isinstance(status, str):
                print(status, file=sys.stderr)
                status = 1
        except Exception:
            traceback.print_exc()
            status = 1
    print(json.dumps([status, out.getvalue(), err.getvalue()]), file=answers, flush=True)
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
        """Run verbs of the restored code's command line, one after the other, until one says no.

        Returns:
            The last verb that ran, and how it ended.
        """
        for verb in verbs:
            answer = self.python(_VERB, verb, *words)
            if answer.returncode:
                break
        return verb, answer

    def python(self, code: str, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run Python with the restored code first on its path; it finds no other place.

        It is one process until `close`: the restored code imports for seconds.
        """
        (self.root / "tmp").mkdir(exist_ok=True)
        process = self._process
        try:
            process.stdin.write(json.dumps([code, "kpi-gate", *words]) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if line:
            return subprocess.CompletedProcess(words, *json.loads(line))
        status = process.wait()  # it died
        self.close()
        said = self._errors.read_text("utf-8", "replace")
        return subprocess.CompletedProcess(words, status or 1, "", said)

    def close(self) -> None:
        """End the process of the restored code."""
        process = vars(self).pop("_process", None)
        if process is not None:
            process.kill()
            process.communicate()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def _errors(self) -> Path:
        return self.root / "tmp" / "stderr.txt"

    @cached_property
    def _process(self) -> Any:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(_PLACES)}
        temporary = self.root / "tmp"
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
        with self._errors.open("wb") as errors:
            return start(_ASKED, self.root, {**kept, **environment}, errors)


def start(code: str, folder: Path, environment: dict[str, str], errors: BinaryIO) -> Any:
    """Start Python in a folder; its input and its output are pipes of text."""
    return subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=folder,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
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
