"""An audit of an experiment as one self-contained page: who was decided by what, and when."""

from kpi_gate.experiment.audit import Audit
from kpi_gate.render import render
from kpi_gate.report.experiment_wording import effect_in_words, schedule_in_words, size_in_words
from kpi_gate.report.html import digits, fill
from kpi_gate.text import clean, ended, number

SHOWN = 12  # digits of a hash


@render.register(Audit)
def show(found: Audit, form: str) -> str:
    """Show an audit as `sentence` or `html`.

    Args:
        found: What was gathered.
        form: How it is shown.
    """
    return {"sentence": sentence, "html": page}[form](found)


def sentence(found: Audit) -> str:
    """Say what a reviewer is told first."""
    plan = found.plan
    exposures = sum(row.exposures for row in found.rows)
    result = f"ended with {found.verdict}" if found.verdict else found.state
    agrees = "log, plan and ledger agree" if found.verified else "log, plan and ledger DISAGREE"
    words = (
        f"experiment {found.experiment} of {clean(found.use_case)}, {clean(plan.treatment)} "
        f"against {clean(plan.control)}: {number(exposures, 0)} exposures logged, {result}; "
        f"{agrees}"
    )
    return ended(words)


def page(found: Audit) -> str:
    """Render an audit as one HTML page without script or outside resource."""
    return fill(
        "audit.html",
        found=found,
        plan=found.plan,
        lead=sentence(found)[:1].upper() + sentence(found)[1:],
        lift=_lift(found),
        arms=_arms(found),
        size=size_in_words(found.plan),
        schedule=schedule_in_words(found.plan, found.started),
        effect=lambda look: effect_in_words(look.effect, found.plan.unit).replace("-", "−"),
        short=lambda mark: mark[:SHOWN],
    )


def _lift(found: Audit) -> str:
    if found.lift is None:
        return "–"
    error = digits(found.lift_error)
    return f"{digits(found.lift, sign=True)} ± {error} {clean(found.plan.unit)} a decision"


def _arms(found: Audit) -> list[tuple[str, str, str, str, str]]:
    """Return (arm, version, exposures, days, known outcomes) of each arm and version."""
    sums: dict[tuple[str, str], list[int]] = {}
    for row in found.rows:
        counts = sums.setdefault((row.arm, row.policy_version), [0, 0, 0])
        counts[0] += row.exposures
        counts[1] += 1
        counts[2] += row.known
    return [
        (arm, version, number(many, 0), number(days, 0), number(known, 0))
        for (arm, version), (many, days, known) in sorted(sums.items())
    ]
