"""Kill a promoting retrain with SIGKILL at every boundary, then run it again.

Run as a program in a toy project: `python crash_points.py POINT [POINT ...]`. Everything heavy is
imported once; each run is a forked child, so that a kill takes a whole process with it.
"""

import json
import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

import dvc.repo  # noqa: F401
import great_expectations  # noqa: F401
import mlflow.sklearn
import mlflow.store.model_registry.sqlalchemy_store
import mlflow.store.tracking.sqlalchemy_store  # noqa: F401
import skops.io  # noqa: F401
from test_steps import champion, play

from kpi_gate import candidate, comparison, promotion, steps, usecases  # noqa: F401
from kpi_gate.job import Job
from kpi_gate.learning import training  # noqa: F401
from kpi_gate.stores import registry, snapshots, tracking
from kpi_gate.stores.ledger import Ledger
from kpi_gate.stores.settings import Place

FIRST, AFTER_DRIFT = datetime(2024, 3, 1, tzinfo=UTC), datetime(2024, 7, 1, tzinfo=UTC)


def nth_call(owner, name, number, *, after):
    """Make the process die before or after the n-th call of a function."""
    real, calls = getattr(owner, name), []

    def dying(*args, **kwargs):
        calls.append(1)
        if len(calls) == number and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        result = real(*args, **kwargs)
        if len(calls) == number and after:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, dying)


POINTS = {
    "after snapshot": lambda: nth_call(steps, "snapshot", 1, after=True),
    "within snapshot, before DVC records": lambda: nth_call(snapshots, "_find", 1, after=False),
    "after the champion was frozen": lambda: nth_call(steps, "freeze_champion", 1, after=True),
    "after validate": lambda: nth_call(steps, "validate", 1, after=True),
    "within train, half the files written": lambda: nth_call(registry, "digest", 3, after=True),
    "after train": lambda: nth_call(steps, "train", 1, after=True),
    "within compare": lambda: nth_call(comparison, "_table", 1, after=False),
    "after compare": lambda: nth_call(steps, "compare", 1, after=True),
    "after decide": lambda: nth_call(steps, "decide", 1, after=True),
    "within record, run begun": lambda: nth_call(tracking, "_log_files", 1, after=False),
    "within record, model logged": lambda: nth_call(tracking, "_register", 1, after=True),
    "within record, not yet in the ledger": lambda: nth_call(tracking, "record_run", 1, after=True),
    "after the decision's row": lambda: nth_call(Ledger, "append", 1, after=True),
    "after the intent": lambda: nth_call(Ledger, "append", 2, after=True),
    "after the alias moved": lambda: nth_call(registry, "point", 1, after=True),
    "before the done row": lambda: nth_call(Ledger, "append", 3, after=False),
    "after the done row": lambda: nth_call(Ledger, "append", 3, after=True),
}


def in_child(work):
    """Run work in a forked child; return its exit status, negative for a signal."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main(root, points):
    """Play the points one after the other, each in a copy of the same prepared project."""
    results = {}
    for point in points:
        home = root / ".kpi-gate"
        os.system(f"rm -rf {home} data dvc.lock && cp -r prepared/. .")  # noqa: S605
        job = Job(usecases.load("toy"), AFTER_DRIFT, Place(root=root))

        def killed(point=point, job=job):
            POINTS[point]()
            play(job)

        first = in_child(killed)
        second = in_child(lambda job=job: play(job))
        ledger = job.ledger
        kinds = [entry.kind for entry in ledger.entries()]
        results[point] = {
            "killed": first,
            "restart": second,
            "chain": ledger.verify(),
            "kinds": kinds,
            "in_ledger": ledger.entries()[-1].body.get("version"),
            "alias": _asked(lambda job=job: champion(job)),
            "loadable": in_child(lambda job=job: _load(job)),
        }
    print(json.dumps(results))  # noqa: T201


def _load(job):
    version = champion(job)
    registry.fetch(job.place, job.name, version, Path("loaded"))


def _asked(question):
    """Ask in a child: MLflow's connections do not survive a fork."""
    reader, writer = os.pipe()
    in_child(lambda: os.write(writer, str(question()).encode()))
    return os.read(reader, 100).decode()


def prepare(root):
    """Play the first tick, and keep the state before the second."""
    if in_child(lambda: play(Job(usecases.load("toy"), FIRST, Place(root=root)))) != 0:
        raise SystemExit("the first tick failed")
    os.system("mkdir prepared && cp -r .kpi-gate data dvc.lock prepared/")  # noqa: S605


if __name__ == "__main__":
    here = Path.cwd()
    prepare(here)
    main(here, sys.argv[1:] or list(POINTS))
