"""The contract between a user's problem and the machine: what a use case must say."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pandas as pd
import yaml
from numpy.typing import NDArray
from pydantic import (
    BaseModel,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    field_validator,
    model_validator,
)

from kpi_gate.decision.measures import BUILT_IN
from kpi_gate.decision.objective import Finite, Frozen, GateSettings, Range
from kpi_gate.decision.value import ValueModel
from kpi_gate.learning.policy import PolicySettings
from kpi_gate.learning.windows import WindowSettings

AnySettings = TypeVar("AnySettings", bound=BaseModel)
Measure = Callable[[NDArray[np.float64], pd.DataFrame], float]


class ConfigurationError(ValueError):
    """A use case or its YAML is wrong; the message names the file, the key and the bound."""


class Schedule(Frozen):
    """When the flows run: cron expressions in a time zone."""

    retrain: str
    monitor: str | None = None
    timezone: str = "UTC"

    @field_validator("retrain", "monitor")
    @classmethod
    def _has_five_fields(cls, cron: str | None) -> str | None:
        if cron is not None and len(cron.split()) != 5:
            raise ValueError(f"cron == {cron!r}, must have 5 fields")
        return cron

    @field_validator("timezone")
    @classmethod
    def _exists(cls, timezone: str) -> str:
        try:
            ZoneInfo(timezone)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError(
                f"timezone == {timezone!r} is not known, such as Europe/Lisbon"
            ) from None
        return timezone


class RowCount(Frozen):
    """How the number of rows may move from one snapshot to the next."""

    may_shrink_by: float = Field(default=0.0, ge=0, lt=1)
    may_grow_by: float = Field(default=1.0, gt=0)


class Expectation(Frozen):
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


class Validation(Frozen):
    """What the data must satisfy beyond what the contract itself implies.

    Attributes:
        freshness_days: Greatest age of the newest row.
        recent_days: Greatest length of the recent rows.
        row_count: How the number of rows may move between snapshots.
        expectations: Further expectations.
    """

    freshness_days: float = Field(gt=0)
    recent_days: int = Field(default=31, ge=1)
    row_count: RowCount = RowCount()
    expectations: tuple[Expectation, ...] = ()


def _kind(given: object) -> str:
    return "range" if isinstance(given, Mapping | Range) else "number"


Parameter = Annotated[
    Annotated[Range, Tag("range")] | Annotated[Finite, Tag("number")], Discriminator(_kind)
]


class Settings(GateSettings):
    """The YAML beside a use case: everything that can change one of its decisions.

    Attributes:
        objective: KPI and the gain worth a release.
        guardrails: What must not worsen.
        value: Value parameters: a range where one is not known exactly, else a number.
        policy: How probabilities become actions.
        window: Lengths of train, tune and gate.
        model: Parameters of the estimator; `seed` and `threads` are required.
        validation: What the data must satisfy.
        schedule: When the flows run.
    """

    value: dict[str, Parameter] = Field(min_length=1)
    policy: PolicySettings = PolicySettings()
    window: WindowSettings
    model: dict[str, Any]
    validation: Validation
    schedule: Schedule

    @model_validator(mode="after")
    def _model_is_reproducible(self) -> Self:
        for key in ("seed", "threads"):
            value = self.model.get(key)
            if not isinstance(value, int) or value < (1 if key == "threads" else 0):
                raise ValueError(f"model.{key} == {value!r}, must be a whole number (threads >= 1)")
        return self

    def base_values(self) -> dict[str, float]:
        """Return every value parameter at its base."""
        return {k: v.base if isinstance(v, Range) else v for k, v in self.value.items()}

    def gate(self) -> GateSettings:
        """Return what the gate alone needs."""
        return GateSettings(objective=self.objective, guardrails=self.guardrails)


@dataclass(frozen=True)
class Feature:
    """A model input: its column, and whether it is a number or a category."""

    name: str
    kind: Literal["number", "category"]


@dataclass(frozen=True)
class UseCase:
    """All that the machine needs to know of one prediction problem.

    Rows carry the role columns `event_time` (when the decision was due, UTC), `label_time` (when
    the outcome became known; null while it is not), `unit` (the cluster: customer, card) and
    `outcome` (0 or 1; null while unknown).

    Attributes:
        name: Name of the module, the experiment and the model.
        title: One line for people.
        settings: The YAML beside the module.
        load: (raw folder, as_of) to all rows with `event_time < as_of`.
        features: Model inputs, all known at `event_time`.
        known_later: Columns known only after `event_time`; none of them may be a feature.
        estimator: Settings to an unfitted scikit-learn classifier over the feature columns.
        value: What an action is worth once its outcome is known.
        baseline: Rows to the actions that the business takes without a model.
        baseline_name: The same in words, such as "call everyone".
        limits: What a reader must know before he believes the money.
        measures: Numbers that guardrails may name: (actions, rows) to a number.
        fetch: Fills an empty raw folder, where the data can be fetched.
        trusted_types: Types that your estimator holds and skops does not know, if you trust them.
    """

    name: str
    title: str
    settings: Settings
    load: Callable[[Path, datetime], pd.DataFrame]
    features: tuple[Feature, ...]
    estimator: Callable[[Mapping[str, Any]], Any]
    value: ValueModel
    baseline: Callable[[pd.DataFrame], NDArray[np.float64]]
    baseline_name: str
    limits: tuple[str, ...] = ()
    known_later: tuple[str, ...] = ()
    measures: Mapping[str, Measure] = field(default_factory=dict)
    fetch: Callable[[Path], None] | None = None
    trusted_types: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a use case that would leak, or that guards what nobody measures."""
        late = {"outcome", "label_time", *self.known_later}
        for feature in self.features:
            if feature.name in late:
                raise ConfigurationError(
                    f"use case {self.name}: feature {feature.name!r} is known only after "
                    "event_time, so no decision can use it; remove it from `features`"
                )
        for column in self.value.columns:
            if column in late:
                raise ConfigurationError(
                    f"use case {self.name}: the policy needs {column!r} for the value, "
                    "but it is known only after event_time"
                )
        for rail in self.settings.guardrails:
            if rail.measure is not None and rail.measure not in (*BUILT_IN, *self.measures):
                known = ", ".join(sorted((*BUILT_IN, *self.measures)))
                raise ConfigurationError(
                    f"use case {self.name}: guardrails: measure == {rail.measure!r}, "
                    f"must be one of {known}"
                )

    @property
    def feature_names(self) -> list[str]:
        """Columns of the model's input, in order."""
        return [feature.name for feature in self.features]

    @property
    def columns(self) -> list[str]:
        """Columns that a snapshot must have."""
        slices = [rail.slice or rail.by for rail in self.settings.guardrails]
        wanted = [*ROLES, *self.feature_names, *self.value.columns, *filter(None, slices)]
        return list(dict.fromkeys(wanted))


