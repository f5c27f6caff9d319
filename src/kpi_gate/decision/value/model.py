"""Value models: what an action is worth once its outcome is known, in money per decision."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Columns = Mapping[str, Any]
Parameters = Mapping[str, float]
Parts = Callable[[Floats, Floats, Columns, Parameters], dict[str, Floats]]
Base = Callable[[Floats, Floats, Columns, Parameters], Floats]


@dataclass(frozen=True)
class Parameter:
    """A number that a value model reads, and how far it may be off.

    Attributes:
        low: Lowest plausible number.
        base: Published or usual number.
        high: Highest plausible number.
        unit: Unit of the number; `money` is the objective's currency.
        source: Where the numbers come from; `assumption` where nothing is published.

    Raises:
        ValueError: If they are not finite or not in this order.
    """

    low: float
    base: float
    high: float
    unit: str = "money"
    source: str = "assumption"

    def __post_init__(self) -> None:
        """Refuse numbers that are out of order."""
        if not -math.inf < self.low <= self.base <= self.high < math.inf:  # NaN is not
            raise ValueError(
                f"low <= base <= high is needed, got {self.low}, {self.base}, {self.high}"
            )


@dataclass(frozen=True)
class ValueModel:
    """Money per decision, as named parts whose sum is the value.

    Attributes:
        name: What the parts add up to, such as `campaign_profit`.
        parts: Pure function of (action, outcome, columns, parameters) to named arrays,
            each of shape `(n,)` in the objective's currency; with a `money_weight` in the KPI's
            unit. What is no amount is NaN, never 0: the gate answers INVALID.
        columns: Row columns that `parts` reads beside action and outcome.
        amount_cap: Parameter that caps the amount; without it the uncapped value is computed.
        parameters: What `parts` and `money_weight` read; the settings name exactly these.
        base: Of a ratio, what the value is counted per, shape `(n,)`; None counts decisions.
        money_weight: Parameters whose product turns the value's unit into money.
    """

    name: str
    parts: Parts
    columns: tuple[str, ...] = ()
    amount_cap: str | None = None
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    base: Base | None = None
    money_weight: tuple[str, ...] = ()

    def breakdown(
        self, action: Floats, outcome: Floats, columns: Columns, parameters: Parameters
    ) -> dict[str, Floats]:
        """Split the value of each decision into its named parts, each of shape `(n,)`."""
        given = {name: np.asarray(columns[name], dtype=float) for name in self.columns}
        return self.parts(
            np.asarray(action, dtype=float), np.asarray(outcome, dtype=float), given, parameters
        )

    def value(
        self, action: Floats, outcome: Floats, columns: Columns, parameters: Parameters
    ) -> Floats:
        """Return the money per decision, shape `(n,)`."""
        parts = self.breakdown(action, outcome, columns, parameters).values()
        total: Floats = np.sum(list(parts), axis=0, dtype=float)
        return total

    def expected(
        self,
        action: Floats,
        probability: Floats,
        columns: Columns,
        parameters: Parameters,
        otherwise: Columns | None = None,
    ) -> Floats:
        """Return the expected money per decision when the outcome is 1 with `probability`.

        Args:
            action: What is done.
            probability: Of outcome 1.
            columns: Row columns that the value reads, as they are expected with outcome 1.
            parameters: Value parameters.
            otherwise: The same as they are expected with outcome 0; by default no other.
        """
        other = columns if otherwise is None else otherwise
        happens = self.value(action, np.ones_like(probability), columns, parameters)
        happens_not = self.value(action, np.zeros_like(probability), other, parameters)
        return probability * happens + (1 - probability) * happens_not

    def uncapped(self, parameters: Parameters) -> Parameters:
        """Return the parameters with the cap on amounts lifted."""
        if self.amount_cap is None:
            return parameters
        return {**parameters, self.amount_cap: np.inf}
