"""The story of a retraining in ten lines of its log: rows, variants, checks, money, page."""

from collections.abc import Callable

from kpi_gate.record.run_links import run_link
from kpi_gate.report.decision_brief import headline, money_sentence
from kpi_gate.report.numbers import money
from kpi_gate.run.context import Run
from kpi_gate.text import clean, number

PLAIN = {  # what a task is called beside its verb
    "recover": "finish what was left open",
    "apply_reviews": "read what reviewers said",
    "should_retrain": "is it worth retraining?",
    "take_snapshot": "freeze the rows",
    "fetch_champion": "get the model in use",
    "validate": "check the rows",
    "train": "fit the candidate",
    "compare": "score both on fresh rows",
    "decide": "judge by the objective",
    "refit": "fit again on all rows",
    "record": "write it down",
    "promote": "put it in use, if it may be",
    "monitor": "look at the model in use",
    "look_at_running": "look at the experiment",
}


def line_of(verb: str, run: Run) -> str:
    """Return what a step that has ended came to; empty where there is nothing to tell."""
    tell = _LINES.get(verb)
    return tell(run) if tell is not None else ""


def _rows(run: Run) -> str:
    frozen = run.snapshot.frozen
    newest = f", the newest of {frozen['event_time'].max():%Y-%m-%d}" if len(frozen) else ""
    return f"rows: {number(len(frozen))} known at {run.as_of:%Y-%m-%d %H:%M} UTC{newest}"


def _champion(run: Run) -> str:
    return f"champion: {run.champion.name}"


def _checks_of_rows(run: Run) -> str:
    return "data: the rows keep the contract and every expectation"


def _variants(run: Run) -> str:
    card, unit = run.candidate.card, run.use_case.settings.objective.unit
    tried = ", ".join(
        f"{clean(one['name'])} {money(one['value'], unit)} a decision" for one in card.variants
    )
    rows = f"trained on {number(card.trained_rows)} rows"
    return f"candidate: {rows}; tried {tried}; chosen {clean(card.chosen)}"


def _checks(run: Run) -> str:
    decision, told = run.decision, list[str]()
    if decision.gain is not None and decision.lineage is not None:
        rows, window = number(decision.gain.rows), decision.lineage.window
        told.append(f"compared: both on {rows} fresh decisions of {window}")
    checks, failed = decision.checks, decision.failed
    passed = sum(check.passed is True for check in checks)
    names = f" ({', '.join(clean(check.name) for check in failed)})" if failed else ""
    left = len(checks) - passed - len(failed)
    told.append(f"checks: {passed} passed, {len(failed)} failed{names}, {left} not made")
    return "\n".join(told)


def _record(run: Run) -> str:
    told = [f"verdict: {headline(run.decision)}"]
    earned = money_sentence(run.decision)
    told += [f"money: {earned}"] if earned else []
    told += [f"page: {run_link(run.workspace, run.entry.body['run_id'])}"]
    return "\n".join(told)


def _outcome(run: Run) -> str:
    return f"champion: {run.outcome.words}"


_LINES: dict[str, Callable[[Run], str]] = {
    "take_snapshot": _rows,
    "fetch_champion": _champion,
    "validate": _checks_of_rows,
    "train": _variants,
    "decide": _checks,
    "record": _record,
    "promote": _outcome,
}
