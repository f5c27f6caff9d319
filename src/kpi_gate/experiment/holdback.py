"""A holdback: a small share of the units stays on a frozen policy for months.

It shows what all promotions since have been worth together, where the sum of what was booked at
each of them does not: gains fade, overlap, and were partly luck. It is looked at often, so its
bounds hold on all days at once (Waudby-Smith et al. 2021).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from math import sqrt
from statistics import NormalDist
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from kpi_gate.decision.frozen import Frozen
from kpi_gate.decision.stats.confidence_sequence import half_width
from kpi_gate.experiment import log_faults
from kpi_gate.experiment.errors import ExperimentError
from kpi_gate.experiment.exposures import Exposures, read_exposures
from kpi_gate.experiment.plan import Metric, Plan
from kpi_gate.experiment.result import Day, Effect, Fault, first_fatal
from kpi_gate.experiment.unit_sums import UnitSums, effect_of
from kpi_gate.render import render

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

DAY, MONTH = timedelta(days=1), 30  # days
TUNED_FOR = 90.0  # days at which the bounds are tightest
CONFIDENCE = 0.95
# of the size of a holdback nothing was planned: what its log's readers ask for
UNPLANNED: Mapping[str, Any] = MappingProxyType(
    {"minimum_effect": 1.0, "weeks": 1, "units_per_week": 1.0, "units_per_arm": 1}
    | {"standard_deviation": 1.0}
)
LARGEST_SHARE = 0.2  # of the units that may be held back: more is an experiment


class Win(NamedTuple):
    """A promotion while the holdback was kept.

    Attributes:
        at: When it came into use, UTC.
        version: What was promoted.
        booked: Gain per decision that was booked.
    """

    at: datetime
    version: str
    booked: float


class Month(Frozen):
    """What thirty days alone show.

    Attributes:
        start: Their first day, in UTC.
        effect: Effect of their exposures; None where an arm has too few units.
    """

    start: date
    effect: Effect | None = None


class Holdback(Frozen):
    """What all promotions since the freeze have been worth together, per decision.

    Attributes:
        use_case: Whose policy.
        unit: Currency.
        frozen: The policy that is held back.
        share: Share of the units that stay on it.
        started: Since when, UTC.
        as_of: Nothing later is known, UTC.
        horizon: The horizon in words.
        horizon_decisions: Decisions over it.
        effect: All exposures so far, the policies in use less the frozen one; its interval holds
            on all days at once. None before both have units.
        days: The same by day.
        months: What each thirty days alone show.
        booked: What was booked for the same decisions, per decision.
        wins: Promotions since.
        faults: What is wrong with the log, or must be known of it.
    """

    use_case: str
    unit: str
    frozen: str
    share: float
    started: datetime
    as_of: datetime
    horizon: str
    horizon_decisions: int
    effect: Effect | None
    days: tuple[Day, ...]
    months: tuple[Month, ...]
    booked: float
    wins: tuple[Win, ...]
    faults: tuple[Fault, ...] = ()

    @property
    def invalid(self) -> bool:
        """Whether nothing may be concluded."""
        return first_fatal(self.faults) is not None

    @property
    def arrived(self) -> float | None:
        """Share of what was booked that arrived; None where nothing was booked, or is known."""
        if self.effect is None or self.booked <= 0 or self.invalid:
            return None
        return self.effect.estimate / self.booked

    @property
    def sentence(self) -> str:
        """What it shows, in one sentence."""
        return render(self, "sentence")

    def to_html(self) -> str:
        """Render it as one self-contained HTML page."""
        return render(self, "html")


def hold_back(  # noqa: PLR0913  (all by name)
    log: "pa.Table | pd.DataFrame",
    *,
    use_case: str,
    unit: str,
    frozen: str,
    share: float,
    salt: str,
    started: datetime,
    as_of: datetime,
    horizon_decisions: int,
    horizon: str = "a year",
    metric: Metric | None = None,
    label_delay_days: float = 0.0,
    wins: Iterable[Win] = (),
) -> Holdback:
    """Compare the units that were held back with all others.

    Args:
        log: As an experiment's; those held back are its `control`.
        use_case: Whose policy.
        unit: Currency of the amounts.
        frozen: Version that is held back.
        share: Share of the units that stay on it, at most a fifth.
        salt: What units were hashed with.
        started: Since when, with its time zone.
        as_of: What is known now.
        horizon_decisions: Decisions over which the effect is told in money.
        horizon: The same in words.
        metric: What is compared; by default money per decision.
        label_delay_days: Days until an outcome is known.
        wins: Promotions since the freeze.

    Raises:
        ExperimentError: If an argument is out of bounds.
        LogError: If the log breaks its contract.
    """
    if not 0 < share <= LARGEST_SHARE:
        raise ExperimentError(f"share == {share:g}, must be > 0 and <= {LARGEST_SHARE:g}")
    for name, moment in (("started", started), ("as_of", as_of)):
        if moment.tzinfo is None:
            raise ExperimentError(f"{name} == {moment}, must have a time zone")
    if as_of <= started:
        raise ExperimentError(f"as_of == {as_of}, must be after the start {started}")
    started, as_of = started.astimezone(UTC), as_of.astimezone(UTC)
    plan = Plan(
        use_case=use_case,
        kind="holdback",
        kpi="value",
        unit=unit,
        horizon=horizon,
        horizon_decisions=horizon_decisions,
        control=frozen,
        treatment="in use",
        salt=salt,
        treatment_share=1 - share,
        metric=metric or Metric(),
        label_delay_days=label_delay_days,
        **UNPLANNED,
    )
    from kpi_gate.experiment.log import frame_log

    exposures = read_exposures(frame_log(log, plan), plan, started, as_of)
    last = max((as_of - started - timedelta(days=label_delay_days)) // DAY, 0)
    sums = UnitSums(exposures, plan.metric.denominator, past=False)
    days = tuple(_days(sums, started, last))
    known, effect = [win for win in wins if started <= win.at < as_of], None
    if days and days[-1].estimate is not None:
        ends = {"lower": days[-1].lower, "upper": days[-1].upper}
        effect = effect_of(sums.measured(), 0.0).model_copy(update=ends)
    return Holdback(
        use_case=use_case,
        unit=unit,
        frozen=frozen,
        share=share,
        started=started,
        as_of=as_of,
        horizon=horizon,
        horizon_decisions=horizon_decisions,
        effect=effect,
        days=days,
        months=tuple(_months(exposures, plan, started, last)),
        booked=_booked(exposures, known, started, last),
        wins=tuple(known),
        faults=tuple(_faults(exposures, plan, last)),
    )


def _days(sums: UnitSums, started: datetime, last: int) -> Iterator[Day]:
    """Yield the effect up to each day, with bounds that hold on all days."""
    for cut in range(1, last + 1):
        sums.add(cut - 1, cut)
        found = sums.measured()
        day = (started + cut * DAY - timedelta(microseconds=1)).date()
        if not found.tells(log_faults.FEW_UNITS):
            yield Day(day=day)
            continue
        spread = found.standard_error * sqrt(cut)
        half = half_width(float(cut), spread, 1 - CONFIDENCE, TUNED_FOR)
        yield Day(
            day=day,
            estimate=found.estimate,
            lower=found.estimate - half,
            upper=found.estimate + half,
            harm=found.estimate + half < 0,
        )


def _months(log: Exposures, plan: Plan, started: datetime, last: int) -> Iterator[Month]:
    for first in range(0, last, MONTH):
        sums = UnitSums(log, plan.metric.denominator, past=False)
        sums.add(first, min(first + MONTH, last))
        found = sums.measured()
        z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
        effect = effect_of(found, z) if found.tells(log_faults.FEW_UNITS) else None
        yield Month(start=(started + first * DAY).date(), effect=effect)


def _booked(log: Exposures, wins: Sequence[Win], started: datetime, last: int) -> float:
    """Return what was booked per decision, over the decisions that were not held back."""
    decisions = log.rows_by_day[:last, 1].astype(float)
    if not decisions.sum():
        return 0.0
    total = 0.0
    for win in wins:
        since = max((win.at - started) / DAY, 0.0)
        whole = int(since)
        part = decisions[whole + 1 :].sum()
        if whole < decisions.size:
            part += decisions[whole] * (1 - (since - whole))
        total += win.booked * float(part)
    return float(total / decisions.sum())


def _faults(log: Exposures, plan: Plan, last: int) -> Iterator[Fault]:
    yield from log_faults.row_faults(log, last)
    yield from log_faults.unit_faults(log, plan, last)
    yield from log_faults.pace_faults(log, last, plan.quiet_days, at_look=False)
    yield from log_faults.missing_faults(log, last)[1]
