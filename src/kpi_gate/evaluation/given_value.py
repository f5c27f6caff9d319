"""What an action is worth, as a caller gives it: a value model or a function, and parameters."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kpi_gate.decision.objective import Range
from kpi_gate.decision.value.model import Columns, Parameter, Parameters, ValueModel
from kpi_gate.errors import ConfigurationError
from kpi_gate.evaluation.given_rows import own_copy
from kpi_gate.files.faults import checked
from kpi_gate.files.wording import shorten

Floats = NDArray[np.float64]
ValueGiven = ValueModel | Callable[..., Any]
ParametersGiven = Mapping[str, Parameter | Range | Mapping[str, float] | float]


@dataclass(frozen=True)
class Worth:
    """What actions on these rows are worth.

    Attributes:
        model: The value model.
        columns: The rows' columns that it reads.
        base: Parameters at their base.
        ranges: Low and high end of each parameter that is not known exactly.
    """

    model: ValueModel
    columns: Columns
    base: dict[str, float]
    ranges: dict[str, tuple[float, float]]

    def of(self, action: Floats, outcome: Floats, parameters: Parameters | None = None) -> Floats:
        """Return the value of each row, by other parameters where they are given."""
        given = self.base if parameters is None else parameters
        return self.model.value(action, outcome, self.columns, given)

    def parts(self, action: Floats, outcome: Floats) -> dict[str, float]:
        """Return the mean of each part of the value."""
        found = self.model.breakdown(action, outcome, self.columns, self.base)
        return {name: float(np.mean(part)) for name, part in found.items()}


def read_value(value: Any, parameters: ParametersGiven | None, rows: Any) -> Worth:
    """Return what actions on the rows are worth.

    Args:
        value: A value model; or a function (action, outcome, rows, parameters) to money a row, or
            to named parts of it.
        parameters: Numbers, or `Parameter` where one is not known exactly. Those of a value model
            that are not named are as it publishes them.
        rows: A data frame or an array.

    Raises:
        ConfigurationError: If the value is none, reads a column that is not there, or a parameter
            is missing, unknown or no number.
    """
    if not isinstance(value, ValueModel):
        if not callable(value) or isinstance(value, type):
            raise ConfigurationError(
                f"value is {shorten(value)}, must be a ValueModel or a function (action, outcome, "
                "rows, parameters) -> money a row"
            )
        value = ValueModel(getattr(value, "__name__", "value"), _parts_of(value, rows))
    missing = [name for name in value.columns if name not in getattr(rows, "columns", ())]
    if missing:
        raise ConfigurationError(f"value {value.name}: X has no column {', '.join(missing)}")
    given = {**value.parameters, **(parameters or {})}
    unknown = [name for name in given if value.parameters and name not in value.parameters]
    if unknown:
        there = ", ".join(value.parameters)
        raise ConfigurationError(f"parameters: {unknown[0]!r} is not of {value.name}: {there}")
    read = {name: _parameter(name, number) for name, number in given.items()}
    return Worth(
        model=value,
        columns={name: rows[name].to_numpy(dtype=np.float64) for name in value.columns},
        base={name: known.base for name, known in read.items()},
        ranges={name: (p.low, p.high) for name, p in read.items() if p.low < p.high},
    )


def _parts_of(function: Callable[..., Any], rows: Any) -> Callable[..., dict[str, Floats]]:
    """Return the parts that a function gives for these rows."""

    def parts(
        action: Floats, outcome: Floats, columns: Columns, parameters: Parameters
    ) -> dict[str, Floats]:
        answer = function(action.copy(), outcome.copy(), own_copy(rows), parameters)
        named = answer if isinstance(answer, Mapping) else {"value": answer}
        found = {str(name): np.asarray(part, dtype=np.float64) for name, part in named.items()}
        for name, part in found.items():
            if part.shape != action.shape:
                raise ConfigurationError(
                    f"value: {name} has shape {part.shape}, must be {action.shape}: one a row"
                )
        return found

    return parts


def _parameter(name: str, given: Any) -> Range:
    """Return a parameter with its ends; a number is both."""
    place = f"parameters.{name}"
    if isinstance(given, Range):
        return given
    if isinstance(given, Parameter):
        given = {"low": given.low, "base": given.base, "high": given.high}
    if not isinstance(given, Mapping):
        given = {"low": given, "base": given, "high": given}
    return checked(Range, given, place)
