"""What an experiment came to: looks at the benefit, and a bound on harm that holds every day.

A look is made of the plan and of the rows before its cut alone, with the outcomes that were known
when it could be read: it is the same at any later moment. Between looks nothing is tested.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import isfinite, sqrt
from pathlib import Path
from statistics import NormalDist
from typing import TYPE_CHECKING, Literal

import numpy as np

from kpi_gate.decision.stats.confidence_sequence import half_width
from kpi_gate.decision.stats.group_sequential import bounds_at, inflation
from kpi_gate.experiment import log_faults
from kpi_gate.experiment.errors import ExperimentError
from kpi_gate.experiment.exposures import Exposures, read_exposures
from kpi_gate.experiment.plan import Plan
from kpi_gate.experiment.result import (
    Analysis,
    Day,
    Effect,
    ExperimentVerdict,
    Fault,
    Look,
    MarginResult,
    Split,
    Week,
)
from kpi_gate.experiment.unit_sums import Measured, UnitSums, watched

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

DAY = timedelta(days=1)
TUNED_FOR = 0.25  # share of the planned information at which the daily bounds are tightest
NO_BOUND = 99.0  # of a look that cannot cross


def analyse(
    log: "pa.Table | pd.DataFrame | Path", plan: Plan, *, started: datetime, as_of: datetime
) -> Analysis:
    """Say what an experiment came to, as far as it is known at a moment.

    Args:
        log: One row an exposure, in the columns of `log.SCHEMA`: a frame, or a path to one.
        plan: As it was settled before the start.
        started: When the first unit could be exposed.
        as_of: What is known now; rows and outcomes after it are not looked at.

    Raises:
        ExperimentError: If the moments cannot be, or the plan is none.
        LogError: If a path leads to no log that can be read.
    """
    _require_call(plan, started, as_of)
    started, as_of = started.astimezone(UTC), as_of.astimezone(UTC)
    from kpi_gate.experiment.log import LogError, frame_log, read_log

    path = Path(log) if isinstance(log, Path | str) else None
    try:
        table = frame_log(log, plan) if path is None else read_log(path, plan, coded=True)
        _require_columns(table.column_names, plan)
    except LogError as error:
        if path is not None:  # not written whole yet, perhaps: that ends no experiment
            raise
        return _invalid(plan, started, as_of, [Fault(check="log", reason=str(error))])
    if not table.num_rows:
        return _without_rows(plan, started, as_of)
    exposures = read_exposures(table, plan, started, as_of)
    return _Course(exposures, plan, started, as_of).run()


def _require_call(plan: object, started: datetime, as_of: datetime) -> None:
    if not isinstance(plan, Plan):
        raise ExperimentError(f"plan is {type(plan).__name__}, must be a Plan of plan_experiment")
    for name, moment in (("started", started), ("as_of", as_of)):
        if not isinstance(moment, datetime) or moment.tzinfo is None:
            raise ExperimentError(f"{name} is {moment!r}, must be a datetime with its time zone")
    if as_of < started:
        raise ExperimentError(
            f"as_of is {as_of.isoformat()}, must not be before the start {started.isoformat()}"
        )


def _require_columns(names: Sequence[str], plan: Plan) -> None:
    """Refuse a log without a column that the plan needs."""
    from kpi_gate.experiment.log import LogError

    needed = [plan.metric.numerator, *(one.column for one in plan.margins)]
    missing = [name for name in needed if name not in names]
    if missing:
        raise LogError(
            f"the log has no column {', '.join(missing)}, which the plan needs; it has "
            f"{', '.join(names)}"
        )


def _invalid(plan: Plan, started: datetime, as_of: datetime, faults: list[Fault]) -> Analysis:
    return Analysis(
        plan=plan,
        started=started,
        as_of=as_of,
        verdict=ExperimentVerdict.INVALID,
        because=faults[0].reason,
        faults=tuple(faults),
    )


def _without_rows(plan: Plan, started: datetime, as_of: datetime) -> Analysis:
    if as_of - started >= 2 * DAY:
        reason = f"the log has no row {(as_of - started).days} days after the start"
        return _invalid(plan, started, as_of, [Fault(check="log", reason=reason)])
    return Analysis(
        plan=plan,
        started=started,
        as_of=as_of,
        verdict=ExperimentVerdict.RUNNING,
        because="nothing was logged yet",
        next_look=plan.readable_times(started)[0],
    )


@dataclass
class _Course:
    """The experiment day by day, until something ends it or nothing more is known."""

    log: Exposures
    plan: Plan
    started: datetime
    as_of: datetime
    looks: list[Look] = field(default_factory=list)
    days: list[Day] = field(default_factory=list)
    weeks: list[Week] = field(default_factory=list)
    errors: list[float] = field(default_factory=list)
    known: float | None = None

    def __post_init__(self) -> None:
        plan = self.plan
        self.alpha = 1 - plan.confidence
        self.past = plan.covariate_correlation != 0 and self.log.past is not None
        self.sums = self._sums()
        self.parts = np.zeros((2, self.log.units))  # of the trend over weeks, unit by unit
        self.cuts = [(at - self.started) // DAY for at in plan.look_times(self.started)]
        z = NormalDist().inv_cdf(1 - self.alpha / 2) + NormalDist().inv_cdf(plan.power)
        grown = inflation(len(self.cuts), round(self.alpha, 12), plan.power)
        self.planned_error = plan.minimum_effect / z / sqrt(grown)

    def _sums(self) -> UnitSums:
        return UnitSums(self.log, self.plan.metric.denominator, past=self.past)

    def run(self) -> Analysis:
        """Go through the days that are known by now."""
        delay = timedelta(days=self.plan.label_delay_days)
        for cut in range(1, self.cuts[-1] + 1):
            if self.started + cut * DAY + delay > self.as_of:
                break
            self.sums.add(cut - 1, cut)
            found = self.sums.measured()
            harm = self._day(cut, found)
            if cut in self.cuts:
                ended = self._look(cut, found, harm=harm)
                if ended is not None:
                    return ended
            elif harm:
                return self._harmed(cut)
        return self._running()

    def _day(self, cut: int, found: Measured) -> bool:
        """Note the effect up to a day, and tell whether it is sure to be harm."""
        error = found.standard_error
        day = (self.started + cut * DAY - timedelta(microseconds=1)).date()
        if not (error > 0 and min(found.units) >= log_faults.FEW_UNITS):
            self.days.append(Day(day=day))
            return False
        known = (self.planned_error / error) ** 2
        spread = error * sqrt(known)
        both = half_width(known, spread, self.alpha, TUNED_FOR)
        below = half_width(known, spread, self.plan.harm_alpha, TUNED_FOR, one_sided=True)
        harm = found.estimate + below < 0
        self.days.append(
            Day(
                day=day,
                estimate=found.estimate,
                lower=found.estimate - both,
                upper=found.estimate + both,
                harm=harm,
            )
        )
        return harm

    def _look(self, cut: int, found: Measured, *, harm: bool) -> Analysis | None:
        """Look at the benefit; return what came of it where that ends the experiment."""
        number = self.cuts.index(cut) + 1
        last = number == len(self.cuts)
        faults = self._faults(cut, found)
        if _are_fatal(faults):
            return self._ended(ExperimentVerdict.INVALID, _first_reason(faults), faults, cut)
        if min(found.units) < log_faults.FEW_UNITS or not found.standard_error > 0:
            why = "too few units came for an answer"
            return self._ended(ExperimentVerdict.INCONCLUSIVE, why, faults, cut) if last else None
        self.errors.append(found.standard_error)
        level = [1 / error**2 for error in self.errors]
        skipped = number - len(self.errors)  # looks before there was anything to look at
        level = [level[0] * (1e-6 * (k + 1)) for k in range(skipped)] + level
        bound = min(bounds_at(level, len(self.cuts), round(self.alpha, 12))[-1], NO_BOUND)
        z = found.estimate / found.standard_error
        crossed: Literal["", "benefit", "harm"] = ""
        if abs(z) > bound:
            crossed = "benefit" if z > 0 else "harm"
        at = self.started + cut * DAY
        self.looks.append(
            Look(
                number=number,
                at=at,
                readable_at=at + timedelta(days=self.plan.label_delay_days),
                information=(self.planned_error / found.standard_error) ** 2,
                effect=_effect(found, NormalDist().inv_cdf(1 - self.alpha / 2)),
                z=z,
                bound=bound,
                crossed=crossed,
            )
        )
        effect = _effect(found, bound)
        margins = self._margins(cut)
        if crossed == "harm":
            why = f"look {number} shows that the treatment is worse"
            return self._ended(ExperimentVerdict.KEEP, why, faults, cut, effect, margins)
        if harm:
            return self._harmed(cut)
        if crossed == "benefit" and all(one.passed for one in margins):
            why = f"look {number} shows that the treatment is better"
            return self._ended(ExperimentVerdict.SHIP, why, faults, cut, effect, margins)
        return self._last(cut, effect, margins, faults) if last else None

    def _last(
        self, cut: int, effect: Effect, margins: tuple[MarginResult, ...], faults: list[Fault]
    ) -> Analysis:
        """End without a benefit at the last look."""
        plan = self.plan
        verdict, why = (
            ExperimentVerdict.INCONCLUSIVE,
            ("the last look shows neither a benefit nor that there is none worth having"),
        )
        failed = [one.column for one in margins if not one.passed]
        if self.looks[-1].crossed == "benefit":
            why = f"there is a benefit, but {', '.join(failed)} may be worse than its margin"
            if any(_is_worse(one, plan) for one in margins):
                verdict = ExperimentVerdict.KEEP
                why = f"there is a benefit, but {', '.join(failed)} is worse"
        elif effect.upper < plan.minimum_effect:
            verdict = ExperimentVerdict.KEEP
            why = "an effect as large as planned is ruled out"
        return self._ended(verdict, why, faults, cut, effect, margins)

    def _harmed(self, cut: int) -> Analysis:
        """End because it is sure that the treatment does harm."""
        found = self.sums.measured()
        faults = self._faults(cut, found)
        if _are_fatal(faults):
            return self._ended(ExperimentVerdict.INVALID, _first_reason(faults), faults, cut)
        day = self.days[-1]
        effect = _effect(found, 0.0).model_copy(update={"lower": day.lower, "upper": day.upper})
        why = f"stopped on day {cut}: the treatment does harm"
        margins = self._margins(cut)
        ended = self._ended(ExperimentVerdict.KEEP, why, faults, cut, effect, margins)
        return ended.model_copy(update={"stopped_for_harm": True})

    def _running(self) -> Analysis:
        """Say what is known between looks: nothing of a benefit."""
        cut = min((self.as_of - self.started) // DAY, self.cuts[-1])
        faults = self._now(cut)
        due = self.plan.readable_times(self.started)
        ahead = [moment for moment in due if moment > self.as_of]
        if _are_fatal(faults):
            return self._ended(ExperimentVerdict.INVALID, _first_reason(faults), faults, cut + 1)
        passed = len(due) - len(ahead)
        why = f"look {passed + 1} of {len(due)} can be read on {ahead[0]:%Y-%m-%d}"
        effect = self.looks[-1].effect if self.looks else None
        return self._ended(ExperimentVerdict.RUNNING, why, faults, cut + 1, effect).model_copy(
            update={"next_look": ahead[0]}
        )

    def _now(self, cut: int) -> list[Fault]:
        """Return what is wrong with the rows up to now, of which no effect is read."""
        log, plan = self.log, self.plan
        later = log.suspects["later"].days
        passed = (self.as_of - self.started) / DAY
        faults = [
            *log_faults.row_faults(log, cut + 1),
            *log_faults.unit_faults(log, plan, cut + 1),
            *log_faults.pace_faults(log, cut, self.plan.quiet_days, at_look=False),
            *log_faults.skew_faults(log, plan, passed, later[-1] + 1 - passed if later.size else 0),
            *self._notes(),
        ]
        return faults + self._fading(self._read_until())

    def _faults(self, cut: int, found: Measured) -> list[Fault]:
        """Return what is wrong with the rows of a cut, of which an effect is read."""
        log, plan = self.log, self.plan
        self.known, missing = log_faults.missing_faults(log, cut)
        return [
            *self._fading(cut),
            *log_faults.row_faults(log, cut),
            *log_faults.unit_faults(log, plan, cut),
            *log_faults.pace_faults(log, cut, self.plan.quiet_days, at_look=True),
            *missing,
            *log_faults.effect_faults(found.units, found.standard_error, self.sums.influence()),
            *self._notes(),
        ]

    def _notes(self) -> list[Fault]:
        if self.plan.covariate_correlation and self.log.past is None:
            reason = "the plan counts on each unit's past, and the log has no column past"
            return [Fault(check="past", severity="warning", reason=reason)]
        return []

    def _margins(self, cut: int) -> tuple[MarginResult, ...]:
        """Return what the guardrails show at a cut, each at the plan's confidence."""
        found = []
        z = NormalDist().inv_cdf(self.plan.confidence)
        for one in self.plan.margins:
            seen = watched(self.log, one.column, cut)
            if not isfinite(seen.standard_error):
                continue
            sign = 1 if one.direction == "fall" else -1
            bound = seen.estimate - sign * z * seen.standard_error
            found.append(
                MarginResult(
                    column=one.column,
                    estimate=seen.estimate,
                    bound=bound,
                    margin=one.margin,
                    passed=sign * bound > -one.margin,
                )
            )
        return tuple(found)

    def _weeks(self, cut: int) -> list[Week]:
        """Return the effect of each whole week before a cut."""
        for number in range(len(self.weeks), cut // 7):
            sums = self._sums()
            sums.add(7 * number, 7 * number + 7)
            seen, parts = sums.measured(), sums.influence()
            known = seen.standard_error > 0 and min(seen.units) >= 2
            effect = _effect(seen, NormalDist().inv_cdf(1 - self.alpha / 2)) if known else None
            self.weeks.append(Week(number=number + 1, effect=effect))
            self.parts[0] += parts
            self.parts[1] += number * parts
        return self.weeks[: cut // 7]

    def _fading(self, cut: int) -> list[Fault]:
        """Say whether the effect fades from week to week, up to a look."""
        weeks = self._weeks(cut)
        seen = np.asarray([week.effect.estimate for week in weeks if week.effect is not None])
        if seen.size < 2 or seen.size < len(weeks):
            return []
        middle, spread = (seen.size - 1) / 2, seen.size * (seen.size**2 - 1) / 12
        slope = float((np.arange(seen.size) - middle) @ seen) / spread
        # units return, so weeks hang together: the spread of the slope is that of each unit's part
        each = (self.parts[1] - middle * self.parts[0]) / spread
        error = sqrt(float(np.square(each).sum()))
        return list(log_faults.fades(slope, error, float(seen.mean()), seen.size))

    def _read_until(self) -> int:
        return (self.looks[-1].at - self.started) // DAY if self.looks else 0

    def _ended(
        self,
        verdict: ExperimentVerdict,
        because: str,
        faults: list[Fault],
        cut: int,
        effect: Effect | None = None,
        margins: tuple[MarginResult, ...] = (),
    ) -> Analysis:
        read = self._read_until()
        return Analysis(
            plan=self.plan,
            started=self.started,
            as_of=self.as_of,
            verdict=verdict,
            because=because,
            looks=tuple(self.looks),
            days=tuple(self.days),
            weeks=tuple(self._weeks(read)),
            effect=effect,
            split=self._split(cut),
            margins=margins,
            faults=tuple(sorted(faults, key=lambda one: one.severity != "invalid")),
            known_outcomes=self.known,
        )

    def _split(self, cut: int) -> Split:
        share = self.plan.treatment_share
        return log_faults.split_of(self.log.first, self.log.controls, cut, share)


def _effect(found: Measured, z: float) -> Effect:
    return Effect(
        estimate=found.estimate,
        standard_error=found.standard_error,
        lower=found.estimate - z * found.standard_error,
        upper=found.estimate + z * found.standard_error,
        control=found.control,
        treatment=found.treatment,
        units=found.units,
        decisions=found.decisions,
        triggered=found.triggered,
        variance_reduction=found.variance_reduction,
    )


def _is_worse(one: MarginResult, plan: Plan) -> bool:
    """Tell whether a guardrail is worse than its margin beyond doubt."""
    direction = next(margin.direction for margin in plan.margins if margin.column == one.column)
    sign = 1 if direction == "fall" else -1
    return sign * (2 * one.estimate - one.bound) < -one.margin


def _are_fatal(faults: Sequence[Fault]) -> bool:
    return any(fault.severity == "invalid" for fault in faults)


def _first_reason(faults: Sequence[Fault]) -> str:
    return next(fault.reason for fault in faults if fault.severity == "invalid")
