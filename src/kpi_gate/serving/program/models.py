"""Steps from numbers to what a model says: trees, weighted sums, links, means."""

from collections.abc import Callable

import numpy as np
import treelite.gtil
from numpy.typing import NDArray

from kpi_gate.serving.program.forest import Forest
from kpi_gate.serving.program.table import (
    Faults,
    Floats,
    Parts,
    Spec,
    Step,
    Table,
    as_columns,
    matrix,
)


def trees(spec: Spec, parts: Parts) -> Step:
    """Add up trees; `margin` is the sum before any link."""
    forest, at = Forest(parts.trees(spec["trees"]), margin=spec["margin"]), spec["at"]
    kind = np.float32 if spec.get("float32") else np.float64

    def run(table: Table, faults: Faults) -> Floats:
        given = np.ascontiguousarray(matrix(table), dtype=kind)
        return np.asarray(forest(given)[:, at], dtype=np.float64)

    return run


def in_turn(spec: Spec, parts: Parts) -> Step:
    """Add up trees in single precision, one after the other, as XGBoost does."""
    model, start = parts.trees(spec["trees"]), np.float32(spec["start"])

    def run(table: Table, faults: Faults) -> Floats:
        given = np.ascontiguousarray(matrix(table), dtype=np.float32)
        leaves = treelite.gtil.predict_per_tree(model, given, nthread=1).reshape(len(given), -1)
        begun = np.hstack([np.full((len(given), 1), start), leaves.astype(np.float32)])
        return np.cumsum(begun, axis=1, dtype=np.float32)[:, -1].astype(np.float64)

    return run


def linear(spec: Spec, parts: Parts) -> Step:
    """Return a weighted sum of the columns."""
    weights, start = parts.array(spec["weights"]), float(parts.array(spec["start"])[0])
    return lambda table, faults: matrix(table) @ weights + start


def _expit(score: Floats) -> Floats:
    with np.errstate(over="ignore"):
        return np.asarray(1.0 / (1.0 + np.exp(-score)))


# exp of a float as the C library has it (Szabolcs Nagy, Arm optimized routines): within half an ulp
# but for a few arguments, and XGBoost's probabilities hang on these
_PARTS = 32
_CUBIC = (
    float.fromhex("0x1.c6af84b912394p-5"),
    float.fromhex("0x1.ebfce50fac4f3p-3"),
    float.fromhex("0x1.62e42ff0c52d6p-1"),
)
_ROOTS = np.exp2(np.arange(_PARTS) / _PARTS)


def _exp_in_single(number: Floats) -> NDArray[np.float32]:
    scaled_by = number * (_PARTS / np.log(2.0))
    near = np.rint(scaled_by)
    rest, (three, two, one) = (scaled_by - near) / _PARTS, _CUBIC
    power = (three * rest + two) * (rest * rest) + (one * rest + 1.0)
    steps = near.astype(np.int64)
    found = power * np.ldexp(_ROOTS[steps % _PARTS], steps // _PARTS)
    return np.asarray(found, dtype=np.float32)


def _expit_in_single(score: Floats) -> Floats:
    one = np.float32(1.0)
    return np.asarray(one / (_exp_in_single(np.minimum(-score, 88.7)) + one), dtype=np.float64)


LINKS: dict[str, Callable[[Floats], Floats]] = {
    "sigmoid": _expit,
    "sigmoid in single": _expit_in_single,
    "huber": lambda score: (np.clip(score, -1.0, 1.0) + 1.0) / 2.0,
    "exp": np.exp,
    "expm1": np.expm1,
    "square": np.square,
}


def link(spec: Spec, parts: Parts) -> Step:
    """Map one number a row, after a factor and a shift."""
    inner, function = parts.step(spec["inner"]), LINKS[spec["function"]]
    factor, shift = spec.get("factor", 1.0), spec.get("shift", 0.0)
    if (factor, shift) == (1.0, 0.0):
        return lambda table, faults: function(inner(table, faults))
    return lambda table, faults: function(factor * inner(table, faults) + shift)


def stairs(spec: Spec, parts: Parts) -> Step:
    """Map one number a row along a line of points (isotonic calibration)."""
    inner, x, y = parts.step(spec["inner"]), parts.array(spec["x"]), parts.array(spec["y"])
    return lambda table, faults: np.interp(inner(table, faults), x, y)


def mean(spec: Spec, parts: Parts) -> Step:
    """Return the weighted mean of what several models say."""
    steps = [parts.step(one) for one in spec["steps"]]
    weights = spec["weights"]
    total = sum(weights)

    def run(table: Table, faults: Faults) -> Floats:
        found = sum(w * step(table, faults) for w, step in zip(weights, steps, strict=True))
        return np.asarray(found / total)

    return run


def constant(spec: Spec, parts: Parts) -> Step:
    """Say the same of every row."""
    number = float(spec["number"])
    return lambda table, faults: np.full(len(as_columns(table)[0]), number)
