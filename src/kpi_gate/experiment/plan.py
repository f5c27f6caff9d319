"""The plan of an experiment: all that is settled before the first unit is exposed."""

import math
from datetime import datetime, timedelta
from typing import Literal

from pydantic import Field

from kpi_gate.decision.fingerprint import digest
from kpi_gate.decision.frozen import Frozen
from kpi_gate.serving.assignment import ARMS as ARMS  # noqa: PLC0414
from kpi_gate.serving.assignment import CONTROL as CONTROL  # noqa: PLC0414
from kpi_gate.serving.assignment import TREATMENT as TREATMENT  # noqa: PLC0414
from kpi_gate.usecase.experiment_settings import Margin as Margin  # noqa: PLC0414

WEEK = timedelta(days=7)


class Metric(Frozen):
    """What is compared: a sum of the log's rows per something, formed at the unit.

    Money per decision is `amount` per `decisions`, a take-rate `outcome` per `action` (what was
    shown), a mean per customer `amount` per `units`.

    Attributes:
        numerator: Column of the log that is summed.
        denominator: What it is divided by: the rows, the sum of `action`, or the units.
    """

    numerator: Literal["amount", "outcome"] = "amount"
    denominator: Literal["decisions", "action", "units"] = "decisions"


class Plan(Frozen):
    """What is settled, and on record, before an experiment starts.

    Money is in `unit`; effects are per decision, over all decisions of the use case.

    Attributes:
        use_case: Whose policies are compared.
        decision: Decision that asked for it; empty where none did.
        kind: `ab`, or `holdback`: a small share that stays on the policy of before for months.
        kpi: Name of the KPI.
        unit: Its currency, or what it is counted in.
        horizon: The horizon in words.
        horizon_decisions: Decisions over the horizon.
        control: Version of the policy in use; `baseline` for the rule of thumb.
        treatment: Version of the policy that wants to be.
        salt: What units are hashed with; another one in every experiment.
        treatment_share: Share of the units that get the treatment.
        metric: What is compared.
        minimum_effect: Smallest effect that must not be missed, per decision.
        confidence: Two-sided confidence of the effect, over all looks together.
        power: Probability to see the smallest effect.
        harm_alpha: Probability to stop what does no harm, over all days together.
        looks: Looks at the benefit, in equal steps of whole weeks.
        weeks: Weeks in which units are exposed.
        label_delay_days: Days until an outcome is known: a look is read so much later.
        units_per_week: Units that are exposed in a first week, in both arms.
        decisions_per_unit: Decisions of a unit over all weeks.
        quiet_days: Longest stretch of days without a decision that is usual, such as a weekend: a
            log that is silent for longer has stopped.
        mean: Metric of the control, as history shows it; None where it does not.
        standard_deviation: Of the metric at the unit, linearised where it is a ratio, before any
            covariate is taken out.
        covariate_correlation: Correlation of a unit's metric with that of its past (CUPED); 0 of
            none.
        disagreement: Share of the decisions on which the two policies act otherwise; 1 where
            nobody knows.
        units_per_arm: Units that the smaller arm needs.
        margins: What must not worsen.
        model_life_days: How long a model of this use case lives; None where nobody knows.
        worth_it: Whether it can end while its answer still matters.
        advice: What follows from it, in a sentence.
    """

    use_case: str
    decision: str = ""
    kind: Literal["ab", "holdback"] = "ab"
    kpi: str
    unit: str = Field(min_length=1)
    horizon: str = "a year"
    horizon_decisions: int = Field(gt=0)
    control: str = Field(min_length=1)
    treatment: str = Field(min_length=1)
    salt: str = Field(min_length=1)
    treatment_share: float = Field(default=0.5, gt=0, lt=1)
    metric: Metric = Metric()
    minimum_effect: float = Field(gt=0, allow_inf_nan=False)
    confidence: float = Field(default=0.95, ge=0.8, lt=1)
    power: float = Field(default=0.8, ge=0.5, lt=1)
    harm_alpha: float = Field(default=0.025, gt=0, le=0.2)
    looks: int = Field(default=4, ge=1, le=20)
    weeks: int = Field(ge=1)
    label_delay_days: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    units_per_week: float = Field(gt=0, allow_inf_nan=False)
    decisions_per_unit: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    quiet_days: int = Field(default=0, ge=0)
    mean: float | None = None
    standard_deviation: float = Field(gt=0, allow_inf_nan=False)
    covariate_correlation: float = Field(default=0.0, ge=-1, le=1)
    disagreement: float = Field(default=1.0, gt=0, le=1)
    units_per_arm: int = Field(ge=1)
    margins: tuple[Margin, ...] = ()
    model_life_days: float | None = Field(default=None, gt=0)
    worth_it: bool = True
    advice: str = ""

    @property
    def experiment(self) -> str:
        """Name of the experiment: a hash of the whole plan."""
        return digest([self.model_dump(mode="json")])

    @property
    def versions(self) -> dict[str, str]:
        """Policy version of each arm."""
        return {CONTROL: self.control, TREATMENT: self.treatment}

    def look_times(self, started: datetime) -> tuple[datetime, ...]:
        """Return until when exposures count at each look: whole weeks after the start."""
        looks = min(self.looks, self.weeks)
        return tuple(
            started + WEEK * math.ceil(self.weeks * number / looks)
            for number in range(1, looks + 1)
        )

    def readable_times(self, started: datetime) -> tuple[datetime, ...]:
        """Return when the outcomes of each look are known, and it may be read."""
        delay = timedelta(days=self.label_delay_days)
        return tuple(moment + delay for moment in self.look_times(started))

    @property
    def days(self) -> float:
        """Days from the start until the last outcome is known."""
        return 7 * self.weeks + self.label_delay_days
