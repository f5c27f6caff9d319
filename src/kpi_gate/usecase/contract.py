"""The contract between a user's problem and the machine: what a use case must say."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import InitVar, dataclass, field, replace
from datetime import datetime
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kpi_gate.decision.objective import Guardrail
from kpi_gate.learning.logged_choices import Choices
from kpi_gate.usecase import checked_answers
from kpi_gate.usecase.calls import Answers, guard
from kpi_gate.usecase.column_times import ColumnTimes
from kpi_gate.usecase.consistency import ROLES_OF, faults
from kpi_gate.usecase.default_model import default_trees
from kpi_gate.usecase.settings import ConfigurationError, Settings, read_settings
from kpi_gate.usecase.written import Valued, listed, module_file

__all__ = [
    "ROLES",
    "Choices",
    "ConfigurationError",
    "Feature",
    "Measure",
    "Proxy",
    "UseCase",
    "read_settings",
]

Floats = NDArray[np.float64]
Measure = Callable[[Floats, pd.DataFrame], float]
Proxy = Callable[[Floats, Floats, pd.DataFrame], Floats]
ROLES = ("event_time", "label_time", "unit", "outcome")
_LISTED = ("features", "limits", "known", "amounts", "known_later", "trusted_types")


@dataclass(frozen=True)
class Feature:
    """A model input: its column, and whether it is a number or a category."""

    name: str
    kind: Literal["number", "category"]


@dataclass(frozen=True, kw_only=True)
class UseCase:
    """All that the machine needs to know of one prediction problem.

    Rows carry the role columns `event_time` (when the decision was due, UTC), `label_time` (when
    the outcome became known; null while it is not; where there is no such column, the settings'
    `label_delay_days` after the event), `unit` (the cluster: customer, card) and `outcome` (0 or 1;
    null while unknown). They may carry `item` (what the decision is about, where a unit has several
    at one moment), `propensity` (chance of what the log did, or of the outcome being observed) and
    `observed` (False where what was done hides the outcome for ever).

    Every column has one time at which it is known. `features`, `known` and what the settings name
    as slice or group are known at the decision; `amounts`, `known_later` and the outcome come with
    the outcome, and are seen only by the value of a decision that is over. Any other column of the
    rows reaches no function.

    Attributes:
        name: Name of the module, the experiment and the model.
        title: One line for people.
        settings: The YAML beside the module.
        load: (raw folder, as_of) to all rows with `event_time < as_of`; later ones are left out.
        numbers: Model inputs that are numbers.
        categories: Model inputs that are text or whole numbers without order.
        features: Model inputs, all known at `event_time`; `numbers` and `categories` join them.
        known: Further columns known at `event_time`, for value, policy and rule of thumb.
        amounts: Numbers that arrive with the outcome and that the value reads, such as the money
            spent in the 60 days after; null while the outcome is.
        known_later: Whatever else is known only after `event_time`.
        expected: Of an amount, the column that says at the decision what it will be.
        amount_estimator: Settings to an unfitted scikit-learn regressor over the feature columns.
            It learns what `expected` does not say of an amount, once for either outcome.
        estimator: Settings to an unfitted scikit-learn classifier over the feature columns; by
            default gradient-boosted trees.
        value: What an action is worth once its outcome is known: a value model, or its function
            (action, outcome, columns, parameters) to named parts.
        value_columns: Columns that such a function reads.
        baseline: Rows to the actions that the business takes without a model.
        baseline_name: The same in words, such as "call everyone"; by default the function's name.
        limits: What a reader must know before he believes the money.
        measures: Numbers that guardrails may name: (actions, rows) to a number.
        proxies: Counts that people understand, such as frauds stopped: (actions, outcomes, rows) to
            one number a row. The page tells them per 10,000 decisions.
        choices: What could have been chosen, where choices were logged with their propensity.
            `baseline` then gives the chance with which the business takes the logged choice.
        fetch: Fills an empty raw folder, where the data can be fetched.
        trusted_types: Types that your estimator holds and skops does not know, if you trust them.
    """

    name: str = field(default_factory=lambda: module_file().stem)
    title: str
    settings: Settings = field(
        default_factory=lambda: read_settings(module_file().with_suffix(".yaml"))
    )
    load: Callable[[Path, datetime], pd.DataFrame]
    numbers: InitVar[Sequence[str]] = ()
    categories: InitVar[Sequence[str]] = ()
    features: Sequence[Feature] = ()
    estimator: Callable[[Mapping[str, Any]], Any] = default_trees
    value: Valued = Valued()  # noqa: RUF009  (a descriptor)
    value_columns: InitVar[Sequence[str]] = ()
    baseline: Callable[[pd.DataFrame], Floats]
    baseline_name: str = ""
    limits: Sequence[str] = ()
    known: Sequence[str] = ()
    amounts: Sequence[str] = ()
    known_later: Sequence[str] = ()
    expected: Mapping[str, str] = field(default_factory=dict)
    amount_estimator: Callable[[Mapping[str, Any]], Any] | None = None
    measures: Mapping[str, Measure] = field(default_factory=dict)
    proxies: Mapping[str, Proxy] = field(default_factory=dict)
    choices: Choices | None = None
    fetch: Callable[[Path], None] | None = None
    trusted_types: Sequence[str] = ()

    def __post_init__(
        self, numbers: Sequence[str], categories: Sequence[str], value_columns: Sequence[str]
    ) -> None:
        """Refuse a use case that would leak, or whose parts do not go together."""
        self._settle(numbers=numbers, categories=categories, value_columns=value_columns)
        parts = (self.settings, self.value, self.choices, self.times)
        learns = self.amount_estimator is not None
        for fault in (*self.times.faults(), *faults(*parts, self.measures, learns=learns)):
            raise ConfigurationError(f"use case {self.name}: {fault}")
        self._guard()

    def _settle(self, **named: Sequence[str]) -> None:
        """Make of what is written what is read, with its defaults."""
        lists = {name: getattr(self, name) for name in _LISTED} | named
        found = {name: listed(f"use case {self.name}: {name}", it) for name, it in lists.items()}
        numbers, categories, columns = (found.pop(name) for name in named)
        found["features"] += (
            *(Feature(name, "number") for name in numbers),
            *(Feature(name, "category") for name in categories),
        )
        for name, what in found.items():
            object.__setattr__(self, name, what)
        if columns:
            object.__setattr__(self, "value", replace(self.value, columns=columns))
        model = getattr(self.estimator, "function", self.estimator)
        if getattr(model, "func", model) is default_trees:
            kinds: dict[str, list[str]] = {"number": [], "category": []}
            for feature in self.features:
                kinds[feature.kind].append(feature.name)
            trees = partial(default_trees, numbers=kinds["number"], categories=kinds["category"])
            object.__setattr__(self, "estimator", trees)
        if not self.baseline_name:
            words = getattr(self.baseline, "__name__", "rule of thumb").replace("_", " ")
            object.__setattr__(self, "baseline_name", words)

    def _guard(self) -> None:
        """Let whatever the owner's functions do wrong be a refusal that names the place."""

        def own(function: Callable[..., Any], role: str, answers: Answers) -> Any:
            return guard(function, role, self.name, answers)

        def every(given: Mapping[str, Callable[..., Any]], role: str, answers: Answers) -> Any:
            return {name: own(call, f"{role} {name!r}", answers) for name, call in given.items()}

        value, base, retell = self.value, self.value.base, None
        if self.choices is not None:
            retell = self.choices.retell
        guarded = {
            "load": own(self.load, "load", checked_answers.anything),
            "fetch": self.fetch and own(self.fetch, "fetch", checked_answers.anything),
            "baseline": own(self.baseline, "baseline", checked_answers.chances),
            "estimator": own(self.estimator, "estimator", checked_answers.unfitted),
            "amount_estimator": self.amount_estimator
            and own(self.amount_estimator, "amount_estimator", checked_answers.unfitted),
            "value": replace(
                value,
                parts=own(value.parts, f"value {value.name!r}", checked_answers.parts),
                base=base and own(base, f"base of value {value.name!r}", checked_answers.bases),
            ),
            "measures": every(self.measures, "measure", checked_answers.number),
            "proxies": every(self.proxies, "proxy", checked_answers.counts),
            "choices": self.choices
            and replace(
                self.choices,
                retell=retell and own(retell, "choices.retell", checked_answers.retold),
            ),
        }
        for name, what in guarded.items():
            object.__setattr__(self, name, what)

    @cached_property
    def times(self) -> ColumnTimes:
        """When each column is known."""
        settings = self.settings
        named = {
            **dict.fromkeys(settings.validation.one_per_unit, "validation.one_per_unit"),
            **dict.fromkeys(settings.monitor.invariant, "monitor.invariant"),
            **{asked.column: "monitor.directions" for asked in settings.monitor.directions},
            **{name: "policy.within" for name in settings.policy.within if name != "day"},
            **{name: f"guardrail {rail.name}" for rail, name in _sliced(settings)},
            **({} if self.choices is None else {self.choices.column: "`choices`"}),
        }
        return ColumnTimes(
            features=tuple(self.feature_names),
            known=tuple(self.known),
            named=named,
            amounts=tuple(self.amounts),
            known_later=tuple(self.known_later),
            valued=self.value.columns,
            expected=self.expected,
            learnt=self.amount_estimator is not None,
            weighed=settings.policy.kind != "probability",
        )

    @property
    def feature_names(self) -> list[str]:
        """Columns of the model's input, in order."""
        return [feature.name for feature in self.features]

    @property
    def columns(self) -> list[str]:
        """Columns that a snapshot must have."""
        chosen = () if self.choices is None else (self.choices.column,)
        groups = (name for name in self.settings.policy.within if name != "day")
        wanted = [
            *ROLES,
            *ROLES_OF[self.settings.estimator.kind],
            *self.feature_names,
            *self.known,
            *self.value.columns,
            *self.amounts,
            *self.expected.values(),
            *chosen,
            *groups,
            *self.settings.validation.one_per_unit,
            *(name for _, name in _sliced(self.settings)),
        ]
        return list(dict.fromkeys(wanted))


def _sliced(settings: Settings) -> Iterator[tuple[Guardrail, str]]:
    """Yield each guardrail that names a column, and the column."""
    for rail in settings.guardrails:
        column = rail.slice or rail.by
        if column:
            yield rail, column
