"""What a command left running in a folder, and what its temporary Prefect server kept."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path


def at_work_in(*folders):
    """Return the processes in these folders that are not ended."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink() in folders and (process / "cmdline").read_bytes():
                found.append(process.name)
        except OSError:  # it ended meanwhile
            continue
    return [number for number in found if number != str(os.getpid())]


def require_kept(project):
    """Check that the server of a flow run that is over has kept its states and its last line."""
    with closing(sqlite3.connect(project / ".kpi-gate/prefect/prefect.db")) as database:
        (state,) = database.execute("SELECT state_type FROM flow_run").fetchone()
        steps = [row[0] for row in database.execute("SELECT state_type FROM task_run")]
        last = "SELECT message FROM log ORDER BY timestamp DESC LIMIT 1"
        (line,) = database.execute(last).fetchone()
    assert state == "COMPLETED"
    assert set(steps) == {"COMPLETED"}
    assert line.startswith("Finished in state"), "the last line was lost"
