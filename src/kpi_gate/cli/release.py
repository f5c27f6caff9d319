"""What a person does with a champion at the door: promote, roll back, re-anchor, realign."""

from functools import partial
from typing import Annotated

import typer

from kpi_gate.cli.call_checks import require_reason
from kpi_gate.cli.options import AsJson, Reason, UseCaseName, print_json, working

REFUSED = 1


def promote(
    name: UseCaseName,
    force: Annotated[bool, typer.Option("--force", help="Against the verdict.")] = False,
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Promote a decision's candidate: as decided, approved, shown by experiment, or by force.

    Examples:
        kpi-gate promote campaign
        kpi-gate promote campaign --force --reason 'the board wants it'
    """
    if force != bool(reason.strip()):
        raise typer.BadParameter("--force and --reason go together")
    from kpi_gate.pipeline import apply_reviews, open_run
    from kpi_gate.pipeline.release import promote_shipped
    from kpi_gate.release import promotion

    with working(f"{name}: promote"), open_run(name) as run:
        promotion.recover(run)
        entries = run.history.of_kind("decision")
        if not entries:
            words = f"{name} has no decision yet; run `kpi-gate retrain {name}`"
            raise promotion.PromotionError(words)
        settled = [] if force else [found for found in apply_reviews(run) if found.moved]
        shipped = None if force or settled else promote_shipped(run)
        outcome = (
            settled[-1]
            if settled
            else shipped or promotion.promote(run, entries[-1], forced=reason.strip())
        )
    if as_json:
        print_json({"moved": outcome.moved, "outcome": outcome.words})
    else:
        typer.echo(f"{name}: {outcome.words}.")
    raise typer.Exit(REFUSED if outcome.refused else 0)


def rollback(name: UseCaseName, reason: Reason = "") -> None:
    """Return to the champion before, recorded with its reason.

    Examples:
        kpi-gate rollback campaign --reason 'complaints from branch 7'
    """
    reason = require_reason(reason, "a rollback")
    from kpi_gate.orchestration.notify import telling
    from kpi_gate.release import promotion
    from kpi_gate.release.service import await_workers
    from kpi_gate.run.opening import open_run

    told = partial(typer.echo, err=True)
    with working(f"{name}: rollback"), open_run(name) as run, telling(run, told):
        version = promotion.rollback(run, reason)
        served = await_workers(run, version, seconds=0)  # the move has waited
    words = f"the champion is {version or 'the rule of thumb'} again"
    typer.echo(f"{name}: {'; '.join(filter(None, (words, served)))}.")


def reanchor(name: UseCaseName, reason: Reason = "") -> None:
    """Let the guardrails' budgets begin anew at the present champion, recorded with its reason.

    Examples:
        kpi-gate reanchor campaign --reason 'the new normal'
    """
    reason = require_reason(reason, "an anchor")
    from kpi_gate.release import promotion
    from kpi_gate.run.opening import open_run

    with working(f"{name}: reanchor"), open_run(name) as run:
        version = promotion.reanchor(run, reason)
    typer.echo(f"{name}: the anchor is {version} now.")


def realign(name: UseCaseName, reason: Reason = "") -> None:
    """Let MLflow's aliases and tags say again what the ledger says, recorded with its reason.

    Examples:
        kpi-gate realign campaign --reason 'an alias was moved by hand'
    """
    reason = require_reason(reason, "a realignment")
    from kpi_gate.release.realign import realign as put_right
    from kpi_gate.run.opening import open_run

    with working(f"{name}: realign"), open_run(name) as run:
        done = put_right(run, reason)
    typer.echo("\n".join(f"{name}: {words}." for words in done))


def accept_history(name: UseCaseName, reason: Reason = "") -> None:
    """Take what changed since the last tick for right, in the last snapshot alone; recorded.

    Examples:
        kpi-gate accept-history campaign --reason 'the warehouse was cleaned'
    """
    from kpi_gate.release.accept_history import accept
    from kpi_gate.run.opening import held, last_tick

    run = last_tick(name)
    with held(run):
        entry = accept(run, reason)
    typer.echo(
        f"{name}: the history of snapshot {entry.body['snapshot'][:12]} is accepted. Go on with "
        f"`kpi-gate retrain {name} --as-of {run.as_of:%Y-%m-%dT%H:%M:%S}`."
    )
