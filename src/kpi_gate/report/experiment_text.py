"""Plans, standing and audits of experiments as plain text, for the terminal."""

from collections.abc import Iterator

from kpi_gate.experiment.audit import Audit
from kpi_gate.experiment.plan import Plan
from kpi_gate.experiment.record import Experiment
from kpi_gate.report.experiment_wording import schedule_in_words, size_in_words
from kpi_gate.text import clean, ended, number, percent

WIDTH = 12  # columns of a fact's name


def plan_text(plan: Plan) -> str:
    """Say what is planned."""
    facts = [
        ("compares", f"{plan.treatment} (treatment) with {plan.control} (control)"),
        ("asked by", f"decision {plan.decision}" if plan.decision else "nobody's decision"),
        ("metric", _metric(plan)),
        ("split", f"{percent(plan.treatment_share)} of the units get the treatment"),
        ("size", size_in_words(plan)),
        ("differ", _differ(plan)),
        ("takes", schedule_in_words(plan)),
        ("looks", f"{min(plan.looks, plan.weeks)}, O'Brien-Fleming at {percent(plan.confidence)}"),
        ("harm", f"stops it by itself, on any day; falsely in {percent(plan.harm_alpha)}"),
        *(
            ("guardrail", f"{m.column} may {m.direction} by {number(m.margin)} a decision")
            for m in plan.margins
        ),
        ("worth it", ended(f"{'yes' if plan.worth_it else 'NO'}: {clean(plan.advice)}")),
    ]
    return "\n".join([f"experiment {plan.experiment} of {plan.use_case}", *_lines(facts)])


def standing_text(experiment: Experiment) -> str:
    """Say how far an experiment is."""
    plan, started, end = experiment.plan, experiment.started, experiment.end
    head = f"experiment {experiment.name}: {plan.treatment} against {plan.control}"
    if started is None:
        return f"{head}, planned and not started"
    if end is not None:
        reason = clean(end.body["reason"])
        words = f"{end.body['verdict']}, ended {end.body['ended'][:10]}"
        return ended(f"{head}, {words}{f': {reason}' if reason else ''}")
    looks = plan.readable_times(started)
    seen, due = len(experiment.looks), ""
    if seen < len(looks):
        due = f", look {seen + 1} of {len(looks)} can be read on {looks[seen]:%Y-%m-%d %H:%M} UTC"
    return f"{head}, runs since {started:%Y-%m-%d %H:%M} UTC{due}"


def audit_text(found: Audit) -> str:
    """Say what a reviewer is told first, and what is wrong."""
    plan, rows = found.plan, found.rows
    exposures = sum(row.exposures for row in rows)
    days = f"{rows[0].day} to {rows[-1].day}" if rows else "no day"
    facts = [
        ("compares", f"{plan.treatment} (treatment) with {plan.control} (control)"),
        ("planned", f"{found.planned_at:%Y-%m-%d %H:%M} UTC"),
        ("started", _started(found)),
        ("ended", _ended(found)),
        ("log", f"{number(exposures, 0)} exposures, {days}; {found.log}"),
        ("rows", ", ".join(f"{one.number} {one.kind}" for one in found.entries)),
        ("ledger", f"last row's hash {found.ledger_hash[:12]}"),
        ("verified", "yes: log, plan and ledger agree" if found.verified else "NO"),
        *(("", ended(fault)) for fault in found.faults),
    ]
    return "\n".join([f"experiment {found.experiment} of {found.use_case}", *_lines(facts)])


def _started(found: Audit) -> str:
    if found.started is None:
        return "not started"
    return f"{found.started:%Y-%m-%d %H:%M} UTC, by {clean(found.asked_by)}"


def _ended(found: Audit) -> str:
    if found.ended is None:
        return "not ended"
    lift = "no lift"
    if found.lift is not None:
        error = number(found.lift_error)
        lift = f"{number(found.lift, sign=True)} +- {error} {found.plan.unit} a decision"
    by = f", stopped by {found.stopped_by}" if found.stopped_by in ("harm", "person") else ""
    return f"{found.ended:%Y-%m-%d %H:%M} UTC: {found.verdict}, {lift}{by}"


def _metric(plan: Plan) -> str:
    each = {"decisions": "a decision", "action": "an action", "units": "a unit"}
    return f"{plan.metric.numerator} {each[plan.metric.denominator]}, {plan.kpi} in {plan.unit}"


def _differ(plan: Plan) -> str:
    if plan.disagreement == 1:
        return "nobody knows on how many decisions: all are compared"
    return f"on {percent(plan.disagreement)} of the decisions, as the gate saw them"


def _lines(facts: list[tuple[str, str]]) -> Iterator[str]:
    for name, words in facts:
        yield f"  {name:<{WIDTH}}{words}".rstrip()
