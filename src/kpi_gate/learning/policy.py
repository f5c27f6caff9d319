"""Policies: from probabilities and row columns to actions."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from kpi_gate.decision.value import Columns, Parameters, ValueModel

Floats = NDArray[np.float64]


class PolicySettings(BaseModel):
    """How probabilities become actions.

    Attributes:
        kind: `expected_value` acts where acting is worth more than `margin` more than not acting.
        margin: Money per decision that acting must be worth beyond not acting.
        budget_share: Largest share of a batch that is acted on, the most valuable first.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["expected_value"] = "expected_value"
    margin: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    budget_share: float = Field(default=1.0, gt=0, le=1)


class Policy(BaseModel):
    """A policy that is ready to act: settings and the value parameters that it believes in.

    Attributes:
        settings: The rule.
        parameters: Value parameters by name, at their base.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    settings: PolicySettings
    parameters: dict[str, float]

    def actions(self, probability: Floats, columns: Columns, value: ValueModel) -> Floats:
        """Return 1 where to act and 0 elsewhere, shape `(n,)`.

        A probability that is not finite gives an action that is NaN: the gate refuses it.
        """
        known = np.where(np.isfinite(probability), probability, np.nan)
        advantage = expected_advantage(known, columns, value, self.parameters)
        act = np.asarray(advantage > self.settings.margin, dtype=float)
        room = int(np.floor(self.settings.budget_share * act.size))
        if act.sum() > room:
            ranked = np.argsort(-np.where(act > 0, advantage, -np.inf), kind="stable")
            act[ranked[room:]] = 0.0
        act[~np.isfinite(advantage)] = np.nan
        return act


def expected_advantage(
    probability: Floats, columns: Columns, value: ValueModel, parameters: Parameters
) -> Floats:
    """Return the expected money of acting over not acting, per row (Bayes minimum risk)."""
    ones: Any = np.ones_like(probability)
    acting = value.expected(ones, probability, columns, parameters)
    return acting - value.expected(0 * ones, probability, columns, parameters)
