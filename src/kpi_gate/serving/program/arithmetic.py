"""Steps from numbers to numbers."""

from collections.abc import Callable
from typing import Any

import numpy as np

from kpi_gate.serving.program.table import Faults, Floats, Parts, Spec, Step, Table, mark, matrix

OPERATIONS: dict[str, Callable[..., Any]] = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
    "maximum": np.maximum,
    "minimum": np.minimum,
}


def arithmetic(spec: Spec, parts: Parts) -> Step:
    """Run operations of each column with a number of its own, in this order."""
    operations = [(OPERATIONS[name], parts.array(array)) for name, array in spec["operations"]]

    def run(table: Table, faults: Faults) -> Floats:
        found = matrix(table)
        for operation, numbers in operations:
            found = operation(found, numbers)
        return found

    return run


FUNCTIONS: dict[str, Callable[..., Any]] = {
    found.__name__: found
    for found in (
        *(np.log1p, np.log, np.log2, np.log10, np.exp, np.expm1, np.sqrt, np.cbrt, np.square),
        *(np.absolute, np.sign, np.tanh, np.sin, np.cos, np.nan_to_num, np.clip),
    )
}


def apply(spec: Spec, parts: Parts) -> Step:
    """Run a function of numpy's on every number."""
    function, arguments = FUNCTIONS[spec["function"]], spec["arguments"]

    def run(table: Table, faults: Faults) -> Floats:
        with np.errstate(all="ignore"):
            return np.asarray(function(matrix(table), **arguments), dtype=np.float64)

    return run


def products(spec: Spec, parts: Parts) -> Step:
    """Multiply columns with each other; the place after the last column stands for 1."""
    places = parts.array(spec["places"]).astype(np.intp)

    def run(table: Table, faults: Faults) -> Floats:
        found = matrix(table)
        given = np.hstack([found, np.ones((len(found), 1))])
        return np.asarray(given[:, places].prod(axis=2))

    return run


def bins(spec: Spec, parts: Parts) -> Step:
    """Say of each number in which bin of its column it lies."""
    edges = [parts.array(name) for name in spec["edges"]]

    def run(table: Table, faults: Faults) -> Floats:
        columns = zip(edges, matrix(table).T, strict=True)
        return np.column_stack([np.searchsorted(e, c, side="right") for e, c in columns]) * 1.0

    return run


def scaled(spec: Spec, parts: Parts) -> Step:
    """Divide each row by its length."""
    norms: dict[str, Callable[[Floats], Floats]] = {
        "l1": lambda found: np.abs(found).sum(axis=1),
        "l2": lambda found: np.sqrt(np.square(found).sum(axis=1)),
        "max": lambda found: np.abs(found).max(axis=1),
    }
    norm = norms[spec["norm"]]

    def run(table: Table, faults: Faults) -> Floats:
        found = matrix(table)
        length = norm(found)
        return np.asarray(found / np.where(length == 0, 1.0, length)[:, None])

    return run


def above(spec: Spec, parts: Parts) -> Step:
    """Mark the numbers above a bound."""
    bound = float(spec["bound"])
    return lambda table, faults: (matrix(table) > bound).astype(np.float64)


def whole(spec: Spec, parts: Parts) -> Step:
    """Refuse rows with gaps or endless numbers; `single` also rounds as a float would."""
    words, gaps, single = spec["words"], spec["gaps"], spec.get("single", False)
    largest = float(np.finfo(np.float32).max)

    def run(table: Table, faults: Faults) -> Floats:
        found = matrix(table)
        if not gaps and np.isnan(found).any():
            mark(
                faults, np.asarray(np.isnan(found).any(axis=1)), f"{words} takes no missing values"
            )
        bound = largest if single else np.inf
        beyond = np.asarray(np.abs(found) > bound if single else np.isinf(found))
        if beyond.any():
            mark(faults, np.asarray(beyond.any(axis=1)), f"a number is too large for {words}")
        if single:
            with np.errstate(over="ignore"):
                found = found.astype(np.float32).astype(np.float64)
        return found

    return run


def project(spec: Spec, parts: Parts) -> Step:
    """Return weighted sums of the columns, after a shift."""
    weights, shift = parts.array(spec["weights"]), parts.array(spec["shift"])
    return lambda table, faults: (matrix(table) - shift) @ weights
