"""The contract between a user's problem and the machine: what a use case must say."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kpi_gate.decision.measures import BUILT_IN
from kpi_gate.decision.value import ValueModel
from kpi_gate.settings_file import ConfigurationError, Settings, read_settings

__all__ = ["ROLES", "ConfigurationError", "Feature", "Measure", "UseCase", "read_settings"]

Measure = Callable[[NDArray[np.float64], pd.DataFrame], float]


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
