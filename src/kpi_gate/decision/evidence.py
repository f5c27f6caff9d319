"""What was measured: the paired rows, where they come from, and what both models had seen."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import NoneType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import AwareDatetime, BaseModel, ConfigDict

Floats = NDArray[np.float64]
BASELINE = "baseline"
ROUNDING = 1e-12  # of the largest value, at least of 1: how far sums of doubles may stray


class Window(BaseModel):
    """Half-open time range `[start, end)` in UTC."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    start: AwareDatetime
    end: AwareDatetime

    @property
    def days(self) -> float:
        """Length in days."""
        return (self.end - self.start).total_seconds() / 86_400

    def __str__(self) -> str:
        return f"[{self.start:%Y-%m-%d}, {self.end:%Y-%m-%d})"


class Contender(BaseModel):
    """One side of the comparison, and the last moment that it had seen of the world.

    Attributes:
        name: `baseline`, or the registered version, or `candidate` before it is registered.
        digest: Hash of the model and its policy; of the words that describe a baseline.
        trained_until: End of the rows it was trained on; None for a baseline.
        tuned_until: End of the rows its calibration and policy were fitted on.
        promoted_on: End of the evidence that promoted it; None before promotion.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    digest: str
    trained_until: AwareDatetime | None = None
    tuned_until: AwareDatetime | None = None
    promoted_on: AwareDatetime | None = None

    @property
    def is_baseline(self) -> bool:
        """Whether this stands in for a missing champion."""
        return self.name == BASELINE

    def seen_until(self) -> datetime | None:
        """Return the last moment whose rows are not fresh for this contender."""
        return max(
            filter(None, (self.trained_until, self.tuned_until, self.promoted_on)), default=None
        )


class Lineage(BaseModel):
    """Where the rows come from and what each side had seen of them.

    Attributes:
        use_case: Name of the use case.
        as_of: Moment of the decision; nothing later was known.
        snapshot: DVC fingerprint of the rows.
        snapshot_rows: Rows of the snapshot.
        scored_snapshot: Fingerprint of the rows that both sides scored.
        window: The gate window.
        shortest_window_days: Days that the gate window must span at least.
        row_fingerprint: Hash over the keys of the gate window's rows, in order.
        shared_rows: Rows of the gate window that either side had trained or tuned on.
        matured: Share of the window's rows whose outcome is known.
        champion: The side to beat.
        candidate: The side that asks for promotion.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    use_case: str
    as_of: AwareDatetime
    snapshot: str
    snapshot_rows: int
    scored_snapshot: str
    window: Window
    shortest_window_days: float
    row_fingerprint: str
    shared_rows: int
    matured: float
    champion: Contender
    candidate: Contender


@dataclass(frozen=True)
class PairedRows:
    """Both values of every row of the gate window; all arrays have shape `(n,)`.

    Attributes:
        unit: Integer code of the row's unit, the cluster.
        day: Integer code of the UTC day of the row's event.
        champion: Money per decision with the champion's action.
        candidate: Money per decision with the candidate's action.
        slices: Level of each slice column, as text; None is a missing level.
    """

    unit: NDArray[np.int64]
    day: NDArray[np.int64]
    champion: Floats
    candidate: Floats
    slices: Mapping[str, NDArray[np.object_]] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Number of rows."""
        return int(np.size(self.champion))

    @property
    def difference(self) -> Floats:
        """value(candidate) - value(champion), shape `(n,)`; mere rounding is a tie."""
        champion = np.asarray(self.champion, dtype=np.float64)
        candidate = np.asarray(self.candidate, dtype=np.float64)
        largest = max(np.abs(champion).max(initial=1.0), np.abs(candidate).max(initial=1.0))
        difference = candidate - champion
        return np.where(np.abs(difference) <= ROUNDING * largest, 0.0, difference)

    def fault(self) -> str:
        """Say which array has the wrong shape or type; empty where all can be read."""
        codes = {"unit": self.unit, "day": self.day}
        values = {"champion": self.champion, "candidate": self.candidate}
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


@dataclass(frozen=True)
class Evidence:
    """All that the gate looks at.

    Attributes:
        rows: Paired values.
        measures: Numbers of each side by name: `candidate`, `champion` and `anchor`.
        lineage: Where it comes from; None where `judge` sees a bare table.
        parts: Parts of the value, money per decision, by side.
        corners: Gain at the low and high end of each value parameter.
        uncapped_gain: Gain with the cap on amounts lifted; None where nothing is capped.
        notes: Further facts for the decision page (metrics, variants), JSON-able.
    """

    rows: PairedRows
    measures: Mapping[str, Mapping[str, float]]
    lineage: Lineage | None = None
    parts: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    corners: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    uncapped_gain: float | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)


def utc(moment: datetime) -> datetime:
    """Return the moment in UTC; a naive one is read as UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
