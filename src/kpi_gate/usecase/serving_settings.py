"""How a champion is served, as written in YAML: who gets which version, and what is logged.

The process that serves reads it, so it stays as light as pydantic.
"""

from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from kpi_gate.decision.objective import Finite, NonNegative, Section, Share

EXPLORED = 0.02  # of the decisions, where values are estimated from a log's propensities
NEED_PROPENSITIES = ("ips", "snips", "dr", "switch", "selective")
MOST_STEPS = 20
Minutes = Annotated[Finite, Field(gt=0, le=60 * 24 * 366)]


class Holdout(Section):
    """The random share of the units that always get the rule of thumb: what it earns is known.

    Attributes:
        share: Of the units. Who is in it is settled by the name of the use case, for good.
    """

    share: Finite = Field(default=0.01, ge=0, le=0.2)


class Cap(Section):
    """Which rows are too dear to explore.

    Attributes:
        column: Number that a row says, such as an amount.
        most: Largest value that is explored; a row without a value is not.
    """

    column: str = Field(min_length=1)
    most: Finite


class Exploration(Section):
    """The random share of the decisions that do not follow the policy, so that its log teaches.

    Attributes:
        share: Of the decisions outside the holdout; by default 0.02 where the estimator needs
            propensities (`ips`, `snips`, `dr`, `switch`, `selective`), else 0. Policies that choose
            among levels explore by `policy.explore`, and those that act by a number not at all.
        action: Action that they take, such as 0 for letting a payment through; by default both are
            as likely.
        cap: Which rows are too dear for it.
    """

    share: Finite | None = Field(default=None, ge=0, le=0.5)
    action: Literal[0, 1] | None = None
    cap: Cap | None = None


class CanaryGuards(Section):
    """What sends everybody back to the version before, once it is sure.

    Attributes:
        failure_rate_may_rise_by: Share of the rows that the version could not score, over that of
            the version before.
        action_rate_may_move_by: Share of the rows that are acted on, up or down, beyond what the
            gate saw the two versions differ by.
        advantage_may_fall_by: Mean advantage that the version sees in its decisions, as a share of
            their range, beyond what the two versions' golden rows differ by.
        score_may_move_by: Share of the rows on the other side of a score, beyond what the two
            versions' golden rows differ by.
    """

    failure_rate_may_rise_by: NonNegative = Field(default=0.01, le=1)
    action_rate_may_move_by: NonNegative = Field(default=0.15, le=1)
    advantage_may_fall_by: NonNegative = Field(default=0.10, le=1)
    score_may_move_by: NonNegative = Field(default=0.20, le=1)


class Canary(Section):
    """How a new champion comes into use: by rising shares of the units.

    Attributes:
        steps: Shares, rising; the last one is 1. Who is in a step is in all later ones.
        step_minutes: How long each lasts.
        guards: What sends everybody back.
    """

    steps: tuple[Share, ...] = Field(default=(0.01, 0.1, 0.5, 1.0), min_length=1)
    step_minutes: Minutes = 60.0
    guards: CanaryGuards = CanaryGuards()

    @field_validator("steps")
    @classmethod
    def _rise_to_all(cls, steps: tuple[float, ...]) -> tuple[float, ...]:
        if len(steps) > MOST_STEPS:
            raise ValueError(f"has {len(steps)} steps, must have at most {MOST_STEPS}")
        if steps[0] <= 0:
            raise ValueError(f"begins with {steps[0]:g}, must begin above 0")
        fall = next(((a, b) for a, b in pairwise(steps) if b <= a), None)
        if fall:
            raise ValueError(f"goes from {fall[0]:g} to {fall[1]:g}, must rise")
        if steps[-1] != 1:
            raise ValueError(f"ends with {steps[-1]:g}, must end with 1: the champion is for all")
        return steps


class ServingLog(Section):
    """What is kept of each decision, beside what was decided.

    Attributes:
        values: Columns of the row whose values are kept; by default none, and only a hash is.
        sql: Whether decisions also go to a table; the address of its database is in the
            environment, `KPI_GATE_SERVING_LOG_URL`.
    """

    values: tuple[str, ...] = ()
    sql: bool = False

    @field_validator("values")
    @classmethod
    def _names_each_column_once(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        twice = next((name for name in values if values.count(name) > 1), None)
        if twice:
            raise ValueError(f"{twice} is there twice")
        return values


class ServingSettings(Section):
    """How the champion is served; no decision of the gate hangs on it.

    Attributes:
        holdout: The units that always get the rule of thumb.
        exploration: The decisions that are taken by chance.
        canary: How a new champion comes into use; by default for all units at once.
        shadow: Whether the candidate scores what the champion decides, off the way of the answer.
        log: What is kept of each decision.
        keep_versions: Versions before the champion that stay loaded, for an instant return.
    """

    holdout: Holdout = Holdout()
    exploration: Exploration = Exploration()
    canary: Canary | None = None
    shadow: Literal["none", "candidate"] = "none"
    log: ServingLog = ServingLog()
    keep_versions: int = Field(default=2, ge=1, le=20)

    @model_validator(mode="before")
    @classmethod
    def _takes_a_share_alone(cls, given: object) -> object:
        """Take `holdout: 0.01` for `holdout: {share: 0.01}`, and `exploration` alike."""
        if not isinstance(given, dict):
            return given
        alone = {
            name: {"share": given[name]}
            for name in ("holdout", "exploration")
            if isinstance(given.get(name), int | float) and not isinstance(given[name], bool)
        }
        return {**given, **alone}

    def explored(self, estimator: str, *, acts: bool) -> Self:
        """Return them with the share that is explored, where nobody said one.

        Args:
            estimator: Kind of the use case's estimator.
            acts: Whether the policy acts or does not, and there is an action to draw.
        """
        if self.exploration.share is not None:
            return self
        share = EXPLORED if estimator in NEED_PROPENSITIES and acts else 0.0
        return self.model_copy(
            update={"exploration": self.exploration.model_copy(update={"share": share})}
        )
