"""The answer of the gate: a verdict, and every reason with its number and its bound."""

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import Any, Literal

from pydantic import AwareDatetime

from kpi_gate.decision.evidence import Lineage
from kpi_gate.decision.frozen import Frozen
from kpi_gate.render import render


class Verdict(StrEnum):
    """What happens to the candidate. The value is the word that people read."""

    PROMOTE = "PROMOTE"
    HOLD = "HOLD"
    REJECT = "REJECT"
    INSUFFICIENT_EVIDENCE = "INSUFFICIENT_EVIDENCE"
    AB_REQUIRED = "AB_REQUIRED"
    INVALID = "INVALID"

    @property
    def exit_code(self) -> int:
        """Exit code of the commands that end in this verdict."""
        return _EXIT_CODES[self]


_EXIT_CODES = {
    Verdict.PROMOTE: 0,
    Verdict.HOLD: 10,
    Verdict.REJECT: 11,
    Verdict.INSUFFICIENT_EVIDENCE: 12,
    Verdict.AB_REQUIRED: 13,
    Verdict.INVALID: 14,
}


class Check(Frozen):
    """One reason.

    Attributes:
        name: What was looked at.
        rule: The rule of the gate it belongs to: V0 to V5.
        passed: Whether it lets the candidate through; None where it was not made, which is neither
            a pass nor a failure.
        value: What was measured; None when it could not be.
        bound: What it was compared with.
        reason: The comparison in words, with the unit.
        failing: The verdict that a failure asks for.
    """

    name: str
    rule: Literal["V0", "V1", "V2", "V3", "V4", "V5"]
    passed: bool | None
    value: float | None = None
    bound: float | None = None
    reason: str
    failing: Verdict

    @property
    def failed(self) -> bool:
        """Whether it was made and stands in the candidate's way."""
        return self.passed is False

    @property
    def state(self) -> Literal["ok", "failed", "not checked"]:
        """What came of it, in words."""
        return "not checked" if self.passed is None else "ok" if self.passed else "failed"


class GainSummary(Frozen):
    """The gain as it is reported; money per decision in `unit`.

    `standard_error` and the bounds are None where there is a single unit: nothing is known.

    Attributes:
        estimate: Mean paired difference.
        standard_error: The larger of the unit- and day-clustered standard errors.
        lower: One-sided lower bound at the objective's confidence.
        upper: One-sided upper bound.
        threshold: Gain that a release must exceed.
        p_above_threshold: Probability that the gain exceeds the threshold.
        shrunk: Estimate shrunk towards what past candidates taught; this one is booked.
        unit: Currency.
        rows: Decisions compared.
        units: Independent units among them.
        changed: Share of decisions whose value differs.
        uncapped: Estimate with the cap on amounts lifted; None where nothing is capped.
        booking_error: Standard error as it is best guessed, with which it was shrunk; None where
            nothing is known.
        days: Days with a decision; 0 where nobody says when they were due.
        top_day: Day that carries most of the variance over days; None where none carries over half.
        top_day_share: Share of it that the largest carries.
        without_top_day: Mean paired difference without it.
        prior: What past candidates let expect before any look: the middle half of it, (lower,
            upper); None where nothing could be learnt.
    """

    estimate: float
    standard_error: float | None
    lower: float | None
    upper: float | None
    threshold: float
    p_above_threshold: float
    shrunk: float
    unit: str
    rows: int
    units: int
    changed: float
    uncapped: float | None = None
    booking_error: float | None = None
    days: int = 0
    top_day: date | None = None
    top_day_share: float = 0.0
    without_top_day: float | None = None
    prior: tuple[float, float] | None = None


class SliceGain(Frozen):
    """Gain within one level of a slice column, money per decision."""

    column: str
    level: str
    rows: int
    events: int
    estimate: float
    lower: float | None
    upper: float | None = None
    tested: bool


class Refit(Frozen):
    """The recipe of a candidate to promote, fitted again on all mature rows: twin or refit is used.

    Attributes:
        measured: Digest of the twin, which the gate has judged.
        refitted: Digest of the refit; empty where it could not be made.
        promoted: Digest of the one that a promotion puts in use: the twin, where they differ.
        averaged: Whether it is the mean of the twin and of what was fitted again.
        trained_until: End of the rows that the refit has seen.
        trained_rows: Rows that it was trained on.
        checks: Whether it agrees with its twin; its `failing` says nothing here.
        measures: What guardrails watch of it, on the rows that the twin was measured on.
    """

    measured: str
    refitted: str = ""
    promoted: str
    averaged: bool = False
    trained_until: AwareDatetime | None = None
    trained_rows: int = 0
    checks: tuple[Check, ...]
    measures: Mapping[str, float] = {}

    @property
    def agrees(self) -> bool:
        """Whether the refit is promoted: no check of it failed."""
        return bool(self.refitted) and not any(check.failed for check in self.checks)

    @property
    def sentence(self) -> str:
        """Say which of the two is promoted, and where it is the twin, why."""
        if self.agrees:
            mean = "the mean of what was measured and of " if self.averaged else ""
            return (
                f"measured as {self.measured}, promoted as {self.refitted}: {mean}the same recipe "
                f"fitted again, on {self.trained_rows} rows until {self.trained_until:%Y-%m-%d}"
            )
        failed = "; ".join(f"{c.name}: {c.reason}" for c in self.checks if c.failed)
        return (
            f"measured and promoted as {self.measured}: the refit on all mature rows is another "
            f"model ({failed})"
        )


