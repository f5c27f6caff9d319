"""What is known of units before an experiment takes noise out, and what comes later no look."""

import numpy as np
import pandas as pd

from benchmarks.experiment_logs import STARTED, draw, on_day, plan
from kpi_gate.experiment.analysis import analyse

PLAN = plan(covariate_correlation=0.7)


def with_past(log, seed=4, known=0.8):
    """Say of most units what they did before; it explains much of what they do."""
    chance = np.random.default_rng(seed)
    names = np.unique(log["unit"])
    own = dict(zip(names, log.groupby("unit")["amount"].mean().loc[names], strict=True))
    said = {
        name: own[name] + 0.5 * chance.normal() if chance.random() < known else np.nan
        for name in names
    }
    return log.assign(past=log["unit"].map(said))


def read(log, at):
    return analyse(log, PLAN, started=STARTED, as_of=on_day(at))


def test_the_past_takes_noise_out():
    log = draw(PLAN, 0.13, seed=3, rows=2, personal=1.0)
    plain, freed = read(log, 28), read(with_past(log), 28)
    errors = [found.looks[0].effect.standard_error for found in (plain, freed)]
    assert errors[1] < 0.85 * errors[0]
    assert freed.looks[0].effect.variance_reduction > 0.3


def test_units_that_come_later_change_no_look_by_their_past():
    log = with_past(draw(PLAN, 0.05, seed=3))
    early = read(log[log["time"] < pd.Timestamp(on_day(7))], 7)
    late = log["time"] >= pd.Timestamp(on_day(7))
    for strange in (1e6, np.nan):
        changed = log.assign(past=log["past"].mask(late, strange))
        found = read(changed, 28)
        assert found.looks[0] == early.looks[0]
        assert found.days[:7] == early.days[:7]


def test_a_past_that_nobody_has_is_none():
    log = draw(PLAN, 0.05, seed=3)
    assert read(log.assign(past=np.nan), 7).looks == read(log, 7).looks
