"""The compiled form of a model: steps from columns to a table of numbers, trees, sums, links.

A step is read from JSON and arrays; nothing of it is code. Where a model would refuse a row, the
row is marked, and goes on as NaN.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import treelite
import treelite.gtil
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Columns = list[NDArray[Any]]  # one array a column: numbers as doubles, text as objects
Table = Columns | Floats
Faults = dict[int, str]  # by row
Spec = Mapping[str, Any]


class Parts(Protocol):
    """Where the steps find what is no JSON."""

    def array(self, name: str) -> NDArray[Any]:
        """Return an array."""

    def trees(self, name: str) -> treelite.Model:
        """Return an ensemble of trees."""


class Step(Protocol):
    """Columns to columns, to a table, or to one number a row."""

    def __call__(self, table: Any, faults: Faults) -> Any:
        """Run it; rows that it refuses are marked in `faults`."""


def read_step(spec: Spec, parts: Parts) -> Step:
    """Return the step that a specification describes.

    Raises:
        KeyError: If there is no such step, or a part is missing.
    """
    return STEPS[spec["kind"]](spec, parts)


def matrix(table: Table) -> Floats:
    """Return columns as a table of doubles, shape `(n, k)`."""
    if not isinstance(table, list):
        return table
    try:
        return np.column_stack(table).astype(np.float64, copy=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"a column of text reaches what reads numbers: {error}") from error


def picked(table: Table, places: Sequence[int]) -> Table:
    """Return some columns, in this order."""
    if isinstance(table, list):
        return [table[place] for place in places]
    return table[:, places]


def _mark(faults: Faults, rows: NDArray[np.bool_], words: str) -> None:
    for row in np.flatnonzero(rows).tolist():
        faults.setdefault(row, words)


def chain(spec: Spec, parts: Parts) -> Step:
    """Run steps one after the other."""
    steps = [read_step(one, parts) for one in spec["steps"]]
    if len(steps) == 1:
        return steps[0]

    def run(table: Any, faults: Faults) -> Any:
        for step in steps:
            table = step(table, faults)
        return table

    return run


def split(spec: Spec, parts: Parts) -> Step:
    """Run steps each on some of the columns, and put what they give side by side."""
    branches = [(places, read_step(one, parts)) for places, one in spec["branches"]]

    def run(table: Table, faults: Faults) -> Table:
        found = [step(picked(table, places), faults) for places, step in branches]
        if any(isinstance(one, list) and any(c.dtype == object for c in one) for one in found):
            return [column for one in found for column in _columns(one)]
        return np.hstack([_upright(one) for one in found])

    return run


def _columns(table: Table) -> Columns:
    return table if isinstance(table, list) else list(table.T)


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


def codes(spec: Spec, parts: Parts) -> Step:
    """Give each level of a column its number."""
    tables = [_levels(one) for one in spec["columns"]]

    def run(table: Table, faults: Faults) -> Floats:
        columns = _columns(table)
        found = np.empty((len(columns[0]), len(columns)))
        for place, (column, look) in enumerate(zip(columns, tables, strict=True)):
            found[:, place] = look(column, faults)
        return found

    return run


def flags(spec: Spec, parts: Parts) -> Step:
    """Set a mark for the level of each column."""
    tables = [_levels(one) for one in spec["columns"]]
    widths = spec["widths"]
    starts = np.concatenate([[0], np.cumsum(widths)])

    def run(table: Table, faults: Faults) -> Floats:
        columns = _columns(table)
        found = np.zeros((len(columns[0]), int(starts[-1])))
        for place, (column, look) in enumerate(zip(columns, tables, strict=True)):
            at = np.asarray(look(column, faults))
            rows = np.flatnonzero(at >= 0)
            found[rows, starts[place] + at[rows].astype(np.intp)] = 1.0
        return found

    return run


def _levels(spec: Spec) -> Callable[[NDArray[Any], Faults], Sequence[float]]:
    """Return what looks up a column's levels; a code of None is a refusal."""
    # JSON has no NaN: it is spelled
    codes = [None if code is None else float(code) for code in spec["codes"]]
    table = dict(zip(spec["levels"], codes, strict=True))
    missing, unknown, name = spec["missing"], spec["unknown"], spec["name"]
    table[None] = None if missing is None else float(missing)
    otherwise = None if unknown is None else float(unknown)

    def code(value: Any, row: int, faults: Faults) -> float:
        gap = value is None or value != value  # NaN  # noqa: PLR0124
        found = table[None] if gap else table.get(value, otherwise)
        if found is None:
            new = f"{name} {value!r:.80} is new to the model"
            faults.setdefault(row, f"{name} is null" if gap else new)
            return np.nan
        return float(found)

    def look(column: NDArray[Any], faults: Faults) -> Sequence[float]:
        values = column.tolist()
        found = [table.get(value) for value in values]
        if None in found:
            found = [code(value, row, faults) for row, value in enumerate(values)]
        return found  # type: ignore[return-value]

    return look


