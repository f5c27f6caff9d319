"""What was measured: the rows, where they come from, and what both models had seen."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import AwareDatetime, Field

from kpi_gate.decision.frozen import Frozen
from kpi_gate.decision.paired_rows import PairedRows
from kpi_gate.decision.stats.day_history import DayHistory

Floats = NDArray[np.float64]
BASELINE = "baseline"
SCORE = "score"  # in place of a column: the candidate's own scores
KNOWS = 0.98  # AUC of one column that is the outcome
FORESEES = 0.99  # AUC of a whole model that has seen the outcome


class Window(Frozen):
    """Half-open time range `[start, end)` in UTC."""

    start: AwareDatetime
    end: AwareDatetime

    @property
    def days(self) -> float:
        """Length in days."""
        return (self.end - self.start).total_seconds() / 86_400

    def __str__(self) -> str:
        return f"[{self.start:%Y-%m-%d}, {self.end:%Y-%m-%d})"


class Contender(Frozen):
    """One side of the comparison, and the last moment that it had seen of the world.

    Attributes:
        name: `baseline`, or the registered version, or `candidate` before it is registered.
        digest: Hash of the model and its policy; of the words that describe a baseline.
        trained_until: End of the rows it was trained on; None for a baseline.
        tuned_until: End of the rows its calibration and policy were fitted on.
        promoted_on: End of the evidence that promoted it; None before promotion.
    """

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


class Lineage(Frozen):
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


class Foreknowledge(Frozen):
    """How far one column alone tells the outcomes apart.

    Attributes:
        column: The column; `score` for the candidate's scores.
        rows: Which rows: `tune`, `gate`, or `all` where those have too few outcomes of a kind.
        auc: Area under the ROC curve, 0.5 to 1, whichever way the column ranks.
        accepted: Why a person accepts that it is so high; empty where nobody does.
    """

    column: str
    rows: str
    auc: float
    accepted: str = ""

    @property
    def bound(self) -> float:
        """AUC at which it is the outcome itself."""
        return FORESEES if self.column == SCORE else KNOWS


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
        worst_corner: Gain with every one of them at its worse end at once; None of fewer than two.
        uncapped_gain: Gain with the cap on amounts lifted; None where nothing is capped.
        diagnostics: What the estimator says of itself, such as the effective share of the weights.
        faults: What whoever measured found wrong; each makes the verdict INVALID.
        notes: Further facts for the decision page (metrics, variants), JSON-able.
        foreknowledge: What columns and candidate know of the outcomes; empty where too few were
            known to say, None where `judge` sees a bare table.
        history: Differences by day before the gate window; None where nobody has looked.
    """

    rows: PairedRows
    measures: Mapping[str, Mapping[str, float]]
    lineage: Lineage | None = None
    parts: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    corners: Mapping[str, tuple[Floats, Floats]] = field(default_factory=dict)
    ranges: tuple[str, ...] = ()
    worst_corner: float | None = None
    uncapped_gain: float | None = None
    diagnostics: Mapping[str, float] = field(default_factory=dict)
    faults: tuple[str, ...] = ()
    notes: Mapping[str, Any] = field(default_factory=dict)
    foreknowledge: tuple[Foreknowledge, ...] | None = None
    history: DayHistory | None = None


def utc(moment: datetime) -> datetime:
    """Return the moment in UTC; a naive one is read as UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
