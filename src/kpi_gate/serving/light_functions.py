"""The owner's value and rule of thumb as an export holds them: source of numpy alone, to review."""

import builtins
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kpi_gate.decision.value.model import Columns, Parameters, ValueModel
from kpi_gate.serving.errors import ExportError
from kpi_gate.serving.light_rows import LightRows

Floats = NDArray[np.float64]
LONGEST_FAULT = 200  # letters
VALUE_FILE, RULE_FILE = "value.py", "rule_of_thumb.py"
BUILTINS = (
    *("abs", "all", "any", "bool", "dict", "enumerate", "float", "frozenset", "int", "isinstance"),
    *("len", "list", "map", "max", "min", "range", "reversed", "round", "set", "slice", "sorted"),
    *("str", "sum", "tuple", "zip", "True", "False", "None"),
    *("ValueError", "KeyError", "TypeError", "ZeroDivisionError"),
)


def executed(source: str, name: str, place: str) -> Callable[..., Any]:
    """Return a function from its source; the source sees numpy, math and harmless builtins.

    Raises:
        ExportError: If there is no such function in it.
    """
    seen: dict[str, Any] = {each: getattr(builtins, each) for each in BUILTINS}
    seen["__import__"] = _numpy_alone
    space: dict[str, Any] = {"__builtins__": seen, "np": np, "math": math}
    exec(compile(source, place, "exec"), space)  # noqa: S102  (its hash is the ledger's)
    found = space.get(name)
    if not callable(found):
        raise ExportError(f"{place}: there is no function {name!r}")
    return found  # type: ignore[no-any-return]


def _numpy_alone(name: str, *given: Any) -> Any:
    """Import on behalf of numpy, which does so within its own functions."""
    if name.partition(".")[0] != "numpy":
        raise ImportError(f"an exported function imports {name}: it may not")
    return builtins.__import__(name, *given)


class LightValue:
    """What an action is worth.

    Attributes:
        columns: Columns that it reads.
    """

    def __init__(self, model: ValueModel, parameters: Parameters) -> None:
        self.columns = model.columns
        self._parts, self._parameters = model.parts, parameters

    def advantage(self, probability: Floats, with_1: Columns, with_0: Columns) -> Floats:
        """Return the expected money of acting over not acting, shape `(n,)`.

        A row on which the owner's function fails is worth NaN.

        Args:
            probability: Of outcome 1.
            with_1: Columns as they are expected with outcome 1.
            with_0: And with outcome 0.
        """
        try:
            return self._advantage(probability, with_1, with_0)
        except Exception:  # noqa: BLE001  (it may fail in any way)
            if probability.size <= 1:
                return np.full(probability.size, np.nan)
        rows = (slice(row, row + 1) for row in range(probability.size))
        return np.concatenate(
            [self.advantage(probability[r], _cut(with_1, r), _cut(with_0, r)) for r in rows]
        )

    def _advantage(self, probability: Floats, with_1: Columns, with_0: Columns) -> Floats:
        n = probability.size
        # all four ways in one call: on one row a call costs more than its rows
        action, outcome = np.tile(_ACTION, n), np.tile(_OUTCOME, n)
        given = {name: _four_ways(column, with_0[name]) for name, column in with_1.items()}
        parts = self._parts(action, outcome, given, self._parameters)
        worth = reduce(np.add, map(np.asarray, parts.values())).reshape(n, 4)
        happens, acting_1, idle_1, acting_0, idle_0 = probability, *worth.T
        not_so = 1 - happens
        acting = happens * acting_1 + not_so * acting_0
        return np.asarray(acting - (happens * idle_1 + not_so * idle_0))


_ACTION, _OUTCOME = np.array([1.0, 0.0, 1.0, 0.0]), np.array([1.0, 1.0, 0.0, 0.0])


def _cut(columns: Columns, rows: slice) -> Columns:
    return {name: column[rows] for name, column in columns.items()}


def _four_ways(with_1: Floats, with_0: Floats) -> Floats:
    """Return a column as each row's four ways have it: with outcome 1 twice, then with 0."""
    if with_1 is with_0:
        return with_1.repeat(4)
    return np.column_stack([with_1, with_1, with_0, with_0]).ravel()


class LightRule:
    """What the business does without a model.

    Attributes:
        fault: Why it last failed; empty while it has not.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function, self.fault = function, ""

    def actions(self, columns: Mapping[str, NDArray[Any]], count: int) -> Floats:
        """Return the actions, shape `(n,)`; NaN where it fails."""
        try:
            answer = self._function(LightRows(columns, count))
            found = np.array(answer, dtype=np.float64)
        except Exception as error:  # noqa: BLE001  (the owner's code may fail in any way)
            found, self.fault = np.empty(0), " ".join(str(error).split())[:LONGEST_FAULT]
        if found.shape != (count,):
            return np.full(count, np.nan)
        return np.where((found >= 0) & (found <= 1), found, np.nan)


def read_functions(
    folder: Path, program: Mapping[str, Any]
) -> tuple[LightValue | None, LightRule | None]:
    """Return an export's value, where its policy weighs one, and its rule of thumb where light.

    Raises:
        ExportError: If a function is not there.
    """
    value, rule = program["value"], program["rule"]
    made = None
    if value is not None:
        model = _value_model(folder, value)
        made = LightValue(model, program["parameters"])
    if rule is None:
        return made, None
    return made, LightRule(_function(folder / RULE_FILE, rule))


def _value_model(folder: Path, said: Mapping[str, Any]) -> ValueModel:
    if said["ready_made"]:
        from kpi_gate.decision.value import ready_made  # it needs scipy

        model: ValueModel = getattr(ready_made, said["ready_made"])
        return replace(model, columns=tuple(said["columns"]))
    parts = _function(folder / VALUE_FILE, said["function"])
    return ValueModel(said["function"], parts, tuple(said["columns"]))


def _function(path: Path, name: str) -> Callable[..., Any]:
    try:
        source = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ExportError(f"{path}: {error}") from error
    return executed(source, name, str(path))