class Decision(Frozen):
    """The verdict on one candidate, with all that a reviewer asks for.

    Attributes:
        decision_id: Hash of what was judged and by which rules; the same inputs, the same id.
        verdict: The answer.
        gain: The gain; None where it could not be measured.
        rows_needed: Decisions needed to open the gate with 80 % power; None when it is open,
            or when no number of rows helps.
        cost_of_waiting: Money that one more window of as many decisions is expected to forgo: its
            shrunk gain; None where nothing waits, or nothing may be believed.
        looks: Earlier decisions on rows of the same window.
        checks: Every reason, in the order of the rules.
        slices: Gain of every level of every slice column.
        kpi: Name of the KPI.
        unit: Currency.
        horizon: The horizon in words.
        horizon_decisions: Decisions over the horizon.
        switch_cost: Cost of one promotion.
        confidence: One-sided confidence of the bounds.
        approval: Whether a reviewer must confirm a PROMOTE.
        estimator: How the value of the rows was estimated.
        lineage: Where the evidence comes from; None for a bare table.
        parts: Parts of the value by side, money per decision.
        measures: Measured numbers by side.
        diagnostics: What the estimator said of itself.
        corners: Gain at the ends of each value parameter.
        worst_corner: Gain with all of them at their worse end at once: shown, not required.
        notes: Further facts for the page.
        refit: What is promoted beside what was measured; None where nothing was fitted again.
    """

    decision_id: str
    verdict: Verdict
    gain: GainSummary | None
    rows_needed: int | None
    cost_of_waiting: float | None = None
    looks: int = 0
    checks: tuple[Check, ...]
    slices: tuple[SliceGain, ...] = ()
    kpi: str
    unit: str
    horizon: str
    horizon_decisions: int
    switch_cost: float
    confidence: float
    approval: str = "none"
    estimator: str = "paired"
    lineage: Lineage | None = None
    parts: Mapping[str, Mapping[str, float]] = {}
    measures: Mapping[str, Mapping[str, float]] = {}
    diagnostics: Mapping[str, float] = {}
    corners: Mapping[str, tuple[float, float]] = {}
    worst_corner: float | None = None
    notes: Mapping[str, Any] = {}
    refit: Refit | None = None

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that stand between the candidate and its promotion."""
        return tuple(check for check in self.checks if check.failed)

    @property
    def money(self) -> float | None:
        """Shrunk gain over the horizon, net of the cost of the switch."""
        if self.gain is None:
            return None
        return self.gain.shrunk * self.horizon_decisions - self.switch_cost

    @property
    def main_reasons(self) -> tuple[Check, ...]:
        """The failed checks that made the verdict what it is."""
        return tuple(check for check in self.failed if check.failing is self.verdict)

    @property
    def sentence(self) -> str:
        """The decision in one sentence."""
        return render(self, "sentence")

    @property
    def reason(self) -> str:
        """Why: what the candidate earns, or what stands in its way."""
        return render(self, "reason")

    @property
    def ask(self) -> str:
        """What would change the verdict: one thing; empty where nothing needs to."""
        return render(self, "ask")

    def to_text(self) -> str:
        """Render the whole decision as text, every check a line; `print` shows the short form."""
        return render(self, "text")

    def to_markdown(self) -> str:
        """Render the decision as Markdown that fits MLflow's description of a model version."""
        return render(self, "markdown")

    def to_html(self, places: Mapping[str, str] | None = None) -> str:
        """Render the decision as one self-contained HTML page.

        Args:
            places: Where to look further, by name: an address, or words.
        """
        return render(self, "html", places)

    def to_dict(self) -> dict[str, Any]:
        """Return the decision as plain values that JSON can say."""
        return self.model_dump(mode="json")

    def __repr__(self) -> str:
        return render(self, "repr")

    def __str__(self) -> str:
        return render(self, "brief")

    def _repr_html_(self) -> str:
        return render(self, "head")
