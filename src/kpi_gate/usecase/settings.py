"""The YAML beside a use case: every setting with its range, and errors that name the key."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, Self

from pydantic import (
    Discriminator,
    Field,
    Tag,
    field_validator,
    model_validator,
)

from kpi_gate.decision.objective import Finite, GateSettings, Guardrail, Range, Section
from kpi_gate.decision.watch_settings import MonitorSettings, TriggerSettings
from kpi_gate.errors import ConfigurationError as ConfigurationError  # noqa: PLC0414
from kpi_gate.files.faults import checked
from kpi_gate.files.wording import shorten
from kpi_gate.files.yaml_file import Document, read_mapping
from kpi_gate.learning.policy import PolicySettings
from kpi_gate.learning.window_settings import WindowSettings
from kpi_gate.usecase.cron import cron_fault, longest_gap_days, zone_fault
from kpi_gate.usecase.experiment_settings import ExperimentSettings
from kpi_gate.usecase.serving_settings import ServingSettings

LONGEST_CRON = 1_000  # letters


class Schedule(Section):
    """When the flows run: cron expressions in a time zone.

    Attributes:
        retrain: When to retrain; by default on the first of the month.
        monitor: When to look at the champion; by default daily, and null is never.
        experiment: When to look at the experiment that runs, where the YAML has a section
            `experiment`; by default daily, and null is never.
        timezone: Where the clock is read.
    """

    retrain: str = Field(default="0 3 1 * *", max_length=LONGEST_CRON)
    monitor: str | None = Field(default="0 6 * * *", max_length=LONGEST_CRON)
    # not dumped: no decision hangs on it, and the hash of the YAML stays
    experiment: str | None = Field(default="0 7 * * *", max_length=LONGEST_CRON, exclude=True)
    timezone: str = Field(default="UTC", max_length=100)

    @field_validator("retrain", "monitor", "experiment")
    @classmethod
    def _fires(cls, cron: str | None) -> str | None:
        fault = cron_fault(cron) if cron is not None else ""
        if fault:
            raise ValueError(f"cron == {cron!r}, {fault}")
        return cron

    @field_validator("timezone")
    @classmethod
    def _exists(cls, timezone: str) -> str:
        fault = zone_fault(timezone)
        if fault:
            raise ValueError(f"timezone == {timezone!r} {fault}")
        return timezone


class RowCount(Section):
    """How the number of rows may move from one snapshot to the next."""

    may_shrink_by: float = Field(default=0.0, ge=0, lt=1)
    may_grow_by: float = Field(default=2.0, gt=0)


class Expectation(Section):
    """One Great Expectations expectation on the snapshot, or on its newest rows.

    Attributes:
        type: Its name in Great Expectations, such as `expect_column_values_to_be_between`.
        column: Column it looks at.
        kwargs: Its further arguments.
        rows: `all`, or `recent`: what came since the previous snapshot, `recent_days` at most.
    """

    type: str = Field(pattern=r"^expect_")
    column: str
    kwargs: dict[str, Any] = Field(default_factory=dict)
    rows: Literal["all", "recent"] = "all"


class Validation(Section):
    """What the data must satisfy beyond what the contract itself implies.

    Attributes:
        freshness_days: Greatest age of the newest row; by default half as long again as two
            retrainings lie apart.
        recent_days: Greatest length of the recent rows.
        row_count: How the number of rows may move between snapshots.
        one_per_unit: Columns that may have one value for each unit, such as its time zone.
        expectations: Further expectations.
        leak_exceptions: Columns, or `score`, that rank the outcomes nearly without error and are
            known at the decision all the same: why.
        positive: Level of the outcome that counts as 1, where it has two levels that are neither
            0 and 1 nor truth values nor yes and no.
        tolerated_share: Largest share of rows that may break rules and be set aside in quarantine
            while the rest goes on; by default none.
        changed_history_share: Largest share of what was known at the last tick that may be another
            now: outcomes and amounts of those that were known, values of all rows.
    """

    freshness_days: float | None = Field(default=None, gt=0)
    recent_days: int = Field(default=31, ge=1)
    row_count: RowCount = RowCount()
    one_per_unit: tuple[str, ...] = ()
    expectations: tuple[Expectation, ...] = ()
    leak_exceptions: dict[str, Annotated[str, Field(min_length=10)]] = Field(default_factory=dict)
    positive: str | int | float | bool | None = None
    tolerated_share: float = Field(default=0.0, ge=0, lt=1)
    changed_history_share: float = Field(default=0.005, ge=0, le=1)


UNLINKED = "unlinked"
REPRODUCIBLE = MappingProxyType({"threads": 1, "seed": 7})
ALWAYS_WATCHED = (
    {"measure": "calibration_error", "may_rise_by": 0.03, "budget": 0.06},
    {"measure": "latency_ratio", "at_most": 2.0},
)


def _kind(given: object) -> str:
    if given == UNLINKED:
        return UNLINKED
    return "range" if isinstance(given, Mapping | Range) else "number"


Parameter = Annotated[
    Annotated[Range, Tag("range")]
    | Annotated[Finite, Tag("number")]
    | Annotated[Literal["unlinked"], Tag(UNLINKED)],
    Discriminator(_kind),
]


class Settings(GateSettings):
    """The YAML beside a use case: everything that can change one of its decisions.

    Attributes:
        objective: KPI and the gain worth a release.
        guardrails: What must not worsen. Calibration and latency are always watched, by bounds of
            ours where none are given.
        estimator: How the value of each row is estimated; see the how-to on logged policies.
        value: Value parameters: a range where one is not known exactly, else a number; `unlinked`
            where no experiment has shown yet what a KPI that is no money is worth.
        policy: How probabilities become actions.
        window: Lengths of train, tune and gate.
        model: Parameters of the estimator, `seed` and `threads` among them.
        calibration: `sigmoid` maps probabilities onto what happened on the tune window; `none`
            believes the estimator, which is better where the world moves faster than that window.
        validation: What the data must satisfy.
        schedule: When the flows run.
        monitor: How the champion in use is watched.
        trigger: When a proposal to retrain is followed.
        experiment: How experiments are planned, and where their log is.
        serving: How the champion is served, and what is logged of it.
        data: What the use case's own `fetch` and `load` read; nothing else looks at it.
    """

    value: dict[str, Parameter] = Field(min_length=1)
    policy: PolicySettings = PolicySettings()
    window: WindowSettings
    model: dict[str, Any] = Field(default_factory=lambda: dict(REPRODUCIBLE))
    calibration: Literal["sigmoid", "none"] = "sigmoid"
    validation: Validation = Validation()
    schedule: Schedule = Schedule()
    monitor: MonitorSettings = MonitorSettings()
    trigger: TriggerSettings = TriggerSettings()
    experiment: ExperimentSettings = Field(default=ExperimentSettings(), exclude=True)  # as above
    serving: ServingSettings = Field(default=ServingSettings(), exclude=True)  # as above
    data: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _says_what_is_watched(cls, given: Any) -> Any:
        """Take no list for an empty one."""
        unsaid = isinstance(given, dict) and given.get("guardrails") is None
        return {**given, "guardrails": ()} if unsaid else given

    @field_validator("guardrails")
    @classmethod
    def _watches_the_rest(cls, said: tuple[Guardrail, ...]) -> tuple[Guardrail, ...]:
        """Watch calibration and latency too: nobody looks at a schedule."""
        named = {rail.measure for rail in said}
        always = (Guardrail.model_validate(given) for given in ALWAYS_WATCHED)
        first, last = ([rail] if rail.measure not in named else [] for rail in always)
        slices = (at for at, rail in enumerate(said) if rail.slice)
        place = next(slices, len(said))
        return (*first, *said[:place], *last, *said[place:])

    @field_validator("model", mode="before")
    @classmethod
    def _is_reproducible(cls, given: object) -> object:
        if not isinstance(given, dict):
            return given
        model = {**given, **{k: v for k, v in REPRODUCIBLE.items() if k not in given}}
        for key, value in model.items():
            least = {"threads": 1, "seed": 0}.get(key)
            if least is not None and (type(value) is not int or value < least):
                raise ValueError(f"{key} == {value!r}, must be a whole number >= {least}")
        return model

    @model_validator(mode="after")
    def _says_what_a_release_costs(self) -> Self:
        if "switch_cost" not in self.objective.model_fields_set:
            raise ValueError("objective.switch_cost: this key is needed, if only as 0")
        return self

    @model_validator(mode="after")
    def _explores_what_has_actions(self) -> Self:
        share = self.serving.exploration.share
        why = {
            "probability": "acts by a number, and there is no action to draw; leave it out",
            "choice": "explores by itself: set policy.explore, and leave this out",
        }.get(self.policy.kind)
        if share and why:
            raise ValueError(
                f"serving.exploration.share == {share:g}: a policy of kind {self.policy.kind} {why}"
            )
        return self

    @property
    def freshness_days(self) -> float:
        """Greatest age of the newest row."""
        declared = self.validation.freshness_days
        schedule = self.schedule
        return declared or 1.5 * longest_gap_days(schedule.retrain, schedule.timezone)

    @property
    def ranges(self) -> list[str]:
        """Names of the value parameters that are not known exactly."""
        return [name for name, given in self.value.items() if isinstance(given, Range)]

    def base_values(self) -> dict[str, float]:
        """Return every value parameter at its base; those that are unlinked have none."""
        bases = {k: v.base if isinstance(v, Range) else v for k, v in self.value.items()}
        return {name: base for name, base in bases.items() if not isinstance(base, str)}

    def served(self) -> ServingSettings:
        """Return how the champion is served, the explored share with it."""
        acts = self.policy.kind == "expected_value"
        return self.serving.explored(self.estimator.kind, acts=acts)

    def gate(self) -> GateSettings:
        """Return what the gate alone needs."""
        return GateSettings(
            objective=self.objective,
            guardrails=self.guardrails,
            estimator=self.estimator,
        )


_what_if: ContextVar[Mapping[str, Any]] = ContextVar("what_if", default=MappingProxyType({}))


@contextmanager
def what_if(changes: Mapping[str, Any]) -> Iterator[None]:
    """Let `read_settings` see other values than the file holds, such as `window.tune_days`."""
    before = _what_if.set(changes)
    try:
        yield
    finally:
        _what_if.reset(before)


def read_settings(path: Path) -> Settings:
    """Read the YAML beside a use case.

    Raises:
        ConfigurationError: If a key is missing, unknown or out of its range.
    """
    document, changes = read_mapping(path), _what_if.get()
    for key, value in changes.items():
        _change(document.content, key, value)
    return settings_in(replace(document, root=None) if changes else document)


def settings_in(document: Document) -> Settings:
    """Return the settings that the YAML beside a use case holds.

    Raises:
        ConfigurationError: If a key is missing, unknown or out of its range.
    """
    content = document.content
    if isinstance(content.get("objective"), dict):
        content["objective"].setdefault("kpi", Path(document.name).stem)
    return checked(Settings, content, document, tags=("range", "number", UNLINKED))


def _change(content: dict[str, Any], key: str, value: Any) -> None:
    *parents, last = key.split(".")
    place = content
    for depth, parent in enumerate(parents, start=1):
        inner = place.setdefault(parent, {})
        if not isinstance(inner, dict):
            above = ".".join(parents[:depth])
            raise ConfigurationError(f"{key}: there is no such key: {above} is {shorten(inner)}")
        place = inner
    place[last] = value
