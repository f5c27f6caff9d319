"""What an experiment needs: how many units, for how many weeks, and whether that is worth it."""

from collections.abc import Sequence
from math import ceil, inf, sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np

from kpi_gate.decision.fingerprint import digest
from kpi_gate.decision.stats.group_sequential import inflation
from kpi_gate.experiment.errors import ExperimentError
from kpi_gate.experiment.past_use import WEEK_DAYS, PastUse
from kpi_gate.experiment.plan import Margin, Metric, Plan
from kpi_gate.text import finite, number

if TYPE_CHECKING:
    import pandas as pd

MOST_WEEKS = 520  # ten years; what takes longer takes for ever
YEAR = 365.0  # days beyond which no answer is waited for, where nobody knows a model's life


def units_needed(
    standard_deviation: float,
    minimum_effect: float,
    *,
    confidence: float = 0.95,
    power: float = 0.8,
    treatment_share: float = 0.5,
    covariate_correlation: float = 0.0,
    looks: int = 1,
) -> int:
    """Return the units that both arms need together.

    `(z + z')^2 sd^2 (1 - rho^2) / (effect^2 q (1 - q))`, enlarged for the looks.

    Args:
        standard_deviation: Of the metric at the unit, linearised where it is a ratio.
        minimum_effect: Smallest effect that must not be missed.
        confidence: Two-sided.
        power: Probability to see it.
        treatment_share: Share of the units that get the treatment.
        covariate_correlation: Of a unit's metric with its past.
        looks: O'Brien-Fleming looks.
    """
    left = 1 - covariate_correlation**2
    split = treatment_share * (1 - treatment_share)
    each = _distance(confidence, power, looks) ** 2 * left / split
    return ceil(each * (standard_deviation / minimum_effect) ** 2)


def _distance(confidence: float, power: float, looks: int) -> float:
    """Return how many standard errors the smallest effect must be away at the end."""
    alpha = round(1 - confidence, 12)
    normal = NormalDist()
    single = normal.inv_cdf(1 - alpha / 2) + normal.inv_cdf(power)
    return single * sqrt(inflation(looks, alpha, power))


def plan_experiment(  # noqa: PLR0913  (all by name)
    history: "pd.DataFrame",
    *,
    use_case: str,
    kpi: str,
    unit: str,
    horizon_decisions: int,
    control: str,
    treatment: str,
    minimum_effect: float,
    metric: Metric | None = None,
    unit_column: str = "unit",
    time_column: str = "time",
    value_column: str | None = None,
    action_column: str = "action",
    past_column: str | None = None,
    covariate_correlation: float | None = None,
    disagreement: float = 1.0,
    confidence: float = 0.95,
    power: float = 0.8,
    harm_alpha: float = 0.025,
    treatment_share: float = 0.5,
    looks: int = 4,
    least_weeks: int = 1,
    label_delay_days: float = 0.0,
    margins: Sequence[Margin] = (),
    model_life_days: float | None = None,
    salt: str | None = None,
    **more: Any,
) -> Plan:
    """Plan an experiment from what happened before: its size, its weeks, and its worth.

    Args:
        history: One row a decision, at today's pace; the last weeks say what is to come.
        use_case: Whose policies are compared.
        kpi: Name of the KPI.
        unit: Currency of the KPI, or what it is counted in.
        horizon_decisions: Decisions over the horizon.
        control: Version of the policy in use.
        treatment: Version of the policy that wants to be.
        minimum_effect: Smallest effect that must not be missed, by the metric, over all decisions.
        metric: What is compared; by default money per decision.
        unit_column: Who is assigned.
        time_column: When each decision was taken.
        value_column: What is summed; by default the metric's numerator.
        action_column: What it is divided by where the metric says so.
        past_column: What each unit's metric was before, known at the start (CUPED).
        covariate_correlation: Its correlation with the metric, where no column says it.
        disagreement: Share of the decisions on which the two policies act otherwise.
        confidence: Two-sided confidence, over all looks together.
        power: Probability to see the smallest effect.
        harm_alpha: Probability to stop what does no harm.
        treatment_share: Share of the units that get the treatment.
        looks: Looks at the benefit.
        least_weeks: Fewest weeks.
        label_delay_days: Days until an outcome is known.
        margins: What must not worsen.
        model_life_days: How long a model of this use case lives.
        salt: What units are hashed with; by default one that no other plan has.
        more: Other fields of the plan, such as `decision`, `kind` and `horizon`.

    Raises:
        ExperimentError: If an argument is out of bounds, or the history cannot say what is needed.
    """
    metric = metric or Metric()
    _require("minimum_effect", minimum_effect, 0, inf)
    _require("confidence", confidence, 0.8, 1, low_open=False)
    _require("power", power, 0.5, 1, low_open=False)
    _require("treatment_share", treatment_share, 0, 1)
    _require("harm_alpha", harm_alpha, 0, 0.2, high_open=False)
    _require("disagreement", disagreement, 0, 1, high_open=False)
    _require("label_delay_days", label_delay_days, 0, inf, low_open=False)
    _require("looks", looks, 1, 20, low_open=False, high_open=False, whole=True)
    _require("least_weeks", least_weeks, 1, MOST_WEEKS, low_open=False, high_open=False, whole=True)
    _require("horizon_decisions", horizon_decisions, 0, inf, whole=True)
    if covariate_correlation is not None:
        _require("covariate_correlation", covariate_correlation, -1, 1)
    if model_life_days is not None:
        _require("model_life_days", model_life_days, 0, inf)
    names = {
        "unit": unit_column,
        "time": time_column,
        "value": value_column or metric.numerator,
        "action": action_column if metric.denominator == "action" else None,
        "past": past_column,
    }
    past = PastUse(history, names, metric)
    correlation = past.correlation if covariate_correlation is None else covariate_correlation
    part = disagreement * (1 - correlation**2) / (treatment_share * (1 - treatment_share))
    weeks = _weeks(past, minimum_effect, part, (confidence, power, looks), least_weeks)
    found = past.over(min(weeks, MOST_WEEKS))
    spread = sqrt(found.variance * found.units * disagreement)
    together = units_needed(
        spread,
        minimum_effect,
        confidence=confidence,
        power=power,
        treatment_share=treatment_share,
        covariate_correlation=correlation,
        looks=min(looks, int(min(weeks, MOST_WEEKS))),
    )
    days = WEEK_DAYS * weeks + label_delay_days
    worth_it = days <= (model_life_days or YEAR)
    return Plan(
        use_case=use_case,
        kpi=kpi,
        unit=unit,
        horizon_decisions=horizon_decisions,
        control=control,
        treatment=treatment,
        salt=salt or digest([use_case, control, treatment, str(past.last), minimum_effect]),
        treatment_share=treatment_share,
        metric=metric,
        minimum_effect=minimum_effect,
        confidence=confidence,
        power=power,
        harm_alpha=harm_alpha,
        looks=looks,
        weeks=int(min(weeks, MOST_WEEKS)),
        label_delay_days=label_delay_days,
        units_per_week=past.over(1).units,
        decisions_per_unit=found.rows / found.units,
        quiet_days=past.quiet_days,
        mean=past.mean,
        standard_deviation=spread,
        covariate_correlation=correlation,
        disagreement=disagreement,
        units_per_arm=ceil(together * min(treatment_share, 1 - treatment_share)),
        margins=tuple(margins),
        model_life_days=model_life_days,
        worth_it=worth_it,
        advice=advice(weeks, label_delay_days, model_life_days, worth_it=worth_it),
        **more,
    )


