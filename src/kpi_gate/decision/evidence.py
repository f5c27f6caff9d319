"""What was measured: the paired rows, where they come from, and what both models had seen."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from types import NoneType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from kpi_gate.decision.foreknowledge import Foreknowledge

Floats = NDArray[np.float64]
BASELINE = "baseline"
SIDES = ("champion", "candidate")
ROUNDING = 1e-12  # of a row's larger value, at least of 1: how far sums of doubles may stray


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
        scored_snapshot: Fingerprint of the rows that both sides scored; None where nobody says.
        window: The gate window.
        shortest_window_days: Days that the gate window must span at least.
        label_delay_days: Days until an outcome is known: the window must end that near `as_of`.
        row_fingerprint: Hash over the keys of the gate window's rows, in order; None where nobody
            took it before.
        shared_rows: Rows of the gate window that either side had trained or tuned on; None where
            nobody has looked.
        matured: Share of the window's rows whose outcome is known; None where nobody says.
        missing_labels: Missing outcomes by day, of the days that lack more of them than chance
            explains.
        set_aside: Share of the snapshot's rows that broke a rule and were left out.
        tolerated: Largest such share that the settings allow.
        champion: The side to beat.
        candidate: The side that asks for promotion.
        trained_levels: Share of the candidate's training rows by slice column and level.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    use_case: str
    as_of: AwareDatetime
    snapshot: str
    snapshot_rows: int
    scored_snapshot: str | None
    window: Window
    shortest_window_days: float
    label_delay_days: float | None = None
    row_fingerprint: str | None
    shared_rows: int | None
    matured: float | None
    missing_labels: Mapping[str, int] = Field(default_factory=dict)
    set_aside: float = 0.0
    tolerated: float = 0.0
    champion: Contender
    candidate: Contender
    trained_levels: Mapping[str, Mapping[str, float]] = Field(default_factory=dict)


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
        values = [
            np.asarray(side, dtype=np.float64)[part] for side in (self.champion, self.candidate)
        ]
        bases = self.bases and tuple(
            np.asarray(base, dtype=np.float64)[part] for base in self.bases
        )
        return differences((values[0], values[1]), bases and (bases[0], bases[1]))

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
    return (
        {} if pair is None else {f"{what} {side}": v for side, v in zip(SIDES, pair, strict=True)}
    )


def _influence(value: Floats, base: Floats) -> Floats:
    """Return each row's influence on the ratio of the sums, plus the ratio itself."""
    with np.errstate(divide="ignore", invalid="ignore"):  # the gate refuses what is not finite
        ratio = value.sum() / base.sum()
        influence: Floats = (value - ratio * base) / base.mean() + ratio
    return influence


@dataclass(frozen=True)
class Evidence:
    """All that the gate looks at.

    Attributes:
        rows: Paired values.
        measures: Numbers of each side by name: `candidate`, `champion` and `anchor`.
        lineage: Where it comes from; None where `judge` sees a bare table.
        parts: Parts of the value, money per decision, by side.
        corners: Difference of every row at the low and the high end of each value parameter
            that is a range, each of shape `(n,)`.
        ranges: Value parameters that are ranges: each must have its corners.
        uncapped_gain: Gain with the cap on amounts lifted; None where nothing is capped.
        diagnostics: What the estimator says of itself, such as the effective share of the weights.
        faults: What whoever measured found wrong; each makes the verdict INVALID.
        notes: Further facts for the decision page (metrics, variants), JSON-able.
        foreknowledge: What columns and candidate know of the outcomes; empty where too few were
            known to say, None where `judge` sees a bare table.
    """

    rows: PairedRows
    measures: Mapping[str, Mapping[str, float]]
    lineage: Lineage | None = None
    parts: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    corners: Mapping[str, tuple[Floats, Floats]] = field(default_factory=dict)
    ranges: tuple[str, ...] = ()
    uncapped_gain: float | None = None
    diagnostics: Mapping[str, float] = field(default_factory=dict)
    faults: tuple[str, ...] = ()
    notes: Mapping[str, Any] = field(default_factory=dict)
    foreknowledge: tuple[Foreknowledge, ...] | None = None


def fingerprint(keys: NDArray[Any]) -> str:
    """Hash the keys of rows, in their order."""
    return hashlib.sha256(np.ascontiguousarray(keys).tobytes()).hexdigest()[:16]


def utc(moment: datetime) -> datetime:
    """Return the moment in UTC; a naive one is read as UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
