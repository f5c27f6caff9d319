"""What two policies would do, and earn, where the truth of an example is known.

`fraud` and `ads` are simulated, so every action has an outcome. The baskets of `recommend` are
real, but nothing was shown to anybody: what showing it does is the world's to say (see
`examples.sources.simulated_experiment.Reaction`).
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kpi_gate.evaluation.scored_model import make_side, policy_of, score
from kpi_gate.examples.sources import simulated_ads
from kpi_gate.examples.sources.simulated_experiment import Opportunities
from kpi_gate.record.model_files import Model
from kpi_gate.run.context import Run

Floats = NDArray[np.float64]
Pair = tuple[Model, Model]
RATE = 0.01  # of outcomes, where the baseline has no score
WINDOW = tuple[datetime, datetime]


def payments(run: Run, policies: Pair, window: WINDOW) -> Opportunities:
    """Return the payments of a window with the truth of each, also of those that were blocked."""
    rows = _rows(run, window)
    raw = sorted(run.workspace.raw(run.name).glob("*.parquet"))
    known = pd.concat([pd.read_parquet(path) for path in raw], ignore_index=True)
    known = known[(known["time"] >= window[0]) & (known["time"] < window[1])]
    if len(known) != len(rows):
        raise ValueError(f"{len(known)} payments are known of {len(rows)}")
    return _acted(run, policies, rows.assign(outcome=known["is_fraud"].to_numpy(dtype=float)))


def baskets(run: Run, policies: Pair, window: WINDOW) -> Opportunities:
    """Return what could be shown to households in a window, and whether they bought it anyway."""
    rows = _rows(run, window)
    return _acted(run, policies, rows[rows["outcome"].notna()].reset_index(drop=True))


def _rows(run: Run, window: WINDOW) -> pd.DataFrame:
    rows = run.use_case.load(run.workspace.raw(run.name), window[1] + pd.Timedelta(days=40))
    inside = (rows["event_time"] >= window[0]) & (rows["event_time"] < window[1])
    return rows[inside].reset_index(drop=True)


def _acted(run: Run, policies: Pair, rows: pd.DataFrame) -> Opportunities:
    """Let both policies act on rows whose outcomes are known."""
    names = ("champion", "challenger")
    sides = [
        make_side(name, model, run.use_case, rows, RATE)
        for name, model in zip(names, policies, strict=True)
    ]
    return Opportunities(
        time=rows["event_time"],
        unit=rows["unit"].astype(str).to_numpy(),
        actions=(sides[0].action, sides[1].action),
        amounts=(sides[0].value, sides[1].value),
    )


def slots(run: Run, policies: Pair, window: WINDOW, *, impressions: int) -> Opportunities:
    """Return slots of a window, each filled with an ad by either policy, and the clicks.

    Both policies draw by the same chance, so that they show the same where they believe the same.

    Args:
        run: The use case.
        policies: (control, treatment).
        window: From when, until when.
        impressions: A day, of three slots each.
    """
    data = run.use_case.settings.data
    truth = simulated_ads.world(data["ads"], data["days"], data["half_life_days"], data["seed"])
    first = (pd.Timestamp(window[0]) - simulated_ads.START).days
    last = min((pd.Timestamp(window[1]) - simulated_ads.START).days, data["days"])
    shift = simulated_ads.World(truth.appeal[first:last], truth.propensity[first:last], truth.price)
    log = simulated_ads.simulate(shift, data["users"], impressions, data["seed"] + 1)
    time = log["time"] + pd.Timedelta(days=first)
    day = (log["time"] - simulated_ads.START).dt.days.to_numpy()
    cell = (log["group"] * len(simulated_ads.SLOTS) + log["slot"] - 1).to_numpy()
    chances = [_chances(run, model) for model in policies]
    drawn, clicked = np.random.default_rng([data["seed"], 3]).random((2, len(log)))
    ads = [_drawn(table, cell, drawn) for table in chances]
    cost = run.use_case.settings.base_values()["serving_cost"]
    appeal = shift.appeal[day, log["group"].to_numpy()]
    place = simulated_ads.SLOT_APPEAL[log["slot"].to_numpy() - 1]
    amounts, expected = [], []
    for ad in ads:
        chance = np.exp(np.minimum(appeal[np.arange(ad.size), ad] + place, -1e-9))
        amounts.append((clicked < chance) * truth.price[ad] - cost)
        expected.append(chance * truth.price[ad] - cost)
    return Opportunities(
        time=time,
        unit=log["user"].astype(str).to_numpy(),
        actions=(ads[0].astype(float), ads[1].astype(float)),
        amounts=(amounts[0], amounts[1]),
        expected=(expected[0], expected[1]),
    )


def _chances(run: Run, model: Model) -> Floats:
    """Return the chance of every ad for each group and slot, shape `(groups * slots, ads)`."""
    data, choices = run.use_case.settings.data, run.use_case.choices
    if choices is None:
        raise ValueError(f"{run.name} logs no choices")
    price = simulated_ads.prices(data["ads"], data["seed"])
    cells = pd.MultiIndex.from_product([range(len(simulated_ads.GROUPS)), simulated_ads.SLOTS])
    rows = cells.to_frame(index=False, name=["group", "slot"])
    if model.estimator is None:
        return np.full((len(rows), price.size), 1 / price.size)
    # of one ad; `score` asks for all
    names = pd.Categorical.from_codes(rows["group"], list(simulated_ads.GROUPS))
    rows = rows.assign(user_group=names, unit=0, event_time=simulated_ads.START, propensity=1.0)
    rows = choices.as_if(rows, choices.levels[0])
    policy = policy_of(model.card)
    scores = score(model.estimator, rows, model.card.features, run.use_case)
    return policy.chances(scores * price - policy.parameters["serving_cost"])


def _drawn(chances: Floats, cell: NDArray[np.int64], at: Floats) -> NDArray[np.int64]:
    """Return the ad that chance draws in each cell, by the inverse of the cumulated chances."""
    line = chances.cumsum(axis=1)
    line = line / line[:, -1:] + np.arange(len(line))[:, None]
    found = np.searchsorted(line.ravel(), cell + at, side="right") - cell * chances.shape[1]
    return np.asarray(np.minimum(found, chances.shape[1] - 1), dtype=np.int64)


WORLDS: Mapping[str, Callable[[Run, Pair, WINDOW], Opportunities]] = {
    "fraud": payments,
    "ads": partial(slots, impressions=15_000),
    "recommend": baskets,
}
