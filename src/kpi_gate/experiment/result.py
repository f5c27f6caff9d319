"""What an experiment came to: the effect at each look and over time, and what is wrong with it."""

from collections.abc import Iterable
from datetime import date
from enum import StrEnum
from typing import Any, Literal

from pydantic import AwareDatetime

from kpi_gate.decision.frozen import Frozen
from kpi_gate.experiment.plan import Plan
from kpi_gate.render import render


class ExperimentVerdict(StrEnum):
    """What follows from an experiment. The value is the word that people read."""

    SHIP = "ship"
    KEEP = "keep"
    INCONCLUSIVE = "inconclusive"
    INVALID = "invalid"
    RUNNING = "running"


class Effect(Frozen):
    """Treatment against control, per decision over all decisions.

    Attributes:
        estimate: Difference of the metric, in the plan's unit.
        standard_error: Its standard error.
        lower: Lower end of the two-sided interval at the plan's confidence.
        upper: Upper end.
        control: Metric of the control.
        treatment: Metric of the treatment.
        units: Units compared, of control and treatment.
        decisions: Decisions of the two.
        triggered: Share of the decisions on which the policies differ: only these were compared,
            and the effect is scaled back.
        variance_reduction: Share of the variance that the covariate took out (CUPED).
    """

    estimate: float
    standard_error: float
    lower: float
    upper: float
    control: float
    treatment: float
    units: tuple[int, int]
    decisions: tuple[int, int]
    triggered: float = 1.0
    variance_reduction: float = 0.0


class Look(Frozen):
    """One look at the benefit.

    Attributes:
        number: The first is 1.
        at: Exposures before it count.
        readable_at: When their outcomes were known.
        information: Share of the planned information that was there.
        effect: What was seen; its interval is that of this look alone.
        z: Effect in standard errors.
        bound: What |z| must exceed at this look.
        crossed: Whether it does, and which way.
    """

    number: int
    at: AwareDatetime
    readable_at: AwareDatetime
    information: float
    effect: Effect
    z: float
    bound: float
    crossed: Literal["", "benefit", "harm"] = ""


class Day(Frozen):
    """The effect of all exposures up to a day, with bounds that hold on all days at once.

    Attributes:
        day: The last day that counts, in UTC.
        estimate: Effect so far; None before both arms have units.
        lower: Lower end of the confidence sequence, two-sided.
        upper: Its upper end.
        harm: Whether it is sure that the treatment does harm.
    """

    day: date
    estimate: float | None = None
    lower: float | None = None
    upper: float | None = None
    harm: bool = False


class Week(Frozen):
    """The effect of one week's exposures alone: novelty fades, and learning grows.

    Attributes:
        number: The first is 1.
        effect: What the week alone shows; None where an arm has none.
    """

    number: int
    effect: Effect | None = None


class Split(Frozen):
    """How many units came into each arm, and whether chance explains it.

    Attributes:
        control: Units of the control.
        treatment: Units of the treatment.
        expected: Share of the treatment that was planned.
        p_value: Chi-square; below 0.001 the split is not as planned.
    """

    control: int
    treatment: int
    expected: float
    p_value: float


class MarginResult(Frozen):
    """What a guardrail of the experiment showed.

    Attributes:
        column: What is watched.
        estimate: Treatment less control, per decision.
        bound: One-sided bound on the side that is worse.
        margin: What it must not pass.
        passed: Whether it is not worse by more than the margin.
    """

    column: str
    estimate: float
    bound: float
    margin: float
    passed: bool


class Fault(Frozen):
    """What is wrong with a log, or must be known of it.

    Attributes:
        check: What was looked at.
        severity: `invalid` where nothing may be concluded, else `warning`.
        reason: What was found, in words.
        value: What was measured; None where there is no number.
        bound: What it was compared with.
    """

    check: str
    severity: Literal["invalid", "warning"] = "invalid"
    reason: str
    value: float | None = None
    bound: float | None = None

    @property
    def fatal(self) -> bool:
        """Whether nothing may be concluded."""
        return self.severity == "invalid"


def first_fatal(faults: Iterable[Fault]) -> Fault | None:
    """Return the first fault for which nothing may be concluded; None where there is none."""
    return next((fault for fault in faults if fault.fatal), None)


class Analysis(Frozen):
    """What an experiment came to at a moment.

    Attributes:
        plan: Its plan.
        started: When the first unit could be exposed, UTC.
        as_of: What was known then, UTC.
        verdict: What follows.
        because: Why, in a few words.
        looks: The looks that could be read.
        days: The effect over time.
        weeks: The effect of each week alone.
        effect: The one that counts: of the deciding look, or of the day that stopped the harm;
            None where none could be measured.
        split: Units of both arms.
        margins: What must not worsen.
        faults: What makes it invalid, and what must be known.
        next_look: When the next look can be read; None after the last.
        stopped_for_harm: Whether harm ended it.
        known_outcomes: Share of the rows up to the last look whose outcome is known.
    """

    plan: Plan
    started: AwareDatetime
    as_of: AwareDatetime
    verdict: ExperimentVerdict
    because: str = ""
    looks: tuple[Look, ...] = ()
    days: tuple[Day, ...] = ()
    weeks: tuple[Week, ...] = ()
    effect: Effect | None = None
    split: Split | None = None
    margins: tuple[MarginResult, ...] = ()
    faults: tuple[Fault, ...] = ()
    next_look: AwareDatetime | None = None
    stopped_for_harm: bool = False
    known_outcomes: float | None = None

    @property
    def ended(self) -> bool:
        """Whether it has an answer, or can have none any more."""
        return self.verdict is not ExperimentVerdict.RUNNING

    @property
    def money(self) -> tuple[float, float, float] | None:
        """Effect over the horizon with its interval: (estimate, lower, upper), in the unit."""
        if self.effect is None:
            return None
        over, found = self.plan.horizon_decisions, self.effect
        return found.estimate * over, found.lower * over, found.upper * over

    @property
    def sentence(self) -> str:
        """What came of it, in one sentence."""
        return render(self, "sentence")

    def to_html(self) -> str:
        """Render it as one self-contained HTML page."""
        return render(self, "html")

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values that JSON can say."""
        return self.model_dump(mode="json")

    def __str__(self) -> str:
        return render(self, "text")
