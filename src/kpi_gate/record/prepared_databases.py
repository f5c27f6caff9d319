"""Empty databases of MLflow and Prefect, migrated once an environment and copied into every home.

Migrating takes each tool some seconds, a copy none. `make install` prepares them; where nobody has,
the first home that needs one does. An environment that cannot be written to goes without: the tools
then migrate a new home themselves.
"""

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sqlalchemy.engine import make_url

if TYPE_CHECKING:
    from collections.abc import Callable

Tool = Literal["mlflow", "prefect"]
# what a database knows of the moment and place in which it was made
_OF_ITS_OWN = {"mlflow": ("experiments",), "prefect": ("configuration", "csrf_token")}
_LONGEST_SECONDS = 300
_THIS = "kpi_gate.record.prepared_databases"  # run as a program it has another name


def lay_out(tool: Tool, url: str) -> None:
    """Copy the prepared database to where a new one would be made; leave one that is there.

    Args:
        tool: Whose database.
        url: SQLAlchemy address; anything but a file of SQLite is left alone.
    """
    target = sqlite_file(url)
    if target is None or target.exists():
        return
    prepared = template(tool)
    try:
        if not prepared.exists():
            prepare(tool)
        _copy(prepared, target)
    except (OSError, subprocess.SubprocessError, sqlite3.Error):
        return  # the tool makes its own, slowly


def template(tool: Tool) -> Path:
    """Return where this environment keeps the prepared database of the installed version."""
    return Path(sys.prefix) / "share/kpi-gate" / f"{tool}-{version(tool)}.db"


def prepare(tool: Tool) -> None:
    """Let a tool make its empty database in a process of its own, and keep it.

    Raises:
        OSError: If the environment cannot be written to.
        subprocess.SubprocessError: If the tool fails.
    """
    target = template(tool)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        made = Path(scratch) / f"{tool}.db"
        environment = {name: word for name, word in os.environ.items() if "PREFECT_API" not in name}
        command = [sys.executable, "-m", _THIS, tool, str(made)]
        subprocess.run(
            command,
            env={**environment, "PREFECT_HOME": scratch},
            check=True,
            capture_output=True,
            timeout=_LONGEST_SECONDS,
        )
        with contextlib.closing(sqlite3.connect(made)) as database:
            for table in _OF_ITS_OWN[tool]:
                database.execute(f"DELETE FROM {table}")  # noqa: S608  (names of ours)
            database.commit()
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            database.execute("VACUUM")
        _copy(made, target)


def sqlite_file(url: str) -> Path | None:
    """Return the file of an SQLite database; None for any other address."""
    address = make_url(url)
    named = address.database or ""
    is_file = address.get_backend_name() == "sqlite" and named not in ("", ":memory:")
    return Path(named) if is_file and not named.startswith("file:") else None


def _copy(source: Path, target: Path) -> None:
    """Copy a file whole, unless another process was faster."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".", dir=target.parent) as beside:
        partial = Path(beside) / target.name
        shutil.copyfile(source, partial)
        with contextlib.suppress(FileExistsError):
            os.link(partial, target)


def _make_mlflow(path: Path) -> None:
    from mlflow import MlflowClient

    MlflowClient(f"sqlite:///{path}").search_experiments()


def _make_prefect(path: Path) -> None:
    import asyncio

    os.environ["PREFECT_API_DATABASE_CONNECTION_URL"] = f"sqlite+aiosqlite:///{path}"
    from prefect.server.database import provide_database_interface

    asyncio.run(provide_database_interface().create_db())


def main() -> None:
    """Prepare both databases; with a tool and a path, make that tool's there."""
    makers: dict[str, Callable[[Path], None]] = {"mlflow": _make_mlflow, "prefect": _make_prefect}
    if len(sys.argv) > 1:
        makers[sys.argv[1]](Path(sys.argv[2]))
        return
    for tool in ("mlflow", "prefect"):
        if not template(tool).exists():
            prepare(tool)


if __name__ == "__main__":
    from kpi_gate.environment import ENVIRONMENT

    os.environ.update(ENVIRONMENT)
    main()
