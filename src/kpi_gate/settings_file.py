"""The YAML beside a use case: every setting with its range, and errors that name the key."""

from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, Self, TypeVar

import yaml
from pydantic import (
    BaseModel,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    field_validator,
    model_validator,
)

from kpi_gate.cron import cron_fault, zone_fault
from kpi_gate.decision.objective import Finite, Frozen, GateSettings, Range
from kpi_gate.decision.watching import MonitorSettings, TriggerSettings
from kpi_gate.learning.policy import PolicySettings
from kpi_gate.learning.windows import WindowSettings

AnySettings = TypeVar("AnySettings", bound=BaseModel)


class ConfigurationError(ValueError):
    """A use case or its YAML is wrong; the message names the file, the key and the bound."""


class Schedule(Frozen):
    """When the flows run: cron expressions in a time zone."""

    retrain: str
    monitor: str | None = None
    timezone: str = "UTC"

    @field_validator("retrain", "monitor")
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
        one_per_unit: Columns that may have one value for each unit, such as its time zone.
        expectations: Further expectations.
    """

    freshness_days: float = Field(gt=0)
    recent_days: int = Field(default=31, ge=1)
    row_count: RowCount = RowCount()
    one_per_unit: tuple[str, ...] = ()
    expectations: tuple[Expectation, ...] = ()


UNLINKED = "unlinked"


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
        guardrails: What must not worsen.
        value: Value parameters: a range where one is not known exactly, else a number; `unlinked`
            where no experiment has shown yet what a KPI that is no money is worth.
        policy: How probabilities become actions.
        window: Lengths of train, tune and gate.
        model: Parameters of the estimator; `seed` and `threads` are required.
        calibration: `sigmoid` maps probabilities onto what happened on the tune window; `none`
            believes the estimator, which is better where the world moves faster than that window.
        validation: What the data must satisfy.
        schedule: When the flows run.
        monitor: How the champion in use is watched.
        trigger: When a proposal to retrain is followed.
        data: What the use case's own `fetch` and `load` read; nothing else looks at it.
    """

    value: dict[str, Parameter] = Field(min_length=1)
    policy: PolicySettings = PolicySettings()
    window: WindowSettings
    model: dict[str, Any]
    calibration: Literal["sigmoid", "none"] = "sigmoid"
    validation: Validation
    schedule: Schedule
    monitor: MonitorSettings = MonitorSettings()
    trigger: TriggerSettings = TriggerSettings()
    data: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _model_is_reproducible(self) -> Self:
        for key in ("seed", "threads"):
            value = self.model.get(key)
            if not isinstance(value, int) or value < (1 if key == "threads" else 0):
                raise ValueError(f"model.{key} == {value!r}, must be a whole number (threads >= 1)")
        return self

    @property
    def ranges(self) -> list[str]:
        """Names of the value parameters that are not known exactly."""
        return [name for name, given in self.value.items() if isinstance(given, Range)]

    def base_values(self) -> dict[str, float]:
        """Return every value parameter at its base; those that are unlinked have none."""
        bases = {k: v.base if isinstance(v, Range) else v for k, v in self.value.items()}
        return {name: base for name, base in bases.items() if not isinstance(base, str)}

    def gate(self) -> GateSettings:
        """Return what the gate alone needs."""
        return GateSettings(
            objective=self.objective, guardrails=self.guardrails, estimator=self.estimator
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
    return _read(path, Settings, _what_if.get())


def read_objective(path: Path) -> GateSettings:
    """Read what the gate alone needs; the whole YAML of a use case will do.

    Raises:
        ConfigurationError: If a key is missing, unknown or out of its range.
    """
    return _read(path, Settings if "window" in _parse(path) else GateSettings)


class _OneOfEachKey(yaml.SafeLoader):
    """Refuse a key that is given twice; YAML would take the last without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for marked, _ in node.value:
            key = self.construct_object(marked, deep=True)
            if not isinstance(key, Hashable):
                raise yaml.YAMLError(f"key {key!r} in line {marked.start_mark.line + 1} is no name")
            if key in seen:
                line = marked.start_mark.line + 1
                raise yaml.YAMLError(f"key {key!r} is given twice, again in line {line}")
            seen.add(key)
        return super().construct_mapping(node, deep)


def _parse(path: Path) -> dict[str, Any]:
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_OneOfEachKey)  # noqa: S506
    except FileNotFoundError:
        raise ConfigurationError(f"{path}: there is no such file") from None
    except (yaml.YAMLError, UnicodeDecodeError, OSError, RecursionError) as error:
        raise ConfigurationError(
            f"{path}: cannot be read as YAML: {' '.join(str(error).split())}"
        ) from None
    if not isinstance(content, dict):
        raise ConfigurationError(f"{path}: must hold keys such as `objective`, holds {content!r}")
    return content


def _read(
    path: Path, model: type[AnySettings], changes: Mapping[str, Any] = MappingProxyType({})
) -> AnySettings:
    content = _parse(path)
    for key, value in changes.items():
        _change(content, key, value)
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise ConfigurationError(f"{path}: {'; '.join(explain(error))}") from None


def _change(content: dict[str, Any], key: str, value: Any) -> None:
    *parents, last = key.split(".")
    place = content
    for depth, parent in enumerate(parents, start=1):
        inner = place.setdefault(parent, {})
        if not isinstance(inner, dict):
            above = ".".join(parents[:depth])
            raise ConfigurationError(f"{key}: there is no such key: {above} is {inner!r}")
        place = inner
    place[last] = value


_TAGS = ("range", "number", UNLINKED)  # of a value parameter: which kind pydantic took it for
_MESSAGES = {
    "extra_forbidden": "there is no such key",
    "missing": "this key is needed",
    "too_short": "at least 1 item is needed",
}


def explain(error: ValidationError) -> list[str]:
    """Return one line for each fault: the key, what is wrong, and the value given."""
    lines = []
    faults = error.errors()
    for fault in faults:
        place = fault["loc"]
        items = [other for other in faults if other["loc"][:-1][: len(place)] == place]
        if fault["type"] == "too_short" and items:
            continue  # a wrong item is no missing item
        key = ".".join(
            str(part) for part in fault["loc"] if part not in ("range", "number", UNLINKED)
        )
        given = fault.get("input")
        shown = (
            "" if isinstance(given, dict) or fault["type"] == "missing" else f" (given: {given!r})"
        )
        message = _MESSAGES.get(fault["type"], fault["msg"]).removeprefix("Value error, ")
        lines.append(f"{key or 'file'}: {message}{shown}")
    return lines
