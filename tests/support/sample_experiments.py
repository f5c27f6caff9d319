"""Experiments of every verdict, made by hand."""

from datetime import UTC, date, datetime, timedelta

from kpi_gate.experiment.audit import Audit, AuditEntry, AuditRow
from kpi_gate.experiment.holdback import Holdback, Month, Win
from kpi_gate.experiment.plan import Margin, Plan
from kpi_gate.experiment.result import (
    Analysis,
    Day,
    Effect,
    ExperimentVerdict,
    Fault,
    Look,
    MarginResult,
    Split,
    Week,
)
from kpi_gate.experiment.rollout import Period, Rollout

STARTED = datetime(2024, 3, 4, tzinfo=UTC)
Z = (0.9, 1.6, 2.1, 2.6)
BOUNDS = (4.05, 2.86, 2.34, 2.02)


def plan(words: str = "", **changes: object) -> Plan:
    given = {
        "use_case": f"toy{words}",
        "decision": "0123456789abcdef",
        "kpi": f"toy_value{words}",
        "unit": "EUR",
        "horizon_decisions": 100_000,
        "control": "v1",
        "treatment": f"v2{words}",
        "salt": "toy 2024",
        "minimum_effect": 0.1,
        "weeks": 4,
        "label_delay_days": 7,
        "units_per_week": 2_000,
        "decisions_per_unit": 1.5,
        "standard_deviation": 2.0,
        "units_per_arm": 4_000,
        "margins": (Margin(column=f"complaints{words}", direction="rise", margin=0.01),),
        "advice": f"5 weeks, at today's pace{words}",
    }
    return Plan.model_validate(given | changes)


def effect(estimate: float, error: float, units: int = 4_000) -> Effect:
    return Effect(
        estimate=estimate,
        standard_error=error,
        lower=estimate - 1.96 * error,
        upper=estimate + 1.96 * error,
        control=1.0,
        treatment=1.0 + estimate,
        units=(units, units + 7),
        decisions=(units * 2, units * 2 + 9),
        triggered=0.3,
        variance_reduction=0.2,
    )


def analysis(verdict: str = "ship", words: str = "", **changes: object) -> Analysis:
    """Return an experiment after four looks; the words go wherever words of a user can."""
    asked = plan(words)
    errors = [0.09, 0.065, 0.055, 0.05]
    looks = tuple(
        Look(
            number=i + 1,
            at=at,
            readable_at=at + timedelta(days=7),
            information=(i + 1) / 4,
            effect=effect(z * error, error, 1_000 * (i + 1)),
            z=z,
            bound=bound,
            crossed="benefit" if z > bound else "",
        )
        for i, (z, bound, error, at) in enumerate(
            zip(Z, BOUNDS, errors, asked.look_times(STARTED), strict=True)
        )
    )
    days = tuple(
        Day(
            day=date(2024, 3, 4) + timedelta(days=i),
            estimate=0.13 + 0.2 / (i + 1),
            lower=0.13 + 0.2 / (i + 1) - 1.2 / (i + 1) ** 0.6,
            upper=0.13 + 0.2 / (i + 1) + 1.2 / (i + 1) ** 0.6,
        )
        for i in range(28)
    )
    made = Analysis(
        plan=asked,
        started=STARTED,
        as_of=STARTED + timedelta(days=35),
        verdict=ExperimentVerdict(verdict),
        because=f"look 4 passed its bound{words}",
        looks=looks,
        days=days,
        weeks=tuple(Week(number=i, effect=effect(0.2 - 0.03 * i, 0.1)) for i in range(1, 5)),
        effect=looks[-1].effect,
        split=Split(control=4_000, treatment=4_007, expected=0.5, p_value=0.94),
        margins=(
            MarginResult(
                column=f"complaints{words}", estimate=0.001, bound=0.004, margin=0.01, passed=True
            ),
        ),
        faults=(
            Fault(
                check="novelty",
                severity="warning",
                reason=f"the effect fades{words}",
                value=-2.1,
                bound=-2,
            ),
        ),
    )
    return made.model_copy(update=changes)


