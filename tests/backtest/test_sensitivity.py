"""What if: every combination is played, counted on the same decisions and by the same money."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from histories import START, scenario_of, toy_found

from kpi_gate.backtest import accounting, outcomes, policies
from kpi_gate.backtest.sensitivity import combinations, sweep
from kpi_gate.errors import ConfigurationError

SPAN = (START + timedelta(days=21), START + timedelta(days=50))


@pytest.fixture(autouse=True)
def _toy():
    with toy_found():
        yield


def test_combinations_are_a_grid_after_the_settings_as_they_are():
    assert combinations({}) == [{}, {}]
    assert combinations({"a": [1, 2], "b.c": ["x"]}) == [
        {},
        {"a": 1, "b.c": "x"},
        {"a": 2, "b.c": "x"},
    ]
    assert len(combinations({"a": range(48)})) == 49
    with pytest.raises(ConfigurationError, match="has 49 combinations, must be <= 48"):
        combinations({"a": range(7), "b": range(7)})


@pytest.mark.parametrize("key", ["value.cost_usd", "data.drift", "objective.unit", "value"])
def test_what_changes_the_money_cannot_be_compared(key):
    with pytest.raises(ConfigurationError, match=f"--sweep {key}: .* --set {key}=VALUE"):
        combinations({key: [1, 2]})


def test_a_wrong_value_is_found_before_anything_is_played(tmp_path):
    scenario = scenario_of(tmp_path, *SPAN)
    with pytest.raises(ConfigurationError, match=r"objective\.confidence"):
        sweep(scenario, SPAN, {"objective.confidence": [0.9, 7]}, scenario.source, 1)
    assert not scenario.folder.exists()


@pytest.mark.slow
def test_trials_are_counted_on_the_same_decisions_and_their_halves_add_up(tmp_path):
    """A slower cadence begins later: what the faster one earned before that does not count."""
    scenario = scenario_of(tmp_path, *SPAN)
    told = []
    axes = {"schedule.retrain": ["0 3 16,30 * *"], "objective.switch_cost": [100, 5000]}
    found = sweep(
        scenario, SPAN, axes, scenario.source, 1, lambda done, of: told.append((done, of))
    )
    as_it_is, cheap, dear = found.trials
    assert as_it_is.words == "as it is"
    assert dear.words == "schedule.retrain 0 3 16,30 * *, objective.switch_cost 5000"
    for trial in found.trials:
        assert sum(trial.halves) == pytest.approx(trial.net)
        assert trial.net == pytest.approx(trial.kpi - 100 * trial.promotions), "as it is for all"
    assert told[-1][0] == told[-1][1] == len(told)
    slow = scenario_of(
        tmp_path, *SPAN, schedule__retrain="0 3 16,30 * *", objective__switch_cost=100
    )
    since = slow.ticks[0]
    assert scenario.ticks[0] < since
    used = policies.in_use(slow, policies.GATE)
    tally = accounting.Reckoning(slow)
    assert cheap.kpi == pytest.approx(sum(tally.total(k, name) for k, name in enumerate(used)))
    early, gross = 0.0, 0.0
    for number, name in enumerate(policies.in_use(scenario, policies.GATE)):
        rows = pd.read_parquet(outcomes.period_path(scenario, number))
        values = outcomes.earned(scenario, number, name)
        gross += values.sum()
        early += values[(rows["event_time"] < since).to_numpy()].sum()
    assert early != 0
    assert as_it_is.kpi == pytest.approx(gross - early)
    half = since + (SPAN[1] - since) / 2
    late = sum(
        outcomes.earned_between(scenario, number, name, half, scenario.end)
        for number, name in enumerate(policies.in_use(scenario, policies.GATE))
    )
    made = list(accounting.Reckoning(scenario).promotions(policies.in_use(scenario, policies.GATE)))
    counted = [one for one in made if one.as_of >= since]
    assert counted
    assert as_it_is.promotions == len(counted)
    cost = 100 * sum(one.as_of >= half for one in counted)
    assert as_it_is.halves[1] == pytest.approx(late - cost)
    assert found.best.net == np.max([trial.net for trial in found.trials])
