"""The verbs at the door. Nothing heavy is imported before a verb is chosen."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from kpi_gate.decision.verdict import Decision
    from kpi_gate.steps import Job

WRONG_CALL, UNEXPECTED = 2, 1

app = typer.Typer(
    help="Retrain on a schedule; promote a model only when its offline gain is worth money.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _moment(text: str) -> datetime:
    """Read a date or a time; a naive one is UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no date; write 2009-07-01 or 2009-07-01T03:00") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


UseCaseName = Annotated[str, typer.Argument(help="Use case, as `kpi-gate list` names it.", metavar="USE_CASE")]
AsOf = Annotated[
    datetime | None,
    typer.Option("--as-of", parser=_moment, metavar="DATE", help="Nothing later is known (UTC). Default: now."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a program.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it is recorded.")]


@app.command("list")
def list_use_cases(as_json: AsJson = False) -> None:
    """List the use cases: KPI, schedule and title."""
    from kpi_gate import usecases

    found = [usecases.load(name) for name in usecases.names()]
    rows = [
        {
            "name": case.name,
            "kpi": case.settings.objective.kpi,
            "unit": case.settings.objective.unit,
            "retrain": case.settings.schedule.retrain,
            "timezone": case.settings.schedule.timezone,
            "title": case.title,
        }
        for case in found
    ]
    if as_json:
        _print_json(rows)
        return
    for row in rows:
        typer.echo(f"{row['name']:<14} {row['kpi']} ({row['unit']})  {row['retrain']}  {row['title']}")


@app.command()
def retrain(name: UseCaseName, as_of: AsOf = None, as_json: AsJson = False) -> None:
    """Snapshot, validate, train, compare, decide, record; promote only if the gate says so."""
    from flows.retrain import retrain as flow

    result = flow(name, as_of)
    _report(result.decision, as_json, {"repeated": result.repeated, "outcome": result.outcome})
    if not as_json:
        if result.repeated:
            body = result.entry.body
            typer.echo(
                f"Nothing new: snapshot {body['snapshot'][:12]}, settings and code are those of this "
                f"decision of {result.entry.at:%Y-%m-%d %H:%M} UTC. Nothing was trained."
            )
        typer.echo(f"Champion: {result.outcome}.")
    raise typer.Exit(result.decision.verdict.exit_code)


@app.command()
def snapshot(
    name: UseCaseName,
    as_of: AsOf = None,
    same_tick: Annotated[bool, typer.Option("--same-tick", help="As of the last snapshot's tick.")] = False,
    restore: Annotated[str, typer.Option(help="Fingerprint of a snapshot to bring back.")] = "",
    to: Annotated[Path | None, typer.Option(help="File to restore into.")] = None,
    as_json: AsJson = False,
) -> None:
    """Freeze the rows known at a moment and the champion in use; or restore a snapshot."""
    from kpi_gate import steps, usecases
    from kpi_gate.stores import snapshots
    from kpi_gate.stores.settings import Place

    if restore:
        if to is None:
            raise typer.BadParameter("--restore needs --to FILE")
        snapshots.restore(Place().root, restore, to)
        typer.echo(f"{to}: restored snapshot {restore}")
        return
    job = steps.same_tick(usecases.load(name), Place()) if same_tick else steps.open_job(name, as_of)
    with _refusals(job, as_json):
        frozen = steps.snapshot(job)
        champion = steps.freeze_champion(job)
    facts = {
        "use_case": name,
        "as_of": job.as_of.isoformat(),
        "rows": frozen.rows,
        "fingerprint": frozen.fingerprint,
        "path": str(frozen.path.relative_to(job.place.root)),
        "champion": champion.contender.name,
    }
    if as_json:
        _print_json(facts)
    else:
        typer.echo("  ".join(f"{key} {value}" for key, value in facts.items()))


@app.command()
def validate(name: UseCaseName) -> None:
    """Refuse the last snapshot if it breaks the contract or the expectations."""
    _stage(name, "validate", "the snapshot keeps the contract and the expectations")


@app.command()
def train(name: UseCaseName) -> None:
    """Train the candidate on the last snapshot."""
    _stage(name, "train", "the candidate is trained")


@app.command()
def compare(name: UseCaseName) -> None:
    """Score candidate, champion and anchor on the same fresh rows."""
    _stage(name, "compare", "the evidence is written")


@app.command()
def decide(name: UseCaseName, as_json: AsJson = False) -> None:
    """Judge the evidence of the last tick; nothing is recorded and nothing moves."""
    from kpi_gate import steps

    decision = steps.decide(_last_job(name))
    _report(decision, as_json)
    raise typer.Exit(decision.verdict.exit_code)


@app.command()
def judge(
    objective: Annotated[Path, typer.Option(help="YAML with `objective` and `guardrails`.")],
    rows: Annotated[Path, typer.Option(help="Parquet or CSV: unit, event_time, value_champion, value_candidate.")],
    measures: Annotated[
        Path | None, typer.Option(help="JSON: {candidate: {measure: number}, champion: {...}, anchor: {...}}.")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write the decision page here.")] = None,
    as_json: AsJson = False,
) -> None:
    """Run the gate alone on a table of per-row values, whoever made it."""
    from kpi_gate.judging import judge_table

    decision = judge_table(objective, rows, measures)
    if html is not None:
        html.write_text(decision.html(), encoding="utf-8")
    _report(decision, as_json)
    raise typer.Exit(decision.verdict.exit_code)


@app.command()
def promote(
    name: UseCaseName,
    force: Annotated[bool, typer.Option("--force", help="Against the verdict; a person's act.")] = False,
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Promote the last decision's candidate, if it may be: after an approval, or by force."""
    from kpi_gate import promotion, steps
    from kpi_gate.stores.lock import one_at_a_time

    if force != bool(reason.strip()):
        raise typer.BadParameter("--force and --reason go together")
    job = steps.open_job(name)
    with one_at_a_time(job.place, name):
        promotion.heal(job.place, name)
        entries = job.ledger.entries(name, "decision")
        if not entries:
            raise promotion.PromotionError(f"{name} has no decision yet; run `kpi-gate retrain {name}`")
        outcome = promotion.promote(job.place, entries[-1], forced=reason.strip())
    if as_json:
        _print_json({"moved": outcome.moved, "outcome": outcome.words})
    else:
        typer.echo(f"{name}: {outcome.words}.")


@app.command()
def rollback(name: UseCaseName, reason: Reason = "") -> None:
    """Return to the champion before, recorded with its reason."""
    from kpi_gate import promotion, steps
    from kpi_gate.stores.lock import one_at_a_time

    job = steps.open_job(name)
    with one_at_a_time(job.place, name):
        version = promotion.rollback(job.place, name, reason)
    typer.echo(f"{name}: the champion is {version or 'the baseline'} again.")


ledger_app = typer.Typer(help="Read and check the append-only record.", no_args_is_help=True)
app.add_typer(ledger_app, name="ledger")


@ledger_app.command("show")
def show(name: Annotated[str | None, typer.Argument(metavar="[USE_CASE]")] = None, as_json: AsJson = False) -> None:
    """Show what was decided, promoted and rolled back, oldest first."""
    from kpi_gate.stores.ledger import Ledger
    from kpi_gate.stores.settings import Place

    entries = Ledger(Place().ledger_url).entries(name)
    if as_json:
        _print_json([{**vars(entry), "at": entry.at.isoformat()} for entry in entries])
        return
    for entry in entries:
        words = entry.body.get("sentence") or entry.body.get("reason") or f"champion {entry.body['version']}"
        typer.echo(f"{entry.number:>4} {entry.at:%Y-%m-%d %H:%M} {entry.use_case} {entry.kind} {entry.subject}: {words}")


@ledger_app.command("verify")
def verify() -> None:
    """Check the chain of hashes; exit code 1 where it is broken."""
    from kpi_gate.stores.ledger import Ledger
    from kpi_gate.stores.settings import Place

    faults = Ledger(Place().ledger_url).verify()
    typer.echo("\n".join(faults) if faults else "The chain is intact.")
    raise typer.Exit(UNEXPECTED if faults else 0)


def _last_job(name: str) -> "Job":
    from kpi_gate import steps, usecases
    from kpi_gate.stores.settings import Place

    return steps.same_tick(usecases.load(name), Place())


def _stage(name: str, verb: str, words: str) -> None:
    from kpi_gate import steps

    job = _last_job(name)
    with _refusals(job, as_json=False):
        getattr(steps, verb)(job)
    typer.echo(f"{name} as of {job.as_of:%Y-%m-%d}: {words}")


@contextmanager
def _refusals(job: "Job", as_json: bool) -> Iterator[None]:
    """Turn the refusal of a single step into its decision's words and exit code."""
    from kpi_gate import steps

    try:
        yield
    except steps.Refusal as error:
        decision = steps.refusal(job, error, None)
        _report(decision, as_json)
        raise typer.Exit(decision.verdict.exit_code) from None


def _report(decision: "Decision", as_json: bool, more: dict[str, Any] | None = None) -> None:
    if as_json:
        _print_json({**decision.model_dump(mode="json"), **(more or {})})
    else:
        typer.echo(decision.table())


def _print_json(content: Any) -> None:
    typer.echo(json.dumps(content, indent=2, allow_nan=False))


def main() -> None:
    """Run a command; a fault is one line on stderr and an exit code, never a traceback."""
    from kpi_gate.stores.settings import Place, prepare_environment

    prepare_environment(Place())
    try:
        app()
    except Exception as error:
        if os.environ.get("KPI_GATE_TRACEBACK"):
            raise
        typer.echo(f"kpi-gate: {_one_line(error)}", err=True)
        sys.exit(_exit_code(error))


def _exit_code(error: Exception) -> int:
    from kpi_gate.usecase import ConfigurationError

    return WRONG_CALL if isinstance(error, ConfigurationError) else UNEXPECTED


def _one_line(error: Exception) -> str:
    name = type(error).__name__
    words = " ".join(str(error).split()) or name
    return words if type(error).__module__.startswith("kpi_gate") else f"{name}: {words}"