def advice(weeks: float, delay: float, life: float | None, *, worth_it: bool) -> str:
    """Say how long it takes until the outcomes are mature, and what follows."""
    if weeks > MOST_WEEKS:
        words = "at today's pace it would take more than ten years"
    else:
        wait = f" and {_span(delay)} until the outcomes are known" if delay else ""
        words = f"at today's pace it takes {_span(WEEK_DAYS * weeks)}{wait}"
    if life is not None:
        words += f"; the models of this use case live {_span(life)}"
    if worth_it:
        return words
    return f"{words}: not worth it, use a holdback, or plan for a larger effect"


def _span(days: float) -> str:
    """Say how long so many days are."""
    if days >= 90:
        return f"{number(days / (YEAR / 12), 0)} months"
    if days >= 7 and days % 7 == 0:
        return f"{number(days / 7, 0)} week{'' if days == 7 else 's'}"
    return f"{number(days, 1 if days % 1 else 0)} days"


def _require(
    name: str,
    value: object,
    low: float,
    high: float,
    *,
    low_open: bool = True,
    high_open: bool = True,
    whole: bool = False,
) -> None:
    """Refuse a number out of its bounds."""
    signs = f"{'>' if low_open else '>='} {low:g}" + (
        f" and {'<' if high_open else '<='} {high:g}" if high < inf else ""
    )
    kind = "a whole number" if whole else "a number"
    given = finite(value.item() if isinstance(value, np.generic) else value)
    right = given is not None and (not whole or given == int(given))
    if right and given is not None:
        right = (given > low if low_open else given >= low) and (
            given < high if high_open else given <= high
        )
    if not right:
        raise ExperimentError(f"{name} is {value!r}, must be {kind} {signs}")


def _weeks(
    past: PastUse,
    minimum_effect: float,
    part: float,
    wanted: tuple[float, float, int],
    least: int,
) -> float:
    """Return the fewest whole weeks whose variance is small enough; infinite if no number is."""
    confidence, power, looks = wanted
    for weeks in range(least, MOST_WEEKS + 1):
        distance = _distance(confidence, power, min(looks, weeks))
        if distance**2 * part * past.over(weeks).variance <= minimum_effect**2:
            return weeks
    return inf
