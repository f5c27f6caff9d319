"""The verbs at the door. Nothing heavy is imported before a verb is chosen."""

import gc
import os
import sys
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, cast

import typer

from kpi_gate.ledger_cli import ledger_app
from kpi_gate.watch_cli import add_verbs
from kpi_gate.words_cli import AsJson, AsOf, Reason, UseCaseName, moment, print_json

if TYPE_CHECKING:
    from kpi_gate.decision.verdict import Decision
    from kpi_gate.job import Job, Refusal, Retrained

UNEXPECTED, WRONG_CALL = 1, 2

app = typer.Typer(
    help="Retrain on a schedule; promote a model only when its offline gain is worth money.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(ledger_app, name="ledger")
add_verbs(app)


@app.command("list")
def list_use_cases(as_json: AsJson = False) -> None:
    """List the use cases: KPI, schedule and title."""
    from flows import work_pools
    from kpi_gate import usecases
    from kpi_gate.stores.settings import Place

    work_pools.follow(Place().root)
    rows = []
    for case in map(usecases.load, usecases.names()):
        objective, schedule = case.settings.objective, case.settings.schedule
        kpi = {"kpi": objective.kpi, "unit": objective.unit, "horizon": objective.horizon}
        rows.append({"name": case.name, **kpi, **schedule.model_dump(), "title": case.title})
    if as_json:
        print_json(rows)
        return
    for row in rows:
        kpi_words = f"{row['kpi']} in {row['unit']}"
        typer.echo(f"{row['name']:<14} {kpi_words:<28} retrain {row['retrain']}  {row['title']}")


@app.command()
def retrain(name: UseCaseName, as_of: AsOf = None, as_json: AsJson = False) -> None:
    """Snapshot, validate, train, compare, decide, record; promote only if the gate says so."""
    from flows import work_pools
    from flows.at_hand import prefect_at_hand
    from kpi_gate.job import open_job
    from kpi_gate.standing import repeated

    job = open_job(name, as_of)  # a wrong call is told before anything is started
    work_pools.follow(job.place.root, name)
    result = repeated(job)
    if result is None:
        with prefect_at_hand(job.place):
            from flows.retrain import retrain as flow

            result = cast("Retrained", flow(name, as_of))  # only a schedule may choose to skip
    decision = result.decision
    _report(decision, as_json, {"repeated": result.repeated, "outcome": result.outcome})
    if not as_json:
        if result.repeated:
            typer.echo(
                f"Nothing new since the decision of {result.entry.at:%Y-%m-%d %H:%M} UTC: the same "
                f"snapshot {result.entry.body['snapshot'][:12]}, settings and code. "
                "Nothing was trained."
            )
        typer.echo(f"Champion: {result.outcome}.")
    raise typer.Exit(decision.verdict.exit_code)


@app.command()
def snapshot(
    name: UseCaseName,
    as_of: AsOf = None,
    same_tick: Annotated[bool, typer.Option("--same-tick", help="As of the last tick.")] = False,
    restore: Annotated[str, typer.Option(help="Fingerprint of rows to bring back.")] = "",
    to: Annotated[Path | None, typer.Option(help="File to restore into.")] = None,
    as_json: AsJson = False,
) -> None:
    """Freeze the rows known at a moment and the champion in use; or restore a snapshot."""
    from kpi_gate import steps
    from kpi_gate.job import Refusal, open_job
    from kpi_gate.stores import snapshots
    from kpi_gate.stores.lock import one_at_a_time
    from kpi_gate.stores.settings import Place

    if restore:
        if to is None:
            raise typer.BadParameter("--restore needs --to FILE")
        snapshots.restore(Place().root, restore, to)
        typer.echo(f"{to}: restored snapshot {restore}")
        return
    job = _last_job(name) if same_tick else open_job(name, as_of)
    try:
        with one_at_a_time(job.place, name):
            frozen, champion = steps.snapshot(job), steps.freeze_champion(job)
    except Refusal as refusal:
        _refuse(job, refusal, as_json)
    facts = {
        "use_case": name,
        "as_of": job.as_of.isoformat(),
        "rows": frozen.rows,
        "fingerprint": frozen.fingerprint,
        "path": str(frozen.path.relative_to(job.place.root)),
        "champion": champion.contender.name,
    }
    if as_json:
        print_json(facts)
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
def judge(  # noqa: PLR0913, PLR0917  (options of a command)
    objective: Annotated[Path, typer.Option(help="YAML with `objective` and `guardrails`.")],
    rows: Annotated[
        Path, typer.Option(help="Parquet or CSV: unit, event_time, value_champion, value_candidate")
    ],
    measures: Annotated[
        Path | None, typer.Option(help="JSON: {candidate: {measure: number}, champion: {...}}")
    ] = None,
    past: Annotated[
        Path | None, typer.Option(help="JSON: [{gain, standard_error}, ...] of earlier candidates")
    ] = None,
    as_of: AsOf = None,
    trained_until: Annotated[
        datetime | None,
        typer.Option(parser=moment, metavar="DATE", help="End of what the candidate has seen."),
    ] = None,
    champion_trained_until: Annotated[
        datetime | None,
        typer.Option(parser=moment, metavar="DATE", help="End of what the champion has seen."),
    ] = None,
    label_delay_days: Annotated[
        float | None,
        typer.Option(min=0, max=10_000, help="Days until an outcome is known; proves maturity."),
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write the decision page here.")] = None,
    as_json: AsJson = False,
) -> None:
    """Run the gate alone on a table of per-row values, whoever made it.

    With the dates of what both models have seen it also proves that the rows are fresh.
    """
    from kpi_gate.job import now
    from kpi_gate.judging import Origin, judge_table

    said = (as_of, trained_until, champion_trained_until, label_delay_days)
    origin = None
    if any(word is not None for word in said):
        seen = trained_until, champion_trained_until
        origin = Origin(as_of or now(), *seen, label_delay_days)
    decision = judge_table(objective, rows, measures, origin=origin, past=past)
    if html is not None:
        html.parent.mkdir(parents=True, exist_ok=True)
        html.write_text(decision.html(), encoding="utf-8")
    _report(decision, as_json)
    raise typer.Exit(decision.verdict.exit_code)


@app.command()
def selftest(
    name: UseCaseName,
    as_of: AsOf = None,
    html: Annotated[Path | None, typer.Option(help="Write the page here too.")] = None,
    as_json: AsJson = False,
) -> None:
    """Let candidates that must not pass ask the gate, on the use case's own data.

    Exit code 1 where the gate decided wrong. A scheduled retrain promotes nothing until it passes.
    """
    from kpi_gate import steps
    from kpi_gate.job import Refusal, open_job
    from kpi_gate.proof.record import page_of
    from kpi_gate.proof.terminal import show

    job = open_job(name, as_of)
    try:
        with show(quiet=as_json) as each:
            result = steps.selftest(job, each)
    except Refusal as refusal:
        _refuse(job, refusal, as_json)
    if html is not None:
        html.parent.mkdir(parents=True, exist_ok=True)
        html.write_text(result.html(), encoding="utf-8")
    if as_json:
        print_json({"passed": result.passed, **result.model_dump(mode="json")})
    else:
        typer.echo(f"{name}: {result.sentence()}. Page: {job.place.shown(page_of(job))}")
    raise typer.Exit(0 if result.passed else UNEXPECTED)


@app.command()
def promote(
    name: UseCaseName,
    force: Annotated[bool, typer.Option("--force", help="Against the verdict.")] = False,
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Promote the last decision's candidate, if it may be: after an approval, or by force."""
    from kpi_gate import promotion, steps
    from kpi_gate.job import open_job
    from kpi_gate.stores.lock import one_at_a_time

    if force != bool(reason.strip()):
        raise typer.BadParameter("--force and --reason go together")
    job = open_job(name)
    with one_at_a_time(job.place, name):
        promotion.heal(job.place, name)
        entries = job.ledger.entries(name, "decision")
        if not entries:
            words = f"{name} has no decision yet; run `kpi-gate retrain {name}`"
            raise promotion.PromotionError(words)
        settled = [] if force else [found for found in steps.settle(job) if found.moved]
        outcome = (
            settled[-1]
            if settled
            else promotion.promote(job.place, entries[-1], forced=reason.strip())
        )
    if as_json:
        print_json({"moved": outcome.moved, "outcome": outcome.words})
    else:
        typer.echo(f"{name}: {outcome.words}.")


@app.command()
def rollback(name: UseCaseName, reason: Reason = "") -> None:
    """Return to the champion before, recorded with its reason."""
    from flows.notify import telling
    from kpi_gate import promotion
    from kpi_gate.job import open_job
    from kpi_gate.stores.lock import one_at_a_time

    job = open_job(name)
    told = telling(job.place, name, partial(typer.echo, err=True))
    with one_at_a_time(job.place, name), told:
        version = promotion.rollback(job.place, name, reason)
    typer.echo(f"{name}: the champion is {version or 'the baseline'} again.")


@app.command()
def reanchor(name: UseCaseName, reason: Reason = "") -> None:
    """Let the guardrails' budgets begin anew at the present champion, recorded with its reason."""
    from kpi_gate import promotion
    from kpi_gate.job import open_job
    from kpi_gate.stores.lock import one_at_a_time

    job = open_job(name)
    with one_at_a_time(job.place, name):
        version = promotion.reanchor(job.place, name, reason)
    typer.echo(f"{name}: the anchor is {version} now.")


@app.command()
def reproduce(
    decision: Annotated[
        str,
        typer.Argument(help="Its id, the first 6 or more characters, or its row in the ledger."),
    ],
    keep: Annotated[
        Path | None, typer.Option(help="Restore into this folder, and keep it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run a decision again from its data, code and settings; say same (0) or different (1)."""
    from rich.console import Console

    from kpi_gate.reproduction.reproduce import reproduce as run_again
    from kpi_gate.reproduction.scratch import scratch_folder
    from kpi_gate.stores.settings import Place

    with scratch_folder(keep) as folder, Console(stderr=True).status("") as status:
        found = run_again(Place(), decision, folder, status.update)
    if as_json:
        print_json(found.as_json())
    else:
        Console().print(found.table())
        for line in (*found.notes, *(f"warning: {words}" for words in found.warnings)):
            typer.echo(line)
        typer.echo(found.sentence())
    raise typer.Exit(0 if found.same else UNEXPECTED)


@app.command()
def schedule() -> None:
    """Serve every use case's flow on its cron expression, until Ctrl-C; needs a Prefect server."""
    from kpi_gate.stores.settings import UnreachableError

    if not os.environ.get("PREFECT_API_URL"):
        raise UnreachableError(
            "a schedule needs a Prefect server: start `kpi-gate ui`, or set PREFECT_API_URL"
        )
    from flows import work_pools
    from flows.waiting import wait_for_server
    from kpi_gate.stores.settings import Place

    work_pools.follow(Place().root)
    wait_for_server()  # who we are is read by Prefect when it is imported
    from flows.schedule import serve_all

    serve_all()


@app.command()
def ui(
    mlflow_port: Annotated[int, typer.Option(min=1, max=65535)] = 5000,
    prefect_port: Annotated[int, typer.Option(min=1, max=65535)] = 4200,
) -> None:
    """Show runs and flows: MLflow and Prefect on loopback, until Ctrl-C."""
    from kpi_gate.servers.pages import serve_pages
    from kpi_gate.stores.prefect_key import key_file, read_key
    from kpi_gate.stores.settings import Place

    place = Place()

    def ready(pages: str, flows: str) -> None:
        kept = place.shown(key_file(place.home))
        shown = f"with {read_key(place.home)}   kept in" if sys.stdout.isatty() else "with"
        typer.echo(f"MLflow   {pages}   decisions, models, money\nPrefect  {flows}   flow runs")
        typer.echo(f"Sign in  to Prefect {shown} {kept}, which only you can read")
        typer.echo(f"State    {place.home}   Ctrl-C stops both")

    serve_pages(place, mlflow_port, prefect_port, ready)


def _last_job(name: str) -> "Job":
    from kpi_gate import usecases
    from kpi_gate.job import same_tick
    from kpi_gate.stores.settings import Place

    return same_tick(usecases.load(name), Place())


def _stage(name: str, verb: str, words: str) -> None:
    """Run one verb on the last tick's files; a refusal ends in its decision's exit code."""
    from kpi_gate import steps
    from kpi_gate.job import Refusal
    from kpi_gate.stores.lock import one_at_a_time

    job = _last_job(name)
    try:
        with one_at_a_time(job.place, name):
            ran = getattr(steps, verb)(job)
    except Refusal as refusal:
        _refuse(job, refusal, as_json=False)
    unchanged = "" if ran else " (nothing changed)"
    typer.echo(f"{name} as of {job.as_of:%Y-%m-%d}: {words}{unchanged}")


def _refuse(job: "Job", refusal: "Refusal", as_json: bool) -> NoReturn:
    from kpi_gate.recording import refused

    decision = refused(job, refusal, None)
    _report(decision, as_json)
    raise typer.Exit(decision.verdict.exit_code) from None


def _report(decision: "Decision", as_json: bool, more: dict[str, Any] | None = None) -> None:
    if as_json:
        print_json({**decision.model_dump(mode="json"), **(more or {})})
    else:
        typer.echo(decision.table())


def main() -> None:
    """Run a command; a fault is one line on stderr and an exit code, never a traceback."""
    from kpi_gate.stores.settings import Place, prepare_environment

    gc.set_threshold(
        100_000, 50, 50
    )  # imports make objects that stay; looking for others costs a tenth
    try:
        prepare_environment(Place())
        app()
    except Exception as error:
        if os.environ.get("KPI_GATE_TRACEBACK"):
            raise
        wrong = any(kind.__name__ == "ConfigurationError" for kind in type(error).__mro__)
        words = " ".join(str(error).split())
        known = type(error).__module__.startswith("kpi_gate")
        typer.echo(f"kpi-gate: {words if known else f'{type(error).__name__}: {words}'}", err=True)
        sys.exit(WRONG_CALL if wrong else UNEXPECTED)
