"""How a champion in use is watched, and when retraining it pays, as a person writes it in YAML."""

from typing import Literal, Self

from pydantic import Field, model_validator

from kpi_gate.decision.objective import Finite, Money, Section


class TriggerSettings(Section):
    """When a proposal to retrain is followed.

    Attributes:
        when: `calendar` follows every tick of the schedule; `money` only where staleness costs more
            than a retraining. Both follow money, and the greatest age.
        retrain_cost: Cost of one retraining (compute, review), in the objective's unit; what a
            promotion costs is the objective's `switch_cost`.
        horizon_days: Days until the next retraining would come anyway.
        judged_days: Days on which the challenger is compared with the champion.
        confidence: One-sided confidence that staleness costs anything at all.
        cooldown_days: Least number of days between two retrainings.
        max_age_days: Age of the champion's newest training row at which it is retrained anyway.
    """

    when: Literal["calendar", "money"] = "calendar"
    retrain_cost: Money = 0.0
    horizon_days: float = Field(default=30, gt=0, le=3650)
    judged_days: int = Field(default=14, ge=2, le=366)
    confidence: float = Field(default=0.90, ge=0.5, lt=1)
    cooldown_days: float = Field(default=7, ge=0, le=3650)
    max_age_days: float = Field(default=365, gt=0, le=36500)


class Direction(Section):
    """A change of one column that must move the score one way, or at least not the other.

    Attributes:
        column: A feature.
        times: Factor on it; one of `times` and `add` is given.
        add: Term added to it.
        score: Whether the probability must rise (`up`) or fall (`down`).
        at_least: Share of the rows that must not move the other way.
    """

    column: str
    times: Finite | None = None
    add: Finite | None = None
    score: Literal["up", "down"]
    at_least: float = Field(default=0.95, gt=0, le=1)

    @model_validator(mode="after")
    def _changes_once(self) -> Self:
        if (self.times is None) == (self.add is None):
            raise ValueError("a direction needs one of `times` and `add`")
        return self


class Band(Section):
    """A closed range that a number must stay in."""

    low: Finite
    high: Finite

    @model_validator(mode="after")
    def _is_ordered(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"low <= high is needed, got {self.low}, {self.high}")
        return self


class MonitorSettings(Section):
    """What is watched, and what a severe finding does.

    Attributes:
        on_severe: What a severe finding about the model does beside stopping promotion: `hold`
            nothing more, `rollback` returns to the champion before, `baseline` to no model at all.
        reference_days: Good days that a new day is compared with.
        decision_rate: Band of the share of decisions that act; None learns it from good days.
        invariant: Columns that the score must not depend on, such as an identifier.
        directions: Changes that must move the score one way.
    """

    on_severe: Literal["hold", "rollback", "baseline"] = "hold"
    reference_days: int = Field(default=28, ge=7, le=366)
    decision_rate: Band | None = None
    invariant: tuple[str, ...] = ()
    directions: tuple[Direction, ...] = ()
