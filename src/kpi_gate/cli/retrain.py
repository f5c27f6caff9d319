"""A retraining: whole, or stage by stage as DVC calls them."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from kpi_gate.cli.call_checks import plan, require_stage, require_tick, this_workspace
from kpi_gate.cli.options import (
    AsJson,
    AsOf,
    UseCaseName,
    Whole,
    end_with,
    file_to_write,
    print_decision,
    print_json,
    refuse,
    working,
)
from kpi_gate.errors import ConfigurationError

if TYPE_CHECKING:
    from kpi_gate.run.result import RetrainResult

_FINGERPRINT = re.compile(r"[0-9a-f]{32}")


def retrain(
    name: UseCaseName, as_of: AsOf = None, whole: Whole = False, as_json: AsJson = False
) -> None:
    """Snapshot, validate, train, compare, decide, record; promote only if the gate says so.

    Prints the verdict, what it is worth, and what would change it. Where nothing is new since the
    last decision, nothing is trained. The exit code is the verdict's.

    Examples:
        kpi-gate retrain campaign
        kpi-gate retrain campaign --as-of 2009-10-01
        kpi-gate retrain campaign --all
    """
    from kpi_gate.files import project
    from kpi_gate.orchestration import work_pools
    from kpi_gate.orchestration.temporary_server import prefect_at_hand
    from kpi_gate.pipeline.repeat import repeated

    with working(f"{name}: retrain") as tell:
        run = plan(name, as_of)
        work_pools.follow(run.workspace.root, name)  # a wrong call has ended before
        result = repeated(run)
        if result is None:
            tell("starting Prefect")
            with prefect_at_hand(run.workspace):
                from kpi_gate.orchestration.ending import call_flow

                flow = project.here().flow("retrain")
                result = cast("RetrainResult", call_flow(flow, name, as_of, tell))
    decision, entry = result.decision, result.entry
    if result.repeated and entry is not None and not as_json:
        typer.echo(
            f"{name}: nothing new since the decision of {entry.at:%Y-%m-%d %H:%M} UTC, "
            f"{decision.verdict}; {result.outcome}. See `kpi-gate show {entry.subject[:6]}`"
        )
    else:
        from kpi_gate.cli.decision_links import links

        more = {"repeated": result.repeated, "outcome": result.outcome}
        where = links(run.workspace, entry) if entry is not None and not as_json else []
        after = [f"Champion: {result.outcome}.", *where]
        print_decision(decision, as_json, more, whole=whole, after=after)
    raise typer.Exit(decision.verdict.exit_code)


def snapshot(
    name: UseCaseName,
    as_of: AsOf = None,
    same_tick: Annotated[bool, typer.Option("--same-tick", help="As of the last tick.")] = False,
    restore: Annotated[str, typer.Option(help="Fingerprint of rows to bring back.")] = "",
    to: Annotated[Path | None, file_to_write("File to restore into.")] = None,
    as_json: AsJson = False,
) -> None:
    """Freeze the rows known at a moment and the champion in use; or restore a snapshot.

    Examples:
        kpi-gate snapshot campaign --as-of 2009-10-01
        kpi-gate snapshot campaign --restore FINGERPRINT --to rows.parquet
    """
    if restore or to is not None:
        _restore(restore, to)
        return
    if same_tick:
        require_tick(name)
    from kpi_gate.pipeline import Refusal, fetch_champion, take_snapshot
    from kpi_gate.run.opening import held, last_tick

    try:
        with working(f"{name}: freezing the rows"):
            run = last_tick(name) if same_tick else plan(name, as_of)
            with held(run):
                frozen, champion = take_snapshot(run), fetch_champion(run)
    except Refusal as refusal:
        refuse(run, refusal, as_json)
    facts = {
        "use_case": name,
        "as_of": run.as_of.isoformat(),
        "rows": len(frozen.frozen),
        "fingerprint": frozen.fingerprint,
        "path": str(frozen.path.relative_to(run.workspace.root)),
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
    if not _FINGERPRINT.fullmatch(fingerprint):
        raise ConfigurationError(
            f"--restore {fingerprint!r}: a fingerprint has 32 digits and letters a to f; "
            "see `kpi-gate ledger show`"
        )
    from kpi_gate.record.dvc_stages import Stages

    Stages(this_workspace().root).restore(fingerprint, to)
    typer.echo(f"{to}: restored snapshot {fingerprint}")


def validate(name: UseCaseName) -> None:
    """Refuse the last snapshot if it breaks the contract or the expectations.

    Examples:
        kpi-gate validate campaign
    """
    _stage(name, "validate", "the snapshot keeps the contract and the expectations")


def train(name: UseCaseName) -> None:
    """Train the candidate on the last snapshot.

    Examples:
        kpi-gate train campaign
    """
    _stage(name, "train", "the candidate is trained")


def compare(name: UseCaseName) -> None:
    """Score candidate, champion and anchor on the same fresh rows.

    Examples:
        kpi-gate compare campaign
    """
    require_tick(name)
    require_stage(name, "candidate", "train")
    _stage(name, "compare", "the evidence is written")


def decide(name: UseCaseName, whole: Whole = False, as_json: AsJson = False) -> None:
    """Judge the evidence of the last tick; nothing is recorded and nothing moves.

    Examples:
        kpi-gate decide campaign
        kpi-gate decide campaign --json
    """
    require_tick(name)
    require_stage(name, "evidence/evidence.json", "compare")
    from kpi_gate import pipeline
    from kpi_gate.run.opening import last_tick

    end_with(pipeline.decide(last_tick(name)), as_json, whole=whole)


def refit(name: UseCaseName, whole: Whole = False, as_json: AsJson = False) -> None:
    """Fit what the last tick promotes again on all mature rows; nothing is recorded, nothing moves.

    Only where `window.refit` is `after_gate`.

    Examples:
        kpi-gate refit campaign
    """
    require_tick(name)
    require_stage(name, "evidence/evidence.json", "compare")
    from kpi_gate import pipeline
    from kpi_gate.run.opening import held, last_tick

    run = last_tick(name)
    with working(f"{name}: refit"), held(run):
        pipeline.decide(run)
        decision = pipeline.refit(run)
    end_with(decision, as_json, whole=whole)


def _stage(name: str, verb: str, words: str) -> None:
    """Run one verb on the last tick's files; a refusal ends in its decision's exit code."""
    require_tick(name)
    from kpi_gate import pipeline
    from kpi_gate.run.opening import held, last_tick

    run = last_tick(name)
    try:
        with working(f"{name}: {verb}"), held(run):
            ran = getattr(pipeline, verb)(run)
    except pipeline.Refusal as refusal:
        refuse(run, refusal, as_json=False)
    unchanged = "" if ran else " (nothing changed)"
    typer.echo(f"{name} as of {run.as_of:%Y-%m-%d}: {words}{unchanged}")
