"""Kill runs with SIGKILL, or race them, then run again and report what is there.

Run as a program in a toy project that holds the states to begin from, each in a folder of its name:
`python crash_points.py ELSEWHERE SCENARIO`. Everything heavy is imported once, and used once in the
project elsewhere; each run is a forked child, so that a kill takes a whole process with it. The
parent never asks this project's MLflow anything itself: its connections do not survive a fork.
"""

import gc
import json
import os
import random
import select
import signal
import sys
import time
import traceback
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dvc.repo  # noqa: F401
import great_expectations  # noqa: F401
import mlflow.sklearn
import mlflow.store.model_registry.sqlalchemy_store
import mlflow.store.tracking.sqlalchemy_store  # noqa: F401
import pandas as pd
import skops.io  # noqa: F401
from starts import AFTER_DRIFT, champion, play

from kpi_gate import pipeline
from kpi_gate.evaluation import comparison
from kpi_gate.learning import training  # noqa: F401
from kpi_gate.record import decision_run, dvc_stages, registry
from kpi_gate.record.ledger import Ledger
from kpi_gate.record.model_files import MODEL_FILE
from kpi_gate.record.registered import ANCHOR
from kpi_gate.release import promotion
from kpi_gate.run.context import Run
from kpi_gate.usecase import discovery
from kpi_gate.workspace import Workspace

refit = sys.modules["kpi_gate.pipeline.refit"]  # the package has its verb under this name
MOMENTS, ROUNDS = 5, 4
# another every day, so that a few moments a day become many; a failure names it, to be set again
SEED = int(os.environ.get("CRASH_SEED") or datetime.now(UTC).strftime("%Y%m%d"))


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


TRAINING = {  # in the order in which a run comes to them
    "within snapshot, before DVC records": (dvc_stages, "_drop_half_written_lock", 1, False),
    "after snapshot": (pipeline, "take_snapshot", 1, True),
    "after the champion was fetched": (pipeline, "fetch_champion", 1, True),
    "after validate": (pipeline, "validate", 1, True),
    "within train, half the files written": (registry, "digest", 2, True),
    "after train": (pipeline, "train", 1, True),
    "within compare": (comparison, "_table", 1, False),
    "after compare": (pipeline, "compare", 1, True),
    "after decide": (pipeline, "decide", 1, True),
    "within refit, not yet compared": (refit, "compare_model", 1, False),
    "after refit": (pipeline, "refit", 1, True),
}
RELEASE = {  # each on its own: from here on something is on the record
    "within record, run begun": (decision_run, "_log_files", 1, False),
    "within record, model logged": (decision_run, "_register", 1, True),
    "within record, not yet in the ledger": (decision_run, "record_run", 1, True),
    "after the decision's row": (Ledger, "append", 1, True),
    "after the intent": (Ledger, "append", 2, True),
    "after the alias moved": (registry.Registry, "point", 1, True),
    "before the done row": (Ledger, "append", 3, False),
    "after the done row": (Ledger, "append", 3, True),
}
GIVEN_UP = {
    "after the alias moved": (registry.Registry, "point", 1, True),
    "before its return": (registry.Registry, "point", 2, False),
    "after its return": (registry.Registry, "point", 2, True),
    "before the void row": (Ledger, "append", 3, False),
    "after the void row": (Ledger, "append", 3, True),
}
ACT = {
    "before the intent": (Ledger, "append", 1, False),
    "after the intent": (Ledger, "append", 1, True),
    "after the alias moved": (registry.Registry, "point", 1, True),
    "before the last row": (Ledger, "append", 2, False),
    "after the last row": (Ledger, "append", 2, True),
}


def run_of(as_of=AFTER_DRIFT):
    """Return a run of the toy; places are read anew, as by a new process."""
    return Run(discovery.load("toy"), as_of, Workspace(root=Path.cwd()))