def impute(spec: Spec, parts: Parts) -> Step:
    """Fill what is missing; columns may be left out, and marks of what was missing be added."""
    keep, fill, marks, marker = spec["keep"], spec["fill"], spec["marks"], spec["marker"]

    def gaps(column: NDArray[Any]) -> NDArray[np.bool_]:
        if column.dtype == object:
            return np.array([v is None or v != v or v == marker for v in column.tolist()])  # noqa: PLR0124
        return np.asarray(np.isnan(column) if marker is None else column == marker)

    def run(table: Table, faults: Faults) -> Table:
        columns = _columns(table)
        found = []
        for place, value in zip(keep, fill, strict=True):
            column, missing = columns[place], gaps(columns[place])
            found.append(np.where(missing, value, column) if missing.any() else column)
        found += [gaps(columns[place]).astype(np.float64) for place in marks]
        return found if any(c.dtype == object for c in found) else np.column_stack(found)

    return run


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
            _mark(
                faults, np.asarray(np.isnan(found).any(axis=1)), f"{words} takes no missing values"
            )
        bound = largest if single else np.inf
        beyond = np.asarray(np.abs(found) > bound if single else np.isinf(found))
        if beyond.any():
            _mark(faults, np.asarray(beyond.any(axis=1)), f"a number is too large for {words}")
        if single:
            with np.errstate(over="ignore"):
                found = found.astype(np.float32).astype(np.float64)
        return found

    return run


def trees(spec: Spec, parts: Parts) -> Step:
    """Add up trees; `margin` is the sum before any link."""
    model, margin, at = parts.trees(spec["trees"]), spec["margin"], spec["at"]
    kind = np.float32 if spec.get("float32") else np.float64

    def run(table: Table, faults: Faults) -> Floats:
        given = np.ascontiguousarray(matrix(table), dtype=kind)
        found = treelite.gtil.predict(model, given, nthread=1, pred_margin=margin)
        return np.asarray(found.reshape(len(given), -1)[:, at], dtype=np.float64)

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


def project(spec: Spec, parts: Parts) -> Step:
    """Return weighted sums of the columns, after a shift."""
    weights, shift = parts.array(spec["weights"]), parts.array(spec["shift"])
    return lambda table, faults: (matrix(table) - shift) @ weights


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
    inner, function = read_step(spec["inner"], parts), LINKS[spec["function"]]
    factor, shift = spec.get("factor", 1.0), spec.get("shift", 0.0)
    if (factor, shift) == (1.0, 0.0):
        return lambda table, faults: function(inner(table, faults))
    return lambda table, faults: function(factor * inner(table, faults) + shift)


def stairs(spec: Spec, parts: Parts) -> Step:
    """Map one number a row along a line of points (isotonic calibration)."""
    inner, x, y = read_step(spec["inner"], parts), parts.array(spec["x"]), parts.array(spec["y"])
    return lambda table, faults: np.interp(inner(table, faults), x, y)


def mean(spec: Spec, parts: Parts) -> Step:
    """Return the weighted mean of what several models say."""
    steps = [read_step(one, parts) for one in spec["steps"]]
    weights = spec["weights"]
    total = sum(weights)

    def run(table: Table, faults: Faults) -> Floats:
        found = sum(w * step(table, faults) for w, step in zip(weights, steps, strict=True))
        return np.asarray(found / total)

    return run


def constant(spec: Spec, parts: Parts) -> Step:
    """Say the same of every row."""
    number = float(spec["number"])
    return lambda table, faults: np.full(len(_columns(table)[0]), number)


STEPS: dict[str, Callable[[Spec, Parts], Step]] = {
    made.__name__: made
    for made in (
        *(chain, split, take, codes, flags, impute, arithmetic, apply, products, bins),
        *(scaled, above, whole),
        *(trees, in_turn, linear, project, link, stairs, mean, constant),
    )
}


def as_json(spec: Any) -> bytes:
    """Write a specification; what is NaN in it has to be spelled by whoever made it."""
    return json.dumps(spec, sort_keys=True, allow_nan=False, separators=(",", ":")).encode()
