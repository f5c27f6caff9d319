"""What the business wants, as a person writes it in YAML: the objective and its guardrails."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)

from kpi_gate.decision.frozen import Frozen


def _is_no_yes(value: object) -> object:
    # YAML reads yes as true, and pydantic would read that as 1
    if isinstance(value, bool):
        raise ValueError(f"must be a number, not {value}")
    return value


def _as_level(value: object) -> object:
    # what YAML reads as a number or as yes and no is text in the rows
    if isinstance(value, bool | float):
        raise ValueError(f"a level must be text: write {value} in quotes, as the rows spell it")
    return str(value) if isinstance(value, int) else value


Level = Annotated[str, BeforeValidator(_as_level), Field(min_length=1)]
Finite = Annotated[float, BeforeValidator(_is_no_yes), Field(allow_inf_nan=False)]
NonNegative = Annotated[float, BeforeValidator(_is_no_yes), Field(ge=0, allow_inf_nan=False)]
LARGEST = 1e15  # money beyond it is no money: a double holds no cents there
Money = Annotated[float, Field(ge=0, le=LARGEST, allow_inf_nan=False)]
Share = Annotated[float, BeforeValidator(_is_no_yes), Field(ge=0, le=1, allow_inf_nan=False)]

FEWEST_EVENTS = 30  # of a slice
NEED_BY = ("action_rate_gap",)
_OF_THE_LINK = ("kpi_target", "link_prior", "link_half_life_days")
_OF_A_SLICE = ("may_lose", "min_events", "min_share", "retired", "levels")


class Section(Frozen):
    """A configuration section: immutable; an unknown key is an error, and so is a yes for a 1."""

    @field_validator("*", mode="before")
    @classmethod
    def _is_no_yes(cls, value: object, field: ValidationInfo) -> object:
        truth = isinstance(value, bool) and field.field_name in cls.model_fields
        if truth and cls.model_fields[str(field.field_name)].annotation is not bool:
            raise ValueError(f"must be a number or a text, not {str(value).lower()}")
        return value


class LinkPrior(Section):
    """What an offline euro is believed to be worth online before any experiment has said so.

    Attributes:
        slope: Online lift for each unit of offline gain; 1 means that offline money arrives in
            full. By default half of it arrives, and it could be nothing.
        standard_deviation: How sure that is.
    """

    slope: float = Field(default=0.5, ge=-100, le=100, allow_inf_nan=False)
    standard_deviation: float = Field(default=0.5, gt=0, le=100, allow_inf_nan=False)


class Objective(Section):
    """The KPI, and what a gain must reach to be worth a release.

    Attributes:
        kpi: Name of the KPI, as the business reports it; by default the use case's.
        unit: Currency of every value, such as EUR.
        horizon_decisions: Decisions that a promoted policy will take over the horizon.
        horizon: The horizon in words, for people.
        min_effect: Smallest gain per decision worth a release, in `unit`. It or `switch_cost` must
            be said, if only as 0: nothing else says what a gain must exceed.
        switch_cost: Cost of one promotion (review, roll-out, risk), in `unit`.
        confidence: One-sided confidence of the gain and of the slices.
        kpi_link: Whether past A/B evidence is required, or offline money may promote.
        kpi_confidence: Probability with which the KPI must rise where the link is required.
        kpi_target: Lift of the KPI per decision, in `unit`, that it must exceed where the link is
            required.
        link_prior: What an offline gain is believed to be worth online before any experiment.
        link_half_life_days: Days after which a release counts half in the link; None: always whole.
        approval: Whether a reviewer must tag the version before the alias moves.
        min_effective_units: Least effective number of units whose value differs.
        min_days: Least number of days with a decision: a shock of one day must not look like a
            gain. The scatter between fewer than 10 is unseen.
        min_loss_events: Least number of units that carry nine tenths of the loss; 100 where money
            is in rare events.
        max_unit_share: Largest share of the absolute difference that one unit may carry.
        max_tail_skew: Largest skewness of the mean towards rare big losses that is believed.
        resamples: Bootstrap replicates.
        seed: Seed of the bootstrap.
    """

    kpi: str = Field(default="value", min_length=1)
    unit: str = Field(min_length=1, pattern=r"\S")
    horizon_decisions: int = Field(gt=0, le=int(LARGEST))
    horizon: str = "a year"
    min_effect: Money = 0.0
    switch_cost: Money = 0.0
    confidence: float = Field(default=0.95, ge=0.8, lt=1)
    kpi_link: Literal["required", "advisory"] = "advisory"
    kpi_confidence: float = Field(default=0.90, ge=0.5, lt=1)
    kpi_target: float = Field(default=0.0, ge=-LARGEST, le=LARGEST, allow_inf_nan=False)
    link_prior: LinkPrior = LinkPrior()
    link_half_life_days: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    approval: Literal["none", "required"] = "none"
    min_effective_units: int = Field(default=30, ge=2)
    min_days: int = Field(default=5, ge=1)
    min_loss_events: int = Field(default=0, ge=0)
    max_unit_share: float = Field(default=0.10, gt=0, le=1)
    max_tail_skew: float = Field(default=0.20, gt=0, allow_inf_nan=False)
    resamples: int = Field(default=10_000, ge=1_000)
    seed: int = Field(default=7, ge=0)

    @model_validator(mode="after")
    def _says_what_a_gain_must_exceed(self) -> Self:
        if self.model_fields_set.isdisjoint(("min_effect", "switch_cost")):
            raise ValueError("say `min_effect` or `switch_cost`: what must a gain exceed?")
        return self

    @model_serializer(mode="wrap")
    def _keeps_the_ids_of_before(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # the hash of the settings makes a decision's id: what nobody set changes none
        written: dict[str, Any] = write(self)
        for name in _OF_THE_LINK:
            if getattr(self, name) == type(self).model_fields[name].default:
                written.pop(name, None)
        return written

    @property
    def delta(self) -> float:
        """Gain per decision that a release must exceed: the larger of effect and pay-back."""
        return max(self.min_effect, self.switch_cost / self.horizon_decisions)


class Guardrail(Section):
    """What must not worsen: a `measure` of the whole model, or the money of every `slice`.

    Attributes:
        measure: Name of the number that is watched; see `decision.measures` and the use case's own.
        by: Column whose levels a fairness measure compares.
        at_most: Largest value allowed for the candidate.
        at_least: Smallest value allowed for the candidate.
        may_rise_by: Largest rise over the champion on the same rows.
        may_fall_by: Largest fall below the champion on the same rows.
        budget: Largest cumulative rise or fall against the anchor, the first champion.
        slice: Column whose every level is tested.
        may_lose: Money per decision that a slice may lose against the champion.
        min_events: Decisions of a slice that must differ before the slice is tested; by default 30.
        min_share: Share of the training rows from which on a level of the slice must be in the gate
            window too.
        retired: Levels of the slice that are no more, and may be absent.
        levels: Share by level of what the candidate was trained on, where only people know it.
    """

    measure: str | None = None
    by: str | None = None
    at_most: Finite | None = None
    at_least: Finite | None = None
    may_rise_by: NonNegative | None = None
    may_fall_by: NonNegative | None = None
    budget: NonNegative | None = None
    slice: str | None = None
    may_lose: NonNegative | None = None
    min_events: int | None = Field(default=None, ge=1)
    min_share: Share = 0.01
    retired: tuple[Level, ...] = ()
    levels: Mapping[Level, Share] = {}

    @model_validator(mode="before")
    @classmethod
    def _tests_no_tiny_level(cls, given: Any) -> Any:
        if isinstance(given, Mapping) and given.get("slice") is not None:
            events = given.get("min_events")
            return {**given, "min_events": FEWEST_EVENTS if events is None else events}
        return given

    @model_validator(mode="after")
    def _is_one_kind_with_a_bound(self) -> Self:
        bounds = (self.at_most, self.at_least, self.may_rise_by, self.may_fall_by)
        if (self.measure is None) == (self.slice is None):
            raise ValueError("a guardrail names either a `measure` or a `slice`")
        if self.slice is not None:
            if self.may_lose is None:
                raise ValueError("a slice needs `may_lose`, money per decision")
            if any(bound is not None for bound in (*bounds, self.budget, self.by)):
                raise ValueError(f"a slice takes {', '.join(_OF_A_SLICE)} only")
            return self
        fields = type(self).model_fields
        if any(getattr(self, name) != fields[name].default for name in _OF_A_SLICE):
            raise ValueError(f"{', '.join(_OF_A_SLICE)} belong to a `slice`")
        if (self.measure in NEED_BY) != (self.by is not None):
            raise ValueError(f"`by` names a column for {', '.join(NEED_BY)}, and for nothing else")
        if all(bound is None for bound in bounds):
            raise ValueError(
                "a measure needs `at_most`, `at_least`, `may_rise_by` or `may_fall_by`"
            )
        if self.budget is not None and (self.may_rise_by is None) == (self.may_fall_by is None):
            raise ValueError("`budget` goes with one of `may_rise_by` and `may_fall_by`")
        return self

    @property
    def name(self) -> str:
        """What the guardrail watches, as a check is named and as a measure is looked up."""
        if self.slice is not None:
            return f"slice {self.slice}"
        return f"{self.measure} by {self.by}" if self.by else str(self.measure)


class EstimatorSettings(Section):
    """How the value of each row is estimated, and what the estimate must not rest on.

    Attributes:
        kind: `paired` (outcomes are known whatever one does), `ratio` (a KPI such as take-rate),
            `ips`, `snips`, `dr`, `switch` (a log with propensities), `selective` (outcomes that
            only some actions show, with exploration) or `bounded` (the same without).
        min_effective_share: Least effective share of the rows, `(sum w)^2 / sum w^2 / n`.
        max_weight_share: Largest share of the weights that one row may carry.
        switch_above: Weight above which `switch` trusts the model alone.
    """

    kind: Literal["paired", "ratio", "ips", "snips", "dr", "switch", "selective", "bounded"] = (
        "paired"
    )
    min_effective_share: float = Field(default=0.01, gt=0, le=1)
    max_weight_share: float = Field(default=0.10, gt=0, le=1)
    switch_above: float | None = Field(default=None, gt=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _switches_somewhere(self) -> Self:
        if (self.kind == "switch") != (self.switch_above is not None):
            raise ValueError("`switch_above` goes with kind `switch`, and `switch` needs it")
        return self


class GateSettings(Section):
    """All that the gate alone needs: what `kpi-gate judge --objective` reads.

    Attributes:
        objective: The KPI, and what a gain must reach.
        guardrails: What must not worsen. Where nothing is watched the YAML says so, by `[]` or by
            leaving the key out; a list that has come to be empty in any other way is no such word,
            and what promotes by itself, a use case, must watch something.
        unguarded: Whether it was said that nothing is watched; every page repeats it.
        estimator: How the value of each row is estimated.
    """

    objective: Objective
    guardrails: tuple[Guardrail, ...] = ()
    unguarded: bool = False
    estimator: EstimatorSettings = EstimatorSettings()

    @model_validator(mode="before")
    @classmethod
    def _says_what_is_watched(cls, given: Any) -> Any:
        if not isinstance(given, dict) or given.get("guardrails") not in ([], None, "none"):
            return given
        return {**given, "guardrails": (), "unguarded": True}

    @model_validator(mode="after")
    def _is_guarded_or_says_not(self) -> Self:
        if bool(self.guardrails) == self.unguarded:
            raise ValueError("guardrails: list at least 1, or say by [] that nothing is watched")
        return self


class Range(Section):
    """A value parameter that is not known exactly: the gate looks at `low` and `high` too."""

    low: Finite
    base: Finite
    high: Finite

    @model_validator(mode="after")
    def _is_ordered(self) -> Self:
        if not self.low <= self.base <= self.high:
            raise ValueError(
                f"low <= base <= high is needed, got {self.low}, {self.base}, {self.high}"
            )
        return self
