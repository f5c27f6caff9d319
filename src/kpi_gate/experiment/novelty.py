"""The effect of each week alone: novelty wears off, and what was learnt grows."""

from math import sqrt

import numpy as np
from scipy.special import ndtri

from kpi_gate.experiment.exposures import Exposures
from kpi_gate.experiment.plan import Plan
from kpi_gate.experiment.result import Fault, Week
from kpi_gate.experiment.unit_sums import UnitSums, effect_of
from kpi_gate.text import number, places

LEVEL = 0.01  # one-sided: a warning, asked at each look


class Weeks:
    """The weeks of an experiment, each measured once.

    Args:
        log: The exposures.
        plan: What is compared.
        past: Whether each unit's past is taken out.
    """

    def __init__(self, log: Exposures, plan: Plan, *, past: bool) -> None:
        self.log, self.plan, self.past = log, plan, past
        self.found: list[Week] = []
        self.parts = np.zeros((2, log.units))  # each unit's part of the trend

    def until(self, cut: int) -> list[Week]:
        """Return the effect of each whole week before a day."""
        for week in range(len(self.found), cut // 7):
            sums = UnitSums(self.log, self.plan.metric.denominator, past=self.past)
            sums.add(7 * week, 7 * week + 7)
            seen, part = sums.measured(), sums.influence()
            known = seen.tells(2)
            z = -float(ndtri((1 - self.plan.confidence) / 2))
            self.found.append(Week(number=week + 1, effect=effect_of(seen, z) if known else None))
            self.parts[0] += part
            self.parts[1] += week * part
        return self.found[: cut // 7]

    def fading(self, cut: int) -> list[Fault]:
        """Say whether the effect fades from week to week, before a day."""
        weeks = self.until(cut)
        seen = np.asarray([week.effect.estimate for week in weeks if week.effect is not None])
        if seen.size < 2 or seen.size < len(weeks):
            return []
        middle, spread = (seen.size - 1) / 2, seen.size * (seen.size**2 - 1) / 12
        slope = float((np.arange(seen.size) - middle) @ seen) / spread
        # units return, so weeks hang together: the spread of the slope is that of each unit's part
        each = (self.parts[1] - middle * self.parts[0]) / spread
        error, bound = sqrt(float(np.square(each).sum())), -float(ndtri(LEVEL))
        if not error > 0 or slope * seen.mean() >= 0 or abs(slope) <= bound * error:
            return []
        digits = places(error, 2)
        first, last = (number(float(seen[at]), digits, sign=True) for at in (0, -1))
        reason = (
            f"the effect fades, from {first} in week 1 to {last} in week {seen.size}: "
            "its mean says too much"
        )
        z = abs(slope) / error
        return [Fault(check="novelty", severity="warning", reason=reason, value=z, bound=bound)]
