"""How long the windows are, as a use case says it."""

from typing import Literal, Self

from pydantic import Field, model_validator

from kpi_gate.decision.frozen import Frozen


class WindowSettings(Frozen):
    """How long the windows are.

    Attributes:
        label_delay_days: Days from the event until its outcome is known.
        tune_days: Length of the window on which calibration, policy and variant are chosen.
        tune_min_rows: The tune window reaches back further until it holds so many rows whose
            outcome is known before the gate window begins.
        gate_min_days: Least length of the gate window.
        gate_max_days: Greatest length of the gate window; by default four times the least.
        gate_min_rows: The gate window reaches back further until it holds so many rows.
        train_last_rows: One training variant each: that many latest rows; null is all history.
        refit: `after_gate` fits the recipe of a candidate that is promoted again on all that is
            mature, the rows that it was measured on among them; `averaged` promotes the mean of
            both models' probabilities; `never` promotes what was measured.
        refit_may_change: Largest share of the decisions on those rows in which the two may differ.
        refit_may_lose: Largest share of the measured gain that the second may lack there.
    """

    label_delay_days: float = Field(ge=0)
    tune_days: int = Field(default=28, ge=1)
    tune_min_rows: int = Field(default=200, ge=1)
    gate_min_days: int = Field(default=28, ge=1)
    gate_max_days: int = Field(default_factory=lambda known: 4 * known["gate_min_days"], ge=1)
    gate_min_rows: int = Field(default=1_000, ge=1)
    train_last_rows: tuple[int | None, ...] = Field(default=(None,), min_length=1)
    refit: Literal["after_gate", "averaged", "never"] = "averaged"
    refit_may_change: float = Field(default=0.2, gt=0, le=1)
    refit_may_lose: float = Field(default=0.5, ge=0, le=1)

    @model_validator(mode="after")
    def _is_ordered(self) -> Self:
        if self.gate_max_days < self.gate_min_days:
            raise ValueError(
                f"gate_max_days == {self.gate_max_days}, "
                f"must be >= gate_min_days == {self.gate_min_days}"
            )
        if any(rows is not None and rows < 1 for rows in self.train_last_rows):
            raise ValueError(f"train_last_rows == {self.train_last_rows}, must be >= 1 or null")
        return self
