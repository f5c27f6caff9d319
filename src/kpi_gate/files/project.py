"""The project at work, found by `[tool.kpi-gate]` in a pyproject.toml, here or further up."""

import importlib.util
import os
import sys
import tomllib
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from kpi_gate.errors import ConfigurationError

FILE, TABLE = "pyproject.toml", "kpi-gate"
FLOW_FILES = {"experiment": "monitor"}  # of flows that lie in the file of another
_DEFAULTS = {"flows": "flows", "home": ".kpi-gate"}


@dataclass(frozen=True)
class Project:
    """Where a project keeps what is its owner's.

    Attributes:
        root: Folder of the project, with `pyproject.toml` and `dvc.yaml`.
        use_cases: Folder of its use cases, one module and one YAML each.
        flows: Folder of its flows: `retrain.py`, `monitor.py` and, where there are experiments,
            `experiment.py`.
        home: Folder of all local state.
    """

    root: Path
    use_cases: Path
    flows: Path
    home: Path

    def flow(self, name: str) -> Any:
        """Return one of the project's own flows, from the file that has it.

        Raises:
            ConfigurationError: If there is none, or its module cannot be imported.
        """
        file = FLOW_FILES.get(name, name)
        found = getattr(self.load(self.flows / f"{file}.py"), name, None)
        if found is None:
            raise ConfigurationError(f"{self.shown(self.flows)}/{file}.py: has no flow `{name}`")
        return found

    def load(self, path: Path, *, anew: bool = False) -> ModuleType:
        """Import a module by its file, under the name that the project's own code imports it by.

        Args:
            path: The file.
            anew: Return a copy of its own, and leave no trace.

        Raises:
            ConfigurationError: If it cannot be imported; the message has file and line.
        """
        name = self._module_name(path)
        before = sys.modules.get(name)
        if not anew and before and Path(before.__file__ or "").resolve() == path:
            return before
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None or not path.is_file():
            raise ConfigurationError(f"{self.shown(path)}: there is no such file")
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        done = False
        try:
            with self._told(path):
                spec.loader.exec_module(module)
            done = True
        finally:
            if anew or not done:
                sys.modules.pop(name)
                sys.modules.update({} if before is None else {name: before})
        return module

    def _module_name(self, path: Path) -> str:
        """Return a module's name, and let modules of the project be imported by theirs."""
        base = self.root / "src"
        base = base if path.is_relative_to(base) else self.root
        if str(base) not in sys.path:
            sys.path.append(str(base))
        return ".".join(path.relative_to(base).with_suffix("").parts)

    def shown(self, path: Path) -> Path:
        """Return a path as people read it: from the project's folder, where it lies in it."""
        return path.relative_to(self.root) if path.is_relative_to(self.root) else path

    @contextmanager
    def _told(self, path: Path) -> Iterator[None]:
        try:
            yield
        except ConfigurationError:
            raise
        except (Exception, SystemExit) as error:
            place, line = path, 0
            for frame in traceback.extract_tb(error.__traceback__):
                file = Path(frame.filename)
                if file.is_relative_to(self.root) and "site-packages" not in file.parts:
                    place, line = file, frame.lineno or 0
            if isinstance(error, SyntaxError):
                place, line = Path(error.filename or path), error.lineno or 0
            words = " ".join(str(error).split())
            raise ConfigurationError(
                f"{self.shown(place)}:{line}: cannot be imported: {type(error).__name__}: {words}"
            ) from error


def find(start: Path) -> Project | None:
    """Return the project that a folder lies in; None where no folder above it is one.

    Raises:
        ConfigurationError: If its table is wrong.
    """
    start = start.resolve()
    for root in (start, *start.parents):
        path = root / FILE
        if not path.is_file():
            continue
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {}).get(TABLE)
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"{path}: cannot be read: {error}") from None
        if table is not None:
            return _project(path, table)
    return None


def here() -> Project:
    """Return the project that this process works in, or the one that `KPI_GATE_ROOT` names.

    Raises:
        ConfigurationError: If there is none, or its table is wrong.
    """
    start = Path(os.environ.get("KPI_GATE_ROOT") or ".")
    found = find(start)
    if found is None:
        raise ConfigurationError(
            f"no project in {start.resolve()} or above it: no {FILE} has a table [tool.{TABLE}]; "
            "go into a project's folder, or make one from the template"
        )
    return found


def _project(path: Path, table: dict[str, Any]) -> Project:
    given = {**_DEFAULTS, **table}
    for name, value in given.items():
        if name not in {"use_cases", *_DEFAULTS}:
            raise ConfigurationError(
                f"{path}: tool.{TABLE}.{name}: unknown, must be use_cases, flows or home"
            )
        if not isinstance(value, str) or not value:
            raise ConfigurationError(f"{path}: tool.{TABLE}.{name} == {value!r}, must be a folder")
    if "use_cases" not in given:
        raise ConfigurationError(
            f'{path}: tool.{TABLE}.use_cases is missing: the folder of the use cases, such as "src/'
            'shop/usecases"'
        )
    folders = {name: (path.parent / value).resolve() for name, value in given.items()}
    for name in ("use_cases", "flows"):
        if not folders[name].is_relative_to(path.parent):
            raise ConfigurationError(
                f"{path}: tool.{TABLE}.{name} == {given[name]!r}, must lie in the project"
            )
    return Project(root=path.parent, **folders)
