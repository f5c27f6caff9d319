"""An experiment in a world whose truth is known: what either policy does, and what comes of it.

Whoever knows what both policies would earn at every opportunity can say what an experiment must
find. `expose` draws lots, lets the arm's policy act and writes the log that a service would write.
How much of an offline difference arrives online is the world's to say (`Reaction`): outcomes that
follow the treatment are those of its action with that probability, else those of the control's.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kpi_gate.experiment.assignment import arms
from kpi_gate.experiment.plan import TREATMENT, WEEK, Plan

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Reaction:
    """How the world answers.

    Attributes:
        transfer: Share of the offline difference that arrives online.
        novelty: Share of it that is added in the first week, and halves every week after.
        seed: Of all that is random.
    """

    transfer: float = 1.0
    novelty: float = 0.0
    seed: int = 7


class Opportunities(NamedTuple):
    """Where either policy could act, row by row; all of shape `(n,)`.

    Attributes:
        time: When, UTC.
        unit: Who.
        actions: What (control, treatment) does.
        amounts: What comes of it, in the plan's unit.
        expected: What was to be expected of it, where the world knows chances; else the amounts.
    """

    time: pd.Series
    unit: NDArray[np.generic]
    actions: tuple[Floats, Floats]
    amounts: tuple[Floats, Floats]
    expected: tuple[Floats, Floats] | None = None


class Exposed(NamedTuple):
    """A log, and the truth that its experiment must find.

    Attributes:
        log: One row an exposure, with the columns of an experiment's log.
        effect: True effect over all opportunities, by the plan's metric.
    """

    log: pd.DataFrame
    effect: float


def expose(
    found: Opportunities, plan: Plan, started: datetime, reaction: Reaction | None = None
) -> Exposed:
    """Draw lots and write the log of an experiment.

    Args:
        found: What either policy does in the weeks after the start; other rows are left out.
        plan: Its plan: salt, share, versions and metric.
        started: When the first unit may be exposed, UTC.
        reaction: How the world answers; by default all that is seen offline arrives.
    """
    world = reaction or Reaction()
    since = (found.time - started) / WEEK
    inside = ((since >= 0) & (since < plan.weeks)).to_numpy()
    either = inside & ((found.actions[0] != 0) | (found.actions[1] != 0))
    kept = either if plan.metric.denominator == "action" else inside
    time, unit = found.time[kept].reset_index(drop=True), found.unit[kept]
    control, treatment = (action[kept] for action in found.actions)
    before, after = (amount[kept] for amount in found.amounts)
    share = world.transfer * (1 + world.novelty * 0.5 ** since[kept].to_numpy())
    index, names = pd.factorize(unit)
    treated = (arms(names, plan) == TREATMENT)[index]
    arrived = np.random.default_rng(world.seed).random(time.size) < share
    if plan.metric.denominator == "action":
        # where both show the same, the same comes of it; else what the other would have shown
        differs, others = control != treatment, (control > treatment)
        usual = before[others].sum() / max(control[others].sum(), 1e-9)
        stays = np.random.default_rng([world.seed, 1]).random(time.size)
        drawn = (stays < usual) * treatment  # a play that the offline outcome does not foretell
        earned = np.where(differs & ~arrived, drawn, after)
        expected = np.where(differs, share * after + (1 - share) * usual * treatment, after)
        truth = expected.sum() / treatment.sum() - before.sum() / control.sum()
    else:
        earned = np.where(arrived, after, before)
        old, new = (amount[kept] for amount in found.expected or found.amounts)
        truth = float((share * (new - old)).mean())
    log = pd.DataFrame(
        {
            "time": time,
            "unit": unit,
            "arm": np.where(treated, "treatment", "control"),
            "policy_version": np.where(treated, plan.treatment, plan.control),
            "action": np.where(treated, treatment, control),
            "other_action": np.where(treated, control, treatment),
            plan.metric.numerator: np.where(treated, earned, before),
        }
    )
    log["outcome_time"] = log["time"] + pd.Timedelta(days=plan.label_delay_days)
    return Exposed(log, float(truth))