def rollout(words: str = "", **changes: object) -> Rollout:
    """Return a rollout of eight periods; the words go wherever words of a user can."""
    periods = tuple(
        Period(after=i, estimate=0.1 * max(i, -0.1), lower=0.1 * i - 0.2, upper=0.1 * i + 0.3)
        for i in range(-4, 5)
    )
    made = Rollout(
        unit=f"EUR{words}",
        estimate=0.21,
        standard_error=0.05,
        lower=0.11,
        upper=0.31,
        units=60,
        treated=40,
        cohorts=2,
        periods=periods,
        pre_trend=0.4,
        before_after=(0.6, 0.4, 0.8),
        horizon_decisions=100_000,
    )
    return made.model_copy(update=changes)


def audit(words: str = "", **changes: object) -> Audit:
    """Return an audit of two days; the words go wherever words of a user can."""
    found = analysis(words=words)
    rows = tuple(
        AuditRow(
            day=date(2024, 3, 4) + timedelta(days=i),
            arm=arm,
            policy_version=found.plan.versions[arm],
            exposures=2_000 + i,
            assigned_only=3,
            units=900,
            known=1_990,
            total=2_100.5,
            as_planned=True,
        )
        for i in range(2)
        for arm in ("control", "treatment")
    )
    entries = tuple(
        AuditEntry(
            number=i,
            at=STARTED,
            kind=kind,
            what=f"what it says{words}",
            asked_by=f"somebody{words}",
            hash=f"{i}" * 64,
        )
        for i, kind in enumerate(("experiment_plan", "experiment_start", "experiment_end"))
    )
    made = Audit(
        use_case=found.plan.use_case,
        title=f"Toy{words}",
        experiment=found.plan.experiment,
        plan=found.plan,
        state="ended",
        as_of=found.as_of,
        planned_at=STARTED,
        started=STARTED,
        ended=found.as_of,
        stopped_by="look",
        asked_by=f"somebody{words}",
        reason=f"look 4 passed its bound{words}",
        verdict="ship",
        lift=0.13,
        lift_error=0.05,
        looks=found.looks,
        rows=rows,
        entries=entries,
        log=f"data/exposures/toy{words}",
        log_hash="a" * 64,
        ledger_hash="b" * 64,
        verified=True,
    )
    return made.model_copy(update=changes)


def holdback(words: str = "", **changes: object) -> Holdback:
    """Return a holdback of four weeks; the words go wherever words of a user can."""
    found = analysis(words=words)
    made = Holdback(
        use_case=f"toy{words}",
        unit="EUR",
        frozen=f"v1{words}",
        share=0.02,
        started=STARTED,
        as_of=found.as_of,
        horizon="a year",
        horizon_decisions=100_000,
        effect=found.effect,
        days=found.days,
        months=tuple(
            Month(start=date(2024, 3, 4) + timedelta(days=30 * i), effect=effect(0.2, 0.1))
            for i in range(3)
        ),
        booked=0.2,
        wins=(Win(STARTED + timedelta(days=9), f"v2{words}", 0.3),),
        faults=found.faults,
    )
    return made.model_copy(update=changes)


EXPERIMENTS = {
    "ship": analysis(),
    "keep": analysis("keep", stopped_for_harm=True, faults=()),
    "inconclusive": analysis("inconclusive"),
    "invalid": analysis(
        "invalid",
        effect=None,
        looks=(),
        faults=(
            Fault(check="split", reason="the split is not as planned", value=1e-9, bound=1e-3),
        ),
    ),
    "running": analysis(
        "running",
        looks=(),
        weeks=(),
        margins=(),
        effect=None,
        days=(Day(day=date(2024, 3, 4)),),
        next_look=STARTED + timedelta(days=14),
        because="",
        faults=(),
    ),
    "one look": analysis(looks=analysis().looks[:1], plan=plan(looks=1)),
}
