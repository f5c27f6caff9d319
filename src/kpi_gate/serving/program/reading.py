"""Read a program: each step from its specification; nothing of it is code."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np

from kpi_gate.serving.program import arithmetic, encoding, models
from kpi_gate.serving.program.table import (
    Faults,
    Floats,
    Parts,
    Spec,
    Step,
    Table,
    as_columns,
    matrix,
    picked,
)


def read_step(spec: Spec, parts: Parts) -> Step:
    """Return the step that a specification describes.

    Raises:
        KeyError: If there is no such step, or a part is missing.
    """
    return STEPS[spec["kind"]](spec, parts)


def chain(spec: Spec, parts: Parts) -> Step:
    """Run steps one after the other."""
    steps = [parts.step(one) for one in spec["steps"]]
    if len(steps) == 1:
        return steps[0]

    def run(table: Any, faults: Faults) -> Any:
        for step in steps:
            table = step(table, faults)
        return table

    return run


def split(spec: Spec, parts: Parts) -> Step:
    """Run steps each on some of the columns, and put what they give side by side."""
    branches = [(places, parts.step(one)) for places, one in spec["branches"]]

    def run(table: Table, faults: Faults) -> Table:
        found = [step(picked(table, places), faults) for places, step in branches]
        if any(isinstance(one, list) and any(c.dtype == object for c in one) for one in found):
            return [column for one in found for column in as_columns(one)]
        return np.hstack([_upright(one) for one in found])

    return run


def _upright(found: Table) -> Floats:
    """Return a table; what an inner model says is a column of it."""
    table = matrix(found)
    return table[:, None] if table.ndim == 1 else table


def take(spec: Spec, parts: Parts) -> Step:
    """Keep some columns; without places all of them."""
    places = spec.get("places")
    if places is None:
        return lambda table, faults: table
    return lambda table, faults: picked(table, places)


STEPS: dict[str, Callable[[Spec, Parts], Step]] = {
    made.__name__: made
    for made in (
        *(chain, split, take),
        *(encoding.codes, encoding.flags, encoding.impute),
        *(arithmetic.arithmetic, arithmetic.apply, arithmetic.products, arithmetic.bins),
        *(arithmetic.scaled, arithmetic.above, arithmetic.whole, arithmetic.project),
        *(models.trees, models.in_turn, models.linear, models.link, models.stairs),
        *(models.mean, models.constant),
    )
}


def as_json(spec: Any) -> bytes:
    """Write a specification; what is NaN in it has to be spelled by whoever made it."""
    return json.dumps(spec, sort_keys=True, allow_nan=False, separators=(",", ":")).encode()
