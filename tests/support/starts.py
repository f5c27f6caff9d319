"""A retraining by its verbs, and the states that many tests begin from.

Each state is played once a run of the tests, with the real tools and on top of the one before it:
all of them together cost four retrainings. A copy costs a twentieth of a second.
"""

import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock

from kpi_gate import pipeline
from kpi_gate.record.registered import CHAMPION
from kpi_gate.usecase.refusal import Refusal

FIRST_TICK, LATER, AFTER_DRIFT = (datetime(2024, month, 1, tzinfo=UTC) for month in (3, 4, 7))
KEPT = (".kpi-gate", ".dvc/cache", "data", "dvc.lock")


def compared(run):
    """Run the verbs between the snapshot and the decision; tell whether any did anything."""
    pipeline.fetch_champion(run)
    return any([pipeline.validate(run), pipeline.train(run), pipeline.compare(run)])


def play(run, promote=True):
    """Run every verb of a retraining, as the flow does."""
    pipeline.recover(run)
    try:
        pipeline.take_snapshot(run)
        if run.decided_before:
            return run.entry, pipeline.promote(run), False
        trained = compared(run)
        pipeline.decide(run)
        pipeline.refit(run)
    except Refusal as refusal:
        trained = False
        run.refuse(refusal)
    pipeline.record(run)
    return run.entry, pipeline.promote(run) if promote else None, trained


def promoted(run, entry, scheduled=False):
    """Let a run promote a decision that is on the record."""
    run.entry, run.scheduled = entry, scheduled
    return pipeline.promote(run)


def champion(run):
    return run.registry.version_of(CHAMPION)


def refitting(run_at, **changes):
    """Return changes to the toy's settings with which what is promoted is fitted again."""
    window = run_at().use_case.settings.window
    return {"window": window.model_copy(update={"refit": "after_gate", **changes})}


def waiting_for_approval(run_at):
    """Return changes to the toy's settings with which a promotion waits for a person."""
    objective = run_at().use_case.settings.objective
    return {"objective": objective.model_copy(update={"approval": "required"})}


def asking_for_an_experiment(run_at):
    """Return changes to the toy's settings with which the KPI itself must rise first."""
    objective = run_at().use_case.settings.objective
    return {"objective": objective.model_copy(update={"kpi_link": "required"})}


def newest_decision(run):
    """Return the newest decision in the ledger."""
    return run.ledger.entries(run.name, "decision")[-1]


def _second_evidence(run_at):
    pipeline.take_snapshot(run_at(AFTER_DRIFT))
    compared(run_at(AFTER_DRIFT))


STATES = {  # the state before, and what is done then
    "first_decision": ("", lambda run_at: play(run_at(), promote=False)),
    "first_champion": ("first_decision", lambda run_at: play(run_at())),
    "quiet_tick": ("first_champion", lambda run_at: play(run_at(LATER))),
    "second_evidence": ("first_champion", _second_evidence),
    "second_decision": ("second_evidence", lambda run_at: play(run_at(AFTER_DRIFT), promote=False)),
    "second_champion": ("second_decision", lambda run_at: play(run_at(AFTER_DRIFT))),
    "asking": ("", lambda run_at: play(run_at(**asking_for_an_experiment(run_at)))),
    "waiting": ("", lambda run_at: play(run_at(**waiting_for_approval(run_at)))),
}


def begin_from(name, project, run_at, store):
    """Bring a new project into a state; whoever asks first plays it, in his own project.

    Args:
        name: Of the state.
        project: A project in which nothing was done yet.
        run_at: Makes runs of that project.
        store: Folder that all processes of the run share.
    """
    kept, (before, act) = store / name, STATES[name]
    with FileLock(store / f"{name}.lock"):
        if not kept.exists():
            if before:
                begin_from(before, project, run_at, store)
            act(run_at)
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
