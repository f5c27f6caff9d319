"""Experiments at the door: plan, start, look, stop, take in what was run elsewhere, audit."""

import csv
import io
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kpi_gate.cli import longitudinal
from kpi_gate.cli.call_checks import require_reason
from kpi_gate.cli.options import (
    AsJson,
    AsOf,
    Html,
    Reason,
    UseCaseName,
    as_json_text,
    at,
    file_to_write,
    helped,
    print_json,
    working,
    write_page,
)

if TYPE_CHECKING:
    from kpi_gate.experiment.audit import Audit
    from kpi_gate.experiment.record import Experiment

FAULTY = 1
experiment_app = typer.Typer(
    help="Prove a candidate's value by an experiment (A/B test), on the record from its plan on.",
    no_args_is_help=True,
)
Which = Annotated[
    str,
    typer.Option(
        "--experiment",
        metavar="NAME",
        help="As its name begins; default: the one that runs, else the newest.",
    ),
]


def plan(
    name: UseCaseName,
    decision: Annotated[
        str, typer.Option(help="Whose candidate; default: the newest that needs an experiment.")
    ] = "",
    minimum_effect: Annotated[
        float | None,
        typer.Option(help="Smallest effect a decision not to be missed; default: the objective's."),
    ] = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Plan an experiment of candidate against champion, and record the plan before anything starts.

    Its size follows from the smallest effect worth a release and from how money varies between
    units in the last snapshot, its length from today's pace and from when outcomes are known.

    Examples:
        kpi-gate experiment plan campaign
        kpi-gate experiment plan campaign --minimum-effect 0.05
    """
    from kpi_gate.pipeline.experiment_plan import plan_and_record
    from kpi_gate.report.experiment_text import plan_text
    from kpi_gate.run.opening import open_run

    with working(f"{name}: plan an experiment"), open_run(name, as_of, looking=True) as run:
        made = plan_and_record(run, about=decision, minimum_effect=minimum_effect)
    if as_json:
        print_json({"experiment": made.name, **made.plan.model_dump(mode="json")})
        return
    typer.echo(plan_text(made.plan))
    typer.echo(f"Start it as it is: kpi-gate experiment start {name}")


def start(
    name: UseCaseName,
    which: Which = "",
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Although its plan says that it is not worth it.")
    ] = False,
    reason: Reason = "",
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Start the experiment as it was planned; whoever serves deals the arms and logs exposures.

    Examples:
        kpi-gate experiment start campaign
        kpi-gate experiment start campaign --anyway --reason 'the board wants to see it'
    """
    if anyway:
        reason = require_reason(reason, "an experiment that is not worth it")
    elif reason.strip():
        raise typer.BadParameter("--reason goes with --anyway")
    from kpi_gate.pipeline.experiment_log import place_of_log
    from kpi_gate.pipeline.experiment_start import start as begin
    from kpi_gate.run.opening import open_run

    with open_run(name, as_of, looking=True) as run:
        begun = begin(run, wanted=which, anyway=reason)
        log, found = place_of_log(run), _facts(begun)
    if as_json:
        print_json({**found, "salt": begun.plan.salt, "log": log})
        return
    typer.echo(_standing(begun))
    typer.echo(
        f"Deal the arms by sha256('{begun.plan.salt}|' + unit): treatment below "
        f"{begun.plan.treatment_share:g} of 2^64. Log each exposure to {log}."
    )
    if begun.plan.disagreement < 1:
        typer.echo("Its size counts on the column `other_action`: what the other arm would do.")


def status(name: UseCaseName, as_json: AsJson = False) -> None:
    """Tell of each experiment how far it is: planned, running and its next look, or its verdict.

    Nothing is computed: it reads the ledger alone.

    Examples:
        kpi-gate experiment status campaign
        kpi-gate experiment status campaign --json
    """
    from kpi_gate.experiment.record import ExperimentBook
    from kpi_gate.run.opening import plan_run

    book = ExperimentBook(plan_run(name))
    found = [book.get(each) for each in book.names]
    if as_json:
        print_json([_facts(each) for each in found])
    elif not found:
        typer.echo(f"{name} has no experiment yet: kpi-gate experiment plan {name}")
    for each in () if as_json else found:
        typer.echo(_standing(each))


def analyse(
    name: UseCaseName,
    which: Which = "",
    as_of: AsOf = None,
    html: Html = None,
    as_json: AsJson = False,
) -> None:
    """Look at the experiment, record the looks that are due, and tell what came of it.

    Before and between looks it says when the next one can be read, and nothing of the benefit.
    Exit code 1 where the log allows no conclusion.

    Examples:
        kpi-gate experiment analyse campaign
        kpi-gate experiment analyse campaign --html experiment.html
    """
    from kpi_gate.experiment.result import first_fatal
    from kpi_gate.orchestration.notify import telling
    from kpi_gate.pipeline.experiment import look_at_experiment, page_of
    from kpi_gate.run.opening import open_run

    told = partial(typer.echo, err=True)
    with (
        working(f"{name}: look at its experiment"),
        open_run(name, as_of, looking=True) as run,
        telling(run, told),
    ):
        seen = look_at_experiment(run, wanted=which)
        page = html or page_of(run, seen.name)
        write_page(page, seen.analysis.to_html())
        shown = run.workspace.shown(page)
    if as_json:
        print_json({**_facts(seen.experiment), "analysis": seen.analysis.to_dict()})
    else:
        typer.echo(str(seen.analysis))
        if seen.joined:
            typer.echo(f"{seen.joined}.")
        typer.echo(f"Page: {shown}")
    raise typer.Exit(FAULTY if first_fatal(seen.analysis.faults) else 0)


def stop(
    name: UseCaseName, reason: Reason = "", as_of: AsOf = None, as_json: AsJson = False
) -> None:
    """Stop the experiment that runs, recorded with the reason; it is inconclusive then.

    Examples:
        kpi-gate experiment stop campaign --reason 'the shop is being rebuilt'
    """
    reason = require_reason(reason, "to stop an experiment")
    from kpi_gate.orchestration.notify import telling
    from kpi_gate.pipeline.experiment import stop as end
    from kpi_gate.run.opening import open_run

    told = partial(typer.echo, err=True)
    with open_run(name, as_of, looking=True) as run, telling(run, told):
        found = end(run, reason)
    if as_json:
        print_json(_facts(found))
    else:
        typer.echo(_standing(found))


def import_effect(  # noqa: PLR0913, PLR0917  (by name, at the door)
    name: UseCaseName,
    decision: Annotated[
        str, typer.Option("--decision", "--version", help="Decision or version that it was about.")
    ],
    effect: Annotated[float, typer.Option(help="Lift a decision, over all decisions.")],
    unit: Annotated[str, typer.Option(help="Unit of effect and error, the objective's.")],
    start: Annotated[datetime, at("--start", words="First day of exposures (UTC).")],
    end: Annotated[datetime, at("--end", words="Last day (UTC).")],
    tool: Annotated[str, typer.Option(help="What ran it, such as GrowthBook.")],
    error: Annotated[float | None, typer.Option(help="Standard error of the effect.")] = None,
    not_randomised: Annotated[
        bool, typer.Option("--not-randomised", help="It was a comparison without chance.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Take in what an experiment that was run elsewhere has shown; the link learns from it.

    Examples:
        kpi-gate experiment import campaign --version v3 --effect 0.12 --error 0.04 --unit EUR
            --start 2026-09-01 --end 2026-09-29 --tool GrowthBook
    """
    from kpi_gate.pipeline.experiment_import import Elsewhere
    from kpi_gate.pipeline.experiment_import import import_effect as take_in
    from kpi_gate.run.opening import open_run

    given = Elsewhere(decision, effect, error, unit, start, end, tool, not not_randomised)
    with open_run(name, looking=True) as run:
        row = take_in(run, given)
    if as_json:
        print_json(row.as_json())
    else:
        about = f"decision {row.body['decision'][:6]}, {row.body['version']}"
        typer.echo(f"{name}: row {row.number} holds {row.body['sentence']}, about {about}.")


def audit(
    name: UseCaseName,
    which: Which = "",
    to: Annotated[Path | None, file_to_write("Write the table here, .csv or .json.")] = None,
    html: Html = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Write who was decided by which version when, under which plan, with what result.

    The table counts the log by day, arm and version, with the hashes of the ledger's rows. Exit
    code 1 where log, plan and ledger disagree.

    Examples:
        kpi-gate experiment audit campaign --to audit.csv --html audit.html
    """
    if to is not None and to.suffix not in (".csv", ".json"):
        raise typer.BadParameter(f"--to {to}: must end in .csv or .json")
    from kpi_gate.pipeline.experiment_audit import audit as gather
    from kpi_gate.report.experiment_text import audit_text
    from kpi_gate.run.opening import plan_run

    with working(f"{name}: audit"):
        found = gather(plan_run(name, as_of), wanted=which)
    if to is not None:
        text = as_json_text(found.to_dict()) + "\n" if to.suffix == ".json" else audit_table(found)
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_text(text, encoding="utf-8", newline="")
    if html is not None:
        write_page(html, found.to_html())
    if as_json:
        print_json(found.to_dict())
    else:
        typer.echo(audit_text(found))
        for path in filter(None, (to, html)):
            typer.echo(f"Written: {path}")
    raise typer.Exit(0 if found.verified else FAULTY)


def audit_table(found: "Audit") -> str:
    """Return an audit as CSV: one row a day, arm and version, each with what it rests on."""
    first = {entry.kind: entry for entry in reversed(found.entries)}
    rests: dict[str, Any] = {"use_case": found.use_case, "experiment": found.experiment}
    rests |= {"verdict": found.verdict, "lift": found.lift, "lift_error": found.lift_error}
    for kind in ("decision", "experiment_plan", "experiment_start", "experiment_end"):
        entry = first.get(kind)
        rests[f"{kind}_row"] = entry.number if entry else ""
        rests[f"{kind}_hash"] = entry.hash if entry else ""
    rests |= {"log_hash": found.log_hash, "verified": found.verified}
    names = ["day", "arm", "policy_version", "exposures", "assigned_only", "units", "known"]
    written = io.StringIO()
    table = csv.DictWriter(
        written, [*names, "total", "as_planned", *rests], lineterminator="\n", restval=""
    )
    table.writeheader()
    for row in found.rows:
        table.writerow({**row.model_dump(mode="json"), **rests})
    return written.getvalue()


def _standing(found: "Experiment") -> str:
    from kpi_gate.report.experiment_text import standing_text

    return f"{found.plan.use_case}: {standing_text(found)}"


def _facts(found: "Experiment") -> dict[str, Any]:
    """Return what the ledger says of an experiment, for a program."""
    plan, started, end = found.plan, found.started, found.end
    looks = plan.readable_times(started) if started else ()
    seen = len(found.looks)
    return {
        "experiment": found.name,
        "state": found.state,
        "decision": plan.decision,
        "control": plan.control,
        "treatment": plan.treatment,
        "started": started.isoformat() if started else None,
        "looks": [look.model_dump(mode="json") for look in found.looks],
        "next_look": looks[seen].isoformat() if end is None and seen < len(looks) else None,
        "verdict": found.verdict.value if found.verdict else None,
        "lift": dict(end.body["lift"]) if end and end.body["lift"] else None,
        "stopped_by": end.body["stopped_by"] if end else None,
        "reason": end.body["reason"] if end else None,
    }


for _name, _verb in (
    *(("plan", plan), ("start", start), ("status", status), ("analyse", analyse)),
    *(("stop", stop), ("import", import_effect), ("audit", audit)),
    *(("holdback", longitudinal.holdback), ("rollout", longitudinal.rollout)),
):
    _words, _examples = helped(_verb)
    experiment_app.command(_name, help=_words, epilog=_examples)(_verb)
