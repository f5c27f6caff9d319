"""The stages one by one, as DVC calls them: snapshot, validate, train, compare, decide."""

from pathlib import Path
from typing import Annotated

import typer

from kpi_gate.cli.call_checks import (
    require_file_target,
    require_fingerprint,
    require_rows,
    require_stage,
    require_tick,
)
from kpi_gate.cli.options import AsJson, AsOf, UseCaseName, print_json, refuse, report_decision


def snapshot(
    name: UseCaseName,
    as_of: AsOf = None,
    same_tick: Annotated[bool, typer.Option("--same-tick", help="As of the last tick.")] = False,
    restore: Annotated[str, typer.Option(help="Fingerprint of rows to bring back.")] = "",
    to: Annotated[Path | None, typer.Option(help="File to restore into.")] = None,
    as_json: AsJson = False,
) -> None:
    """Freeze the rows known at a moment and the champion in use; or restore a snapshot."""
    if restore or to is not None:
        _restore(restore, to)
        return
    if same_tick:
        require_tick(name)
    from kpi_gate.pipeline import Refusal, fetch_champion, take_snapshot
    from kpi_gate.run.opening import held, last_tick, plan_run

    run = last_tick(name) if same_tick else plan_run(name, as_of)
    if as_of is not None:
        require_rows(run)
    try:
        with held(run):
            frozen, champion = take_snapshot(run), fetch_champion(run)
    except Refusal as refusal:
        refuse(run, refusal, as_json)
    facts = {
        "use_case": name,
        "as_of": run.as_of.isoformat(),
        "rows": len(frozen.frozen),
        "fingerprint": frozen.fingerprint,
        "path": str(frozen.path.relative_to(run.place.root)),
        "champion": champion.name,
    }
    if as_json:
        print_json(facts)
    else:
        typer.echo("  ".join(f"{key} {value}" for key, value in facts.items()))


def _restore(fingerprint: str, to: Path | None) -> None:
    """Bring the rows of a snapshot back into a file."""
    if to is None or not fingerprint:
        raise typer.BadParameter("--restore FINGERPRINT and --to FILE go together")
    require_fingerprint(fingerprint)
    require_file_target(to, "--to")
    from kpi_gate.record.dvc_stages import Stages
    from kpi_gate.workspace import Place

    Stages(Place().root).restore(fingerprint, to)
    typer.echo(f"{to}: restored snapshot {fingerprint}")


def validate(name: UseCaseName) -> None:
    """Refuse the last snapshot if it breaks the contract or the expectations."""
    _stage(name, "validate", "the snapshot keeps the contract and the expectations")


def train(name: UseCaseName) -> None:
    """Train the candidate on the last snapshot."""
    _stage(name, "train", "the candidate is trained")


def compare(name: UseCaseName) -> None:
    """Score candidate, champion and anchor on the same fresh rows."""
    _stage(name, "compare", "the evidence is written")


def decide(name: UseCaseName, as_json: AsJson = False) -> None:
    """Judge the evidence of the last tick; nothing is recorded and nothing moves."""
    require_tick(name)
    require_stage(name, "evidence/evidence.json", "compare")
    from kpi_gate import pipeline
    from kpi_gate.run.opening import last_tick

    decision = pipeline.decide(last_tick(name))
    report_decision(decision, as_json)
    raise typer.Exit(decision.verdict.exit_code)


def _stage(name: str, verb: str, words: str) -> None:
    """Run one verb on the last tick's files; a refusal ends in its decision's exit code."""
    require_tick(name)
    if verb == "compare":
        require_stage(name, "candidate", "train")
    from kpi_gate import pipeline
    from kpi_gate.run.opening import held, last_tick

    run = last_tick(name)
    try:
        with held(run):
            ran = getattr(pipeline, verb)(run)
    except pipeline.Refusal as refusal:
        refuse(run, refusal, as_json=False)
    unchanged = "" if ran else " (nothing changed)"
    typer.echo(f"{name} as of {run.as_of:%Y-%m-%d}: {words}{unchanged}")


def add_stages(app: typer.Typer) -> None:
    """Add the commands of this module."""
    for verb in (snapshot, validate, train, compare, decide):
        app.command()(verb)
