"""The contract between a user's problem and the machine: what a use case must say."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kpi_gate.decision.evidence import SCORE
from kpi_gate.decision.objective import Guardrail
from kpi_gate.decision.stats.calibration import BUILT_IN
from kpi_gate.decision.value.model import ValueModel
from kpi_gate.learning.logged_choices import Choices
from kpi_gate.usecase import checked_answers
from kpi_gate.usecase.calls import Answers, guard
from kpi_gate.usecase.column_times import ColumnTimes
from kpi_gate.usecase.settings import UNLINKED, ConfigurationError, Settings, read_settings

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
# the further roles that an estimator rests on, and what goes with it
ROLES_OF: Mapping[str, tuple[str, ...]] = {
    "paired": (),
    "ratio": (),
    "ips": ("propensity",),
    "snips": ("propensity",),
    "selective": ("observed", "propensity"),
    "bounded": ("observed",),
}
LOGGED = ("ips", "snips")


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
    `outcome` (0 or 1; null while unknown). They may carry `item` (what the decision is about, where
    a unit has several at one moment), `propensity` (chance of what the log did, or of the outcome
    being observed) and `observed` (False where what was done hides the outcome for ever).

    Every column has one time at which it is known. `features`, `known` and what the settings name
    as slice or group are known at the decision; `amounts`, `known_later` and the outcome come with
    the outcome, and are seen only by the value of a decision that is over. Any other column of the
    rows reaches no function.

    Attributes:
        name: Name of the module, the experiment and the model.
        title: One line for people.
        settings: The YAML beside the module.
        load: (raw folder, as_of) to all rows with `event_time < as_of`.
        features: Model inputs, all known at `event_time`.
        known: Further columns known at `event_time`, for value, policy and rule of thumb.
        amounts: Numbers that arrive with the outcome and that the value reads, such as the money
            spent in the 60 days after; null while the outcome is.
        known_later: Whatever else is known only after `event_time`.
        expected: Of an amount, the column that says at the decision what it will be.
        amount_estimator: Settings to an unfitted scikit-learn regressor over the feature columns.
            It learns what `expected` does not say of an amount, once for either outcome.
        estimator: Settings to an unfitted scikit-learn classifier over the feature columns.
        value: What an action is worth once its outcome is known.
        baseline: Rows to the actions that the business takes without a model.
        baseline_name: The same in words, such as "call everyone".
        limits: What a reader must know before he believes the money.
        measures: Numbers that guardrails may name: (actions, rows) to a number.
        proxies: Counts that people understand, such as frauds stopped: (actions, outcomes, rows) to
            one number a row. The page tells them per 10,000 decisions.
        choices: What could have been chosen, where choices were logged with their propensity.
            `baseline` then gives the chance with which the business takes the logged choice.
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
    baseline: Callable[[pd.DataFrame], Floats]
    baseline_name: str
    limits: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    amounts: tuple[str, ...] = ()
    known_later: tuple[str, ...] = ()
    expected: Mapping[str, str] = field(default_factory=dict)
    amount_estimator: Callable[[Mapping[str, Any]], Any] | None = None
    measures: Mapping[str, Measure] = field(default_factory=dict)
    proxies: Mapping[str, Proxy] = field(default_factory=dict)
    choices: Choices | None = None
    fetch: Callable[[Path], None] | None = None
    trusted_types: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a use case that would leak, or whose parts do not go together."""
        for fault in (
            *self.times.faults(),
            *self._wrong_amounts(),
            *self._wrong_exceptions(),
            *self._unmeasured(),
            *self._wrong_parameters(),
            *self._wrong_estimator(),
        ):
            raise ConfigurationError(f"use case {self.name}: {fault}")
        self._guard()

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

    def _unmeasured(self) -> Iterator[str]:
        known = sorted((*BUILT_IN, *self.measures))
        for rail in self.settings.guardrails:
            if rail.measure is not None and rail.measure not in known:
                yield f"guardrails: measure == {rail.measure!r}, must be one of {', '.join(known)}"

    def _wrong_parameters(self) -> Iterator[str]:
        given, model = self.settings.value, self.value
        if model.parameters:
            for name in model.parameters.keys() - given.keys():
                yield f"value: {name} is missing; {model.name} needs {', '.join(model.parameters)}"
            for name in given.keys() - model.parameters.keys():
                yield f"value: {name} is not of {model.name}: {', '.join(model.parameters)}"
        for name, parameter in given.items():
            if parameter == UNLINKED and name not in model.money_weight:
                yield f"value.{name} == {UNLINKED!r}, must be a number: the policy acts by it"

    def _wrong_estimator(self) -> Iterator[str]:
        kind = self.settings.estimator.kind
        if kind not in ROLES_OF:
            yield (
                f"estimator.kind == {kind!r}, must be one of {', '.join(ROLES_OF)}; the others "
                "need a model of rewards and are for `kpi-gate judge`"
            )
        if (kind == "ratio") != (self.value.base is not None):
            yield (
                f"estimator.kind == {kind!r}: kind `ratio` goes with a value model that has a "
                f"`base`, and {self.value.name} has {'none' if self.value.base is None else 'one'}"
            )
        policy = self.settings.policy.kind
        if (kind in LOGGED) != (self.choices is not None) or (kind in LOGGED) != (
            policy == "choice"
        ):
            yield (
                f"estimator.kind == {kind!r}, policy.kind == {policy!r}, choices "
                f"{'missing' if self.choices is None else 'given'}: {' or '.join(LOGGED)}, policy "
                "`choice` and `choices` go together"
            )

    def _wrong_exceptions(self) -> Iterator[str]:
        for name in self.settings.validation.leak_exceptions:
            if name != SCORE and name not in self.times.at_decision:
                yield (
                    f"validation.leak_exceptions: {name!r} is no column known at the decision, "
                    f"nor {SCORE!r}"
                )

    def _wrong_amounts(self) -> Iterator[str]:
        late = ", ".join(self.times.late_amounts)
        if late and self.settings.estimator.kind == "bounded":
            yield (
                f"estimator.kind == 'bounded': {late} comes with the outcome, so there is no bound "
                "to what a hidden outcome is worth"
            )
        if self.amount_estimator is not None and self.choices is not None:
            yield (
                "amount_estimator: of logged choices it would have to foresee every choice; "
                f"declare expected={{{late}: COLUMN}} instead"
            )

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
            known=self.known,
            named=named,
            amounts=self.amounts,
            known_later=self.known_later,
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
