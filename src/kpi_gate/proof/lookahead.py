"""Adversaries that look into the future: by a feature, by the value, by the rule of thumb."""

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kpi_gate.decision.verdict import Decision
from kpi_gate.evaluation.foreknowledge import known_by_columns
from kpi_gate.evaluation.views import UnseenColumnError, rule_of_thumb
from kpi_gate.proof.harness import Arena
from kpi_gate.proof.oracle import best
from kpi_gate.proof.weak_candidates import oracle
from kpi_gate.usecase.contract import ConfigurationError, Feature, UseCase

Floats = NDArray[np.float64]
LATE = "spent_afterwards"  # a column that nobody declared
ODD = 1e-3  # share of the rows on which the feature that is the outcome is wrong


def future_feature(arena: Arena) -> Decision:
    """Wants a feature that is known only afterwards."""
    late = _late(arena.use_case)
    try:
        features = (*arena.use_case.features, Feature(late, "number"))
        replace(arena.use_case, features=features)
    except ConfigurationError as error:
        return arena.refused("contract", error)
    return oracle(arena)


def feature_is_the_outcome(arena: Arena) -> Decision:
    """Is an oracle by a feature that holds the outcome under another name, a few rows aside."""
    feature = arena.use_case.features[0]
    generator = np.random.default_rng(int(arena.use_case.settings.model["seed"]))
    wrong = generator.random(len(arena.rows)) < ODD
    hint = arena.rows["outcome"].where(~wrong, 1 - arena.rows["outcome"])
    if feature.kind == "category":
        hint = hint.map({0.0: "no", 1.0: "yes"})
    rows = arena.rows.assign(**{feature.name: hint})
    known = known_by_columns(arena.use_case, rows, arena.windows)
    return arena.judge(arena.evidence(arena.acting(best(arena)), known=known))


def value_from_the_future(arena: Arena) -> Decision:
    """Counts its money by a column that nobody said is known at the decision."""
    value = arena.use_case.value
    try:
        replace(arena.use_case, value=replace(value, columns=(*value.columns, LATE)))
    except ConfigurationError as error:
        return arena.refused("contract", error)
    return oracle(arena)


def rule_of_thumb_from_the_future(arena: Arena) -> Decision:
    """Meets a rule of thumb that acts by the outcome."""

    def clairvoyant(rows: pd.DataFrame) -> Floats:
        outcome: Floats = rows["outcome"].to_numpy(dtype=np.float64)
        return outcome

    try:
        rule_of_thumb(replace(arena.use_case, baseline=clairvoyant), arena.gate)
    except UnseenColumnError as error:
        return arena.refused("contract", error)
    return oracle(arena)


def _late(use_case: UseCase) -> str:
    return next(iter((*use_case.amounts, *use_case.known_later)), "outcome")
