"""An experiment day by day: looks at the benefit, and a bound on harm that holds every day."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import sqrt
from statistics import NormalDist
from typing import Literal

from kpi_gate.decision.stats.confidence_sequence import half_width
from kpi_gate.decision.stats.group_sequential import bounds_at, inflation
from kpi_gate.experiment import log_faults
from kpi_gate.experiment.exposures import Exposures
from kpi_gate.experiment.guardrails import check_margins, is_worse
from kpi_gate.experiment.novelty import Weeks
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
    first_fatal,
)
from kpi_gate.experiment.unit_sums import Measured, UnitSums, effect_of

DAY = timedelta(days=1)
TUNED_FOR = 0.25  # share of the planned information at which the daily bounds are tightest
LEAST_DAYS = 14  # before a benefit may end it
NO_BOUND = 99.0  # of a look that cannot cross


@dataclass
class Course:
    """The experiment day by day, until something ends it or nothing more is known."""

    log: Exposures
    plan: Plan
    started: datetime
    as_of: datetime
    looks: list[Look] = field(default_factory=list)
    days: list[Day] = field(default_factory=list)
    errors: list[float] = field(default_factory=list)
    known: float | None = None
    waits: str = ""

    def __post_init__(self) -> None:
        plan = self.plan
        self.alpha = 1 - plan.confidence
        self.past = plan.covariate_correlation != 0 and self.log.past is not None
        self.sums = UnitSums(self.log, plan.metric.denominator, past=self.past)
        self.weeks = Weeks(self.log, plan, past=self.past)
        self.cuts = [(at - self.started) // DAY for at in plan.look_times(self.started)]
        z = NormalDist().inv_cdf(1 - self.alpha / 2) + NormalDist().inv_cdf(plan.power)
        grown = inflation(len(self.cuts), round(self.alpha, 12), plan.power)
        self.planned_error = plan.minimum_effect / z / sqrt(grown)

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
        if not found.tells(log_faults.FEW_UNITS):
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
        if fatal := first_fatal(faults):
            return self._ended(ExperimentVerdict.INVALID, fatal.reason, faults, cut)
        if not found.tells(log_faults.FEW_UNITS):
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
                effect=effect_of(found, NormalDist().inv_cdf(1 - self.alpha / 2)),
                z=z,
                bound=bound,
                crossed=crossed,
            )
        )
        effect = effect_of(found, bound)
        margins = check_margins(self.log, self.plan, cut)
        if crossed == "harm":
            why = f"look {number} shows that the treatment is worse"
            return self._ended(ExperimentVerdict.KEEP, why, faults, cut, effect, margins)
        if harm:
            return self._harmed(cut)
        self.waits = "" if last or crossed != "benefit" else _why_wait(cut, faults)
        if crossed == "benefit" and not self.waits and all(one.passed for one in margins):
            why = f"look {number} shows that the treatment is better"
            return self._ended(ExperimentVerdict.SHIP, why, faults, cut, effect, margins)
        return self._last(cut, effect, margins, faults) if last else None

    def _last(
        self, cut: int, effect: Effect, margins: tuple[MarginResult, ...], faults: list[Fault]
    ) -> Analysis:
        """End without a benefit at the last look."""
        plan = self.plan
        verdict = ExperimentVerdict.INCONCLUSIVE
        why = "the last look shows neither a benefit nor that there is none worth having"
        failed = [one.column for one in margins if not one.passed]
        if self.looks[-1].crossed == "benefit":
            why = f"there is a benefit, but {', '.join(failed)} may be worse than its margin"
            if any(is_worse(one, plan) for one in margins):
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
        if fatal := first_fatal(faults):
            return self._ended(ExperimentVerdict.INVALID, fatal.reason, faults, cut)
        day = self.days[-1]
        effect = effect_of(found, 0.0).model_copy(update={"lower": day.lower, "upper": day.upper})
        why = f"stopped on day {cut}: the treatment does harm"
        margins = check_margins(self.log, self.plan, cut)
        ended = self._ended(ExperimentVerdict.KEEP, why, faults, cut, effect, margins)
        return ended.model_copy(update={"stopped_for_harm": True})

    def _running(self) -> Analysis:
        """Say what is known between looks: nothing of a benefit."""
        cut = min((self.as_of - self.started) // DAY, self.cuts[-1])
        faults = self._now(cut)
        due = self.plan.readable_times(self.started)
        ahead = [moment for moment in due if moment > self.as_of]
        if fatal := first_fatal(faults):
            return self._ended(ExperimentVerdict.INVALID, fatal.reason, faults, cut + 1)
        passed = len(due) - len(ahead)
        why = f"look {passed + 1} of {len(due)} can be read on {ahead[0]:%Y-%m-%d}"
        if self.waits:
            why = f"look {passed} shows a benefit, but {self.waits}, so it goes on; {why}"
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
            *log_faults.pace_faults(log, cut, plan.quiet_days, at_look=False),
            *log_faults.skew_faults(log, plan, passed, later[-1] + 1 - passed if later.size else 0),
            *self._notes(),
        ]
        return faults + self.weeks.fading(self._read_until())

    def _faults(self, cut: int, found: Measured) -> list[Fault]:
        """Return what is wrong with the rows of a cut, of which an effect is read."""
        log, plan = self.log, self.plan
        self.known, missing = log_faults.missing_faults(log, cut)
        return [
            *self.weeks.fading(cut),
            *log_faults.row_faults(log, cut),
            *log_faults.unit_faults(log, plan, cut),
            *log_faults.pace_faults(log, cut, plan.quiet_days, at_look=True),
            *missing,
            *log_faults.effect_faults(
                found.units,
                found.standard_error,
                self.sums.influence(),
                alike=log.differs is not None,
            ),
            *self._notes(),
        ]

    def _notes(self) -> list[Fault]:
        if self.plan.covariate_correlation and self.log.past is None:
            reason = "the plan counts on each unit's past, and the log has no column past"
            return [Fault(check="past", severity="warning", reason=reason)]
        return []

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
            weeks=tuple(self.weeks.until(read)),
            effect=effect,
            split=self._split(cut),
            margins=margins,
            faults=tuple(sorted(faults, key=lambda one: not one.fatal)),
            known_outcomes=self.known,
        )

    def _split(self, cut: int) -> Split:
        share = self.plan.treatment_share
        return log_faults.split_of(self.log.first, self.log.controls, cut, share)


def _why_wait(cut: int, faults: Sequence[Fault]) -> str:
    """Return why a benefit does not end it yet: what is new may wear off; empty where it does."""
    if cut < LEAST_DAYS:
        return "a single week cannot show whether it fades"
    return "it fades" if any(fault.check == "novelty" for fault in faults) else ""
