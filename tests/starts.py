"""States that many tests begin from: played once a run of the tests, and copied."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from filelock import FileLock

KEPT = (".kpi-gate", ".dvc/cache", "data", "dvc.lock")


def begin_from(project, store, name, play):
    """Bring a new project into a state; whoever asks first plays it, in his own project.

    Args:
        project: A project in which nothing was done yet.
        store: Folder that all processes of the run share.
        name: Of the state.
        play: Makes it, with the real tools.
    """
    kept = store / name
    with FileLock(store / f"{name}.lock"):
        if not kept.exists():
            play()
            _copy(project, store / f"{name}.partial")
            (store / f"{name}.partial/was").write_text(str(project), encoding="utf-8")
            (store / f"{name}.partial").rename(kept)
            return
    _copy(kept, project)
    # MLflow keeps whole addresses of its files
    _rename(project, (kept / "was").read_text(encoding="utf-8"))


def _copy(source, target):
    for part in KEPT:
        if (source / part).is_dir():
            shutil.copytree(source / part, target / part, dirs_exist_ok=True)
        elif (source / part).exists():
            (target / part).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / part, target / part)


def _rename(project, old):
    with closing(sqlite3.connect(project / ".kpi-gate/mlflow.db")) as database, database:
        for (table,) in database.execute("select name from sqlite_master where type = 'table'"):
            for _, column, *_ in database.execute(f'pragma table_info("{table}")').fetchall():
                database.execute(
                    f'update "{table}" set "{column}" = replace("{column}", ?, ?) '  # noqa: S608
                    f'where instr("{column}", ?)',
                    (old, str(project), old),
                )
    for path in Path(project, ".kpi-gate/artifacts").rglob("MLmodel"):
        path.write_text(path.read_text(encoding="utf-8").replace(old, str(project)), "utf-8")
