"""Policies: from probabilities and row columns to actions."""

from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from kpi_gate.decision.frozen import Frozen
from kpi_gate.decision.value.model import Columns, Parameters, ValueModel

Floats = NDArray[np.float64]
SMALLEST = 1e-300  # a scale of money below it is none


class PolicySettings(Frozen):
    """How probabilities become actions.

    Attributes:
        kind: `expected_value` acts where acting is worth more than `margin` more than not acting;
            `choice` prefers what is worth most among logged choices; `probability` acts with the
            probability itself, such as a bid.
        margin: Money per decision that acting must be worth beyond not acting.
        budget_share: Largest share of a group that is acted on, the most valuable first.
        most: Largest number of rows of a group that are acted on, the most valuable first.
        within: Row columns whose values make a group, `day` among them for the UTC day; without
            them a whole batch is one group.
        explore: Share of the decisions that a `choice` policy spreads evenly over all choices.
        temperature: How far a `choice` policy leans to the best: softmax of the money over
            `temperature` times the row's best; 0 takes the best only.
    """

    kind: Literal["expected_value", "choice", "probability"] = "expected_value"
    margin: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    budget_share: float = Field(default=1.0, gt=0, le=1)
    most: int | None = Field(default=None, ge=1)
    within: tuple[str, ...] = ()
    explore: float = Field(default=0.0, ge=0, le=1)
    temperature: float = Field(default=0.0, ge=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _has_what_its_kind_takes(self) -> Self:
        takes = {
            "expected_value": ("margin", "budget_share", "most", "within"),
            "choice": ("explore", "temperature"),
            "probability": (),
        }[self.kind]
        for name, field in type(self).model_fields.items():
            given = getattr(self, name)
            if name not in ("kind", *takes) and given != field.default:
                raise ValueError(f"{name} == {given!r} means nothing to kind {self.kind}")
        if self.within and self.most is None and self.budget_share == 1:
            raise ValueError("`within` needs `most` or `budget_share`")
        return self


class Policy(Frozen):
    """A policy that is ready to act: settings and the value parameters that it believes in.

    Attributes:
        settings: The rule.
        parameters: Value parameters by name, at their base.
    """

    settings: PolicySettings
    parameters: dict[str, float]

    def actions(
        self,
        probability: Floats,
        columns: Columns,
        value: ValueModel,
        groups: NDArray[np.int64] | None = None,
        otherwise: Columns | None = None,
    ) -> Floats:
        """Return 1 where to act and 0 elsewhere, shape `(n,)`.

        A probability that is not finite gives an action that is NaN: the gate refuses it.

        Args:
            probability: Of outcome 1, shape `(n,)`.
            columns: Row columns that the value reads, as they are expected with outcome 1.
            value: What acting is worth.
            groups: Code of each row's group, within which the budget holds; by default one.
            otherwise: The columns as they are expected with outcome 0; by default no other.
        """
        known = np.where(np.isfinite(probability), probability, np.nan)
        if self.settings.kind == "probability":
            return known
        advantage = expected_advantage(known, columns, value, self.parameters, otherwise)
        act = np.asarray(advantage > self.settings.margin, dtype=float)
        if groups is None:
            groups = np.zeros(act.size, dtype=np.int64)
        act[beyond_budget(act, advantage, groups, self.settings)] = 0.0
        act[~np.isfinite(advantage)] = np.nan
        return act

    def chances(self, money: Floats) -> Floats:
        """Return the probability of every choice, shape `(n, levels)`; each row sums to 1.

        A row with money that is not finite has no chances: they are NaN, and the gate refuses it.

        Args:
            money: Expected money of every choice, shape `(n, levels)`.
        """
        whole = np.isfinite(money).all(axis=1, keepdims=True)
        known = np.where(whole, money, 0.0)
        short = known.max(axis=1, keepdims=True) - known
        scale = self.settings.temperature * np.abs(known.max(axis=1, keepdims=True))
        # no temperature, or nothing is worth anything: the best alone, ties alike
        cold = scale <= SMALLEST
        weight = np.where(cold, short == 0, np.exp(-short / np.where(cold, 1.0, scale)))
        leaning = weight / weight.sum(axis=1, keepdims=True)
        explore = self.settings.explore
        chances = (1 - explore) * leaning + explore / money.shape[1]
        return np.where(whole, chances, np.nan)


def beyond_budget(
    act: Floats, advantage: Floats, groups: NDArray[np.int64], settings: PolicySettings
) -> NDArray[np.int64]:
    """Return the rows that a group's budget has no room for: its least valuable ones.

    Args:
        act: 1 where to act, before any budget; shape `(n,)`.
        advantage: Money by which acting is worth more, shape `(n,)`.
        groups: Code of each row's group.
        settings: The budget.
    """
    if settings.most is None and settings.budget_share == 1:
        return np.empty(0, dtype=np.int64)
    room = np.floor(settings.budget_share * np.bincount(groups)) if groups.size else np.empty(0)
    if settings.most is not None:
        room = np.minimum(room, settings.most)
    ranked = np.lexsort((-np.where(act > 0, advantage, -np.inf), groups))  # stable: ties in order
    _, first = np.unique(groups[ranked], return_index=True)
    sizes = np.diff(np.append(first, groups.size))
    place = np.arange(groups.size) - np.repeat(first, sizes)
    beyond: NDArray[np.int64] = ranked[place >= room[groups[ranked]]]
    return beyond


def expected_advantage(
    probability: Floats,
    columns: Columns,
    value: ValueModel,
    parameters: Parameters,
    otherwise: Columns | None = None,
) -> Floats:
    """Return the expected money of acting over not acting, per row (Bayes minimum risk)."""
    ones: Any = np.ones_like(probability)
    acting = value.expected(ones, probability, columns, parameters, otherwise)
    return acting - value.expected(0 * ones, probability, columns, parameters, otherwise)