def start(work):
    """Run work in a forked child; return its id and the end of a pipe with its answer."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(reader)
            os.write(writer, json.dumps(work()).encode())
            status = 0
        except BaseException:  # noqa: BLE001  (whatever it was, the parent's stack is not ours)
            os.write(writer, json.dumps({"fault": traceback.format_exc()[-3000:]}).encode())
        finally:
            os._exit(status)
    os.close(writer)
    return child, reader


def end(child, reader):
    """Wait for a child; return its exit status (negative for a signal) and its answer."""
    with os.fdopen(reader) as pipe:  # first: a child with much to say waits until it is heard
        answer = pipe.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return status, json.loads(answer) if answer else None


def must(work):
    """Run work in a child that must succeed; return its answer."""
    status, answer = end(*start(work))
    if status != 0:
        raise SystemExit(f"a run that nobody killed ended with {status}: {answer}")
    return answer


def keep(name):
    """Keep the present state of the project under a name."""
    os.system(f"rm -rf {name} && mkdir {name} && cp -r .kpi-gate data dvc.lock {name}/")  # noqa: S605


def bring_back(name):
    """Return to a state that was kept."""
    os.system(f"rm -rf .kpi-gate data dvc.lock && cp -r {name}/. .")  # noqa: S605


def plays(as_of=AFTER_DRIFT, *, promote=True):
    """Play a tick; nothing of it can be handed through a pipe."""
    play(run_of(as_of), promote)


def restarted(again):
    """Look at what a kill left, start again, and report what is there then."""
    run = run_of()
    left, broken = len(run.ledger.entries()), run.ledger.verify()
    again()
    entries = run.ledger.entries()
    version = champion(run)
    said = run.history
    run.fetch(version, Path("loaded"))
    done = Counter(entry.subject for entry in entries if entry.kind == "done")
    return {
        "left": left,
        "chain": broken + run.ledger.verify(),
        "kinds": [entry.kind for entry in entries],
        "alias": version,
        "in_ledger": said.champion,
        "anchor": run.registry.version_of(ANCHOR),
        "anchor_in_ledger": said.anchor,
        "done_twice": [subject for subject, count in done.items() if count > 1],
    }


def killed_at(point, work):
    """Run work until it dies at a point; return its exit status."""
    owner, function, number, after = point

    def dies():
        nth_call(owner, function, number, after=after)
        work()

    return end(*start(dies))[0]


def at_boundaries(points, state, work, again=plays):
    """Die at each point in turn, then start again."""
    results = {}
    for name, point in points.items():
        bring_back(state)
        killed = killed_at(point, work)
        restart, found = end(*start(lambda: restarted(again)))
        results[name] = {"killed": killed, "restart": restart, **(found or {})}
    return results


def one_after_the_other(points, state):
    """Die at the first point; start again upon what is left, die at the next; then end."""
    bring_back(state)
    results = {name: {"killed": killed_at(point, plays)} for name, point in points.items()}
    restart, found = end(*start(lambda: restarted(plays)))
    results[list(points)[-1]] |= {"restart": restart, **(found or {})}
    return results


def at_moments(state):
    """Die at random moments, uniform over the duration of a run that is not killed."""
    chance, results = random.Random(f"{SEED} {state}"), {}  # noqa: S311
    bring_back(state)
    began = time.monotonic()
    must(plays)
    duration = time.monotonic() - began
    for shot in range(MOMENTS):
        bring_back(state)
        share = chance.random()
        child, reader = start(plays)
        began, ended = time.monotonic(), os.pidfd_open(child)
        over, _, _ = select.select([ended], [], [], share * duration)
        os.close(ended)
        if over:  # the machine is faster by now
            duration = time.monotonic() - began
        else:
            os.kill(child, signal.SIGKILL)
        killed, _ = end(child, reader)
        restart, found = end(*start(lambda: restarted(plays)))
        results[f"CRASH_SEED={SEED}, {state}, {shot}: {share:.3f}"] = {
            "killed": killed,
            "restart": restart,
            **(found or {}),
        }
    return results


def half_written():
    """Start on what a kill within DVC's own writes, or within a fetch, leaves behind."""
    record, holders = Path("dvc.lock"), Path(".dvc/tmp/rwlock")
    text, results = Path("second_evidence/dvc.lock").read_text(), {}
    spoils = {
        "an empty dvc.lock": lambda: record.write_text(""),
        "dvc.lock, 10 letters": lambda: record.write_text(text[:10]),
        "dvc.lock, 500 letters": lambda: record.write_text(text[:500]),
        "an empty rwlock": lambda: holders.write_text(""),
        "half an rwlock": lambda: holders.write_text('{"read": {"/x'),
        "half of the rows fetched": lambda: end(*start(half_fetched)),
    }
    for name, spoil in spoils.items():
        bring_back("second_evidence")
        spoil()
        restart, found = end(*start(lambda: restarted(plays)))
        results[name] = {"restart": restart, **(found or {})}
    return results


