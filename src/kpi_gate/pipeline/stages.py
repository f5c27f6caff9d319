"""The stages that DVC knows: freeze the rows, validate them, train, compare."""

from pathlib import Path

from kpi_gate.data.snapshot import Snapshot
from kpi_gate.pipeline.loading import freeze, load_rows
from kpi_gate.pipeline.steadiness import require_steady
from kpi_gate.pipeline.ticks import write_tick
from kpi_gate.pipeline.validating import validate_snapshot
from kpi_gate.record.model_files import Model
from kpi_gate.record.registered import ModelError
from kpi_gate.run.context import Run, unknown_name
from kpi_gate.usecase.refusal import Refusal


def take_snapshot(run: Run) -> Snapshot:
    """Freeze the rows known at `as_of`; the same rows give the same fingerprint.

    Raises:
        Refusal: If there are no rows, or a role column is missing.
        StageMissingError: If `dvc.yaml` does not list the use case.
    """
    stage, stages, taken = run.stage("snapshot"), run.stages, list[Snapshot]()
    stages.require(stage)
    rows = load_rows(run)
    require_steady(run, rows)
    write_tick(run)
    # a database behind load() changes unseen by DVC
    stages.run(stage, lambda: taken.append(freeze(run, rows)), always=True)
    stages.keep_in_remote(stage)
    (snapshot,) = taken
    snapshot.fingerprint = stages.fingerprint(stage, snapshot.path)
    write_tick(run, snapshot.fingerprint)
    run.begin(snapshot)
    return snapshot


def validate(run: Run) -> bool:
    """Refuse rows that break the contract or the expectations; return whether it had to run.

    Raises:
        Refusal: If they do; the bad rows are then in quarantine, with the reason.
    """
    return run.stages.run(run.stage("validate"), lambda: validate_snapshot(run))


def train(run: Run) -> bool:
    """Train the candidate on what lies before the gate window; return whether it had to run.

    Raises:
        Refusal: If there is too little data to train on.
    """
    return run.stages.run(run.stage("train"), lambda: train_on_snapshot(run))


def train_on_snapshot(run: Run) -> None:
    """Train the candidate on the frozen rows, beside the champion.

    Raises:
        Refusal: If there is too little data to train on, or nothing fresh to judge by.
    """
    from kpi_gate.pipeline.fresh_rows import require_fresh_rows
    from kpi_gate.run.candidate import train_candidate

    require_fresh_rows(run)
    rows, frozen = run.snapshot.learnable, run.snapshot.fingerprint
    run.candidate = train_candidate(run, rows, run.windows, run.work / "candidate", frozen)


def compare(run: Run) -> bool:
    """Score candidate, champion and anchor on the same fresh rows; return whether it had to run.

    Raises:
        Refusal: If one of them cannot score.
    """
    return run.stages.run(run.stage("compare"), lambda: compare_on_snapshot(run))


def compare_on_snapshot(run: Run, *, timed: bool = True) -> None:
    """Write the evidence of the frozen rows.

    Args:
        run: The use case and the moment.
        timed: Whether to measure how long both sides take; else they count as equally fast.

    Raises:
        Refusal: If one of them cannot score.
    """
    compare_model(run, run.candidate, run.work / "evidence", timed=timed)


def compare_model(
    run: Run, candidate: Model, folder: Path, *, timed: bool, look_back: bool = True
) -> None:
    """Write the evidence of the frozen rows for a candidate, wherever it lies.

    Args:
        run: The use case and the moment.
        candidate: The model.
        folder: Where to.
        timed: As `compare_on_snapshot` takes it.
        look_back: Whether the days before the window are asked too.

    Raises:
        Refusal: If one of the models cannot score.
    """
    from kpi_gate.evaluation.comparison import write_evidence
    from kpi_gate.learning.scoring import ScoringError

    models = {"champion": run.champion, "candidate": candidate}
    if run.anchor is not None:
        models["anchor"] = run.anchor
    try:
        write_evidence(
            folder,
            models,
            run.use_case,
            run.snapshot,
            run.windows,
            timed=timed,
            look_back=look_back,
        )
    except KeyError as error:
        raise unknown_name(run, error) from error
    except (ScoringError, ModelError) as error:
        raise Refusal("both_sides_score", str(error)) from error
