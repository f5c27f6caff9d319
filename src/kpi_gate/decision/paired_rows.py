"""Both values of every row of the gate window, and their difference."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import NoneType
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
SIDES = ("champion", "candidate")
ROUNDING = 1e-12  # of a row's larger value, at least of 1: how far sums of doubles may stray


@dataclass(frozen=True)
class PairedRows:
    """Both values of every row of the gate window; all arrays have shape `(n,)`.

    Attributes:
        unit: Integer code of the row's unit, the cluster.
        day: Number of the UTC day of the row's event; seven apart is the same weekday. None where
            nobody says when decisions were due.
        champion: Money per decision with the champion's action.
        candidate: Money per decision with the candidate's action.
        slices: Level of each slice column, as text; None is a missing level.
        bases: (champion, candidate) of a ratio KPI: what the values are counted per, such as
            recommendations shown; None where each row is one decision.
        key: Integer code of the decision; a code that comes twice is a row that was counted twice.
        time: Moment of the row's event, microseconds since 1970 in UTC.
        actions: (champion, candidate), where the policies' actions are known.
        exposure: The most that the row's difference could lose, had its outcome been another.
        at_best: Difference at the best hidden outcome; `candidate` then holds the worst.
    """

    unit: NDArray[np.int64]
    day: NDArray[np.int64] | None
    champion: Floats
    candidate: Floats
    slices: Mapping[str, NDArray[np.object_]] = field(default_factory=dict)
    bases: tuple[Floats, Floats] | None = None
    key: NDArray[np.int64] | NDArray[np.uint64] | None = None
    time: NDArray[np.int64] | None = None
    actions: tuple[Floats, Floats] | None = None
    exposure: Floats | None = None
    at_best: Floats | None = None

    @property
    def size(self) -> int:
        """Number of rows."""
        return int(np.size(self.champion))

    @cached_property
    def difference(self) -> Floats:
        """value(candidate) - value(champion), shape `(n,)`; mere rounding is a tie.

        Of a ratio KPI it is the influence of the row on the difference of both ratios, plus that
        difference: its mean is the gain, and its clustered error that of the delta method.
        """
        return self.difference_of(slice(None))

    def difference_of(self, part: Any) -> Floats:
        """Return the difference of some rows; of a ratio KPI, of the ratios of just these rows."""

        def some(array: Floats) -> Floats:
            values: Floats = np.asarray(array, dtype=np.float64)[part]
            return values

        bases = None if self.bases is None else (some(self.bases[0]), some(self.bases[1]))
        return differences((some(self.champion), some(self.candidate)), bases)

    def fault(self) -> str:
        """Say which array has the wrong shape or type; empty where all can be read."""
        codes = {"unit": self.unit, "day": self.day, "key": self.key, "time": self.time}
        values = {
            "champion": self.champion,
            "candidate": self.candidate,
            "exposure": self.exposure,
            "at_best": self.at_best,
            **_named("base of the", self.bases),
            **_named("action of the", self.actions),
        }
        codes, values = (
            {k: v for k, v in some.items() if v is not None} for some in (codes, values)
        )
        for name, array in {**codes, **values, **self.slices}.items():
            if np.shape(array) != (self.size,):
                return f"{name} has shape {np.shape(array)}, must be ({self.size},)"
        for kinds, what, arrays in (("iu", "whole", codes), ("iuf", "real", values)):
            for name, array in arrays.items():
                if np.asarray(array).dtype.kind not in kinds:
                    return f"{name} holds {np.asarray(array).dtype}, must hold {what} numbers"
        for name, levels in self.slices.items():
            for kind in set(map(type, levels)):
                if not issubclass(kind, str | NoneType):
                    return f"{name} holds {kind.__name__}, must hold text"
        return ""


def differences(values: tuple[Floats, Floats], bases: tuple[Floats, Floats] | None) -> Floats:
    """Return candidate minus champion of every row, shape `(n,)`; mere rounding is a tie.

    Args:
        values: (champion, candidate).
        bases: Of a ratio, what each is counted per; its rows then give their influence.
    """
    if bases is not None:
        values = _influence(values[0], bases[0]), _influence(values[1], bases[1])
    champion, candidate = values
    difference = candidate - champion
    size = np.maximum(np.abs(champion), np.abs(candidate))
    return np.where(np.abs(difference) <= ROUNDING * np.maximum(size, 1.0), 0.0, difference)


def _named(what: str, pair: tuple[Floats, Floats] | None) -> dict[str, Any]:
    return {
        f"{what} {side}": array for side, array in zip(SIDES, pair or (None, None), strict=True)
    }


def _influence(value: Floats, base: Floats) -> Floats:
    """Return each row's influence on the ratio of the sums, plus the ratio itself."""
    with np.errstate(divide="ignore", invalid="ignore"):  # the gate refuses what is not finite
        ratio = value.sum() / base.sum()
        influence: Floats = (value - ratio * base) / base.mean() + ratio
    return influence