ROLES = ("event_time", "label_time", "unit", "outcome")


def read_settings(path: Path) -> Settings:
    """Read the YAML beside a use case.

    Raises:
        ConfigurationError: If a key is missing, unknown or out of its range.
    """
    return _read(path, Settings)


def read_objective(path: Path) -> GateSettings:
    """Read what the gate alone needs; the whole YAML of a use case will do.

    Raises:
        ConfigurationError: If a key is missing, unknown or out of its range.
    """
    return _read(path, Settings if "window" in _parse(path) else GateSettings)


class _OneOfEachKey(yaml.SafeLoader):
    """Refuse a key that is given twice; YAML would take the last without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.YAMLError(
                    f"key {key!r} is given twice in line {node.start_mark.line + 1}"
                )
        return super().construct_mapping(node, deep)


def _parse(path: Path) -> dict[str, Any]:
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_OneOfEachKey)  # noqa: S506
    except FileNotFoundError:
        raise ConfigurationError(f"{path}: there is no such file") from None
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise ConfigurationError(
            f"{path}: cannot be read as YAML: {' '.join(str(error).split())}"
        ) from None
    if not isinstance(content, dict):
        raise ConfigurationError(f"{path}: must hold keys such as `objective`, holds {content!r}")
    return content


def _read(path: Path, model: type[AnySettings]) -> AnySettings:
    try:
        return model.model_validate(_parse(path))
    except ValidationError as error:
        raise ConfigurationError(f"{path}: {'; '.join(explain(error))}") from None


def explain(error: ValidationError) -> list[str]:
    """Return one line for each fault: the key, what is wrong, and the value given."""
    lines = []
    for fault in error.errors():
        key = ".".join(str(part) for part in fault["loc"] if part not in ("range", "number"))
        given = fault.get("input")
        shown = (
            "" if isinstance(given, dict) or fault["type"] == "missing" else f" (given: {given!r})"
        )
        message = fault["msg"].removeprefix("Value error, ")
        lines.append(f"{key or 'file'}: {message}{shown}")
    return lines