def half_fetched():
    """Die within the fetch of the rows."""
    real = pd.DataFrame.to_csv

    def to_csv(rows, path, **more):
        real(rows.head(3000), path, **more)
        os.kill(os.getpid(), signal.SIGKILL)

    pd.DataFrame.to_csv = to_csv
    dvc_stages.clear(Path("data/raw/toy"))
    plays()


def exchange_the_model():
    """Break the candidate's model in the registry as soon as it is recorded."""
    real = decision_run.record_run

    def record_run(*args):
        recorded = real(*args)
        stored = Path(".kpi-gate/artifacts").rglob(MODEL_FILE)
        max(stored, key=lambda path: path.stat().st_mtime).write_bytes(b"half")
        return recorded

    decision_run.record_run = record_run
    plays()


def races(same):
    """Two processes promote at the same moment: different decisions, or the same one."""
    if not Path("two_decisions").exists():
        bring_back("second_decision")
        must(lambda: plays(AFTER_DRIFT + timedelta(days=2), promote=False))
        keep("two_decisions")
    chance, results = random.Random(SEED), {}  # noqa: S311
    for number in range(ROUNDS):
        bring_back("two_decisions")
        gate, opened = os.pipe()

        def promotes(which, delay, gate=gate, opened=opened):
            os.close(opened)
            run = run_of()
            entry = run.ledger.entries("toy", "decision")[-1 if same else which]
            champion(run)  # MLflow is warm
            os.read(gate, 1)
            time.sleep(delay)
            try:
                outcome = promotion.promote(run, entry)
            except RuntimeError as error:
                return [False, str(error)]
            return [outcome.moved, outcome.words]

        delays = [chance.random() * 0.05 for _ in range(2)]
        both = [
            start(lambda which=which, delay=delay: promotes(which, delay))
            for which, delay in zip((-1, -2), delays, strict=True)
        ]
        os.close(gate)
        time.sleep(0.5)
        os.close(opened)
        outcomes = [end(*one)[1] for one in both]
        restart, found = end(*start(lambda: restarted(lambda: promotion.recover(run_of()))))
        results[str(number)] = {"outcomes": outcomes, "restart": restart, **(found or {})}
    return results


def rolls_back():
    """Return to the first champion."""
    promotion.rollback(run_of(), "refunds rose")


def reanchors():
    """Make the second champion the anchor."""
    promotion.reanchor(run_of(), "a new year")


SCENARIOS = {
    "training": lambda: one_after_the_other(TRAINING, "first_champion"),
    "release": lambda: at_boundaries(RELEASE, "second_evidence", plays),
    "half written": half_written,
    "given up": lambda: at_boundaries(GIVEN_UP, "second_evidence", exchange_the_model),
    "rollback": lambda: at_boundaries(ACT, "second_champion", rolls_back),
    "reanchor": lambda: at_boundaries(ACT, "second_champion", reanchors),
    "moments": lambda: at_moments("first_champion") | at_moments("second_evidence"),
    "race of two": lambda: races(same=False),
    "race of one": lambda: races(same=True),
}


def main(names, elsewhere):
    """Play the scenarios; print what was found as JSON."""
    here = Path.cwd()
    os.chdir(elsewhere)
    plays()  # what is used for the first time costs a second, and each child would pay it
    os.chdir(here)
    gc.collect()
    gc.freeze()  # a fork then copies less
    print(json.dumps({name: SCENARIOS[name]() for name in names}))  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[2:], sys.argv[1])
