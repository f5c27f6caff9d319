"""A rollout without lots: what those treated early gained over those not treated yet."""

import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpi_gate.errors import ConfigurationError
from kpi_gate.experiment.rollout import PLAIN, difference_in_differences


def panel(*, units=60, periods=14, starts=(None, 6, 9), effect=1.0, grows=0.0, trend=0.0, seed=1):
    """A panel in which the treated have another level, and all a season."""
    chance = np.random.default_rng(seed)
    rows = []
    for number in range(units):
        start, level = starts[number % len(starts)], chance.normal()
        for time in range(periods):
            treated = start is not None and time >= start
            gain = effect + grows * (time - start) if treated else 0.0
            drift = trend * time if start is not None else 0.0
            value = level + np.sin(time) + 0.1 * time + gain + drift + 0.3 * chance.normal()
            rows.append((f"shop {number}", time, value, start))
    return pd.DataFrame(rows, columns=["unit", "period", "value", "treated_from"])


def found(**changes):
    return difference_in_differences(panel(**changes), unit="EUR", horizon_decisions=1_000)


def test_banks_of_two_districts_as_in_mastering_metrics():
    """Angrist and Pischke (2014), chapter 5: 121 - 135 - (132 - 165) = 19 banks saved."""
    banks = pd.DataFrame(
        {
            "unit": ["sixth", "sixth", "eighth", "eighth"],
            "period": [1930, 1931, 1930, 1931],
            "value": [135.0, 121.0, 165.0, 132.0],
            "treated_from": [1931, 1931, None, None],
        }
    )
    told = difference_in_differences(banks, unit="banks")
    assert told.estimate == pytest.approx(19)
    assert told.before_after[0] == pytest.approx(-14)
    assert told.standard_error is None
    assert any("not to be trusted" in words for words in told.warnings)


def test_wages_of_new_jersey_as_in_card_and_krueger():
    """Card and Krueger (1994), table 3: 0.59 in New Jersey, -2.16 in Pennsylvania, 2.76 apart."""
    means = pd.DataFrame(
        {
            "unit": ["NJ", "NJ", "PA", "PA"],
            "period": [1, 2, 1, 2],
            "value": [20.44, 21.03, 23.33, 21.17],
            "treated_from": [2, 2, None, None],
        }
    )
    assert difference_in_differences(means, unit="FTE").estimate == pytest.approx(2.76, abs=0.011)


def test_it_is_the_regression_with_a_dummy_for_each_unit_and_period():
    from statsmodels.formula.api import ols

    rows = panel(starts=(None, 7), units=24)
    rows["treated"] = (rows["period"] >= rows["treated_from"]).astype(float)
    model = ols("value ~ treated + C(unit) + C(period)", rows)
    groups = pd.factorize(rows["unit"])[0]
    fit = model.fit(cov_type="cluster", cov_kwds={"groups": groups}, use_t=True)
    told = difference_in_differences(rows, unit="EUR")
    assert told.estimate == pytest.approx(fit.params["treated"])
    assert told.standard_error == pytest.approx(fit.bse["treated"])
    assert [told.lower, told.upper] == pytest.approx(list(fit.conf_int().loc["treated"]))


def test_the_effect_is_found_where_before_and_after_alone_mistakes_the_season_for_it():
    told = found()
    assert told.lower < 1.0 < told.upper
    assert told.before_after[1] > 1.2
    assert told.pre_trend > 0.05
    assert told.warnings == ()
    assert PLAIN in told.to_html()


def test_an_effect_that_grows_is_not_turned_by_those_treated_before():
    told = found(grows=0.3, effect=0.0)
    after = {period.after: period for period in told.periods}
    for number in range(4):
        assert after[number].lower < 0.3 * number < after[number].upper
    assert told.estimate > 0.3


def test_trends_that_differed_before_are_said():
    told = found(trend=0.3)
    assert told.pre_trend < 0.05
    assert "trends differed before" in told.sentence


@settings(max_examples=20)
@given(st.randoms(use_true_random=False), st.floats(-50, 50), st.floats(0.01, 100))
def test_order_level_and_currency_do_not_matter(chance, level, factor):
    rows = panel(units=24, periods=10, starts=(None, 4))
    order = list(range(len(rows)))
    chance.shuffle(order)
    other = rows.iloc[order].assign(value=lambda some: some["value"] * factor + level)
    told, again = (difference_in_differences(one, unit="EUR") for one in (rows, other))
    assert again.estimate == pytest.approx(told.estimate * factor, rel=1e-6, abs=1e-9)
    assert again.standard_error == pytest.approx(told.standard_error * factor, rel=1e-6)


WRONG = {
    "lacks value": lambda rows: rows.drop(columns="value"),
    "several rows": lambda rows: pd.concat([rows, rows.head(1)]),
    "value must be a finite number": lambda rows: rows.assign(value=np.inf),
    "period is null": lambda rows: rows.assign(period=rows["period"].where(rows.index > 3)),
    "treated_from differs within": lambda rows: rows.assign(
        treated_from=rows["treated_from"].where(rows.index % 2 == 0)
    ),
    "no period of the panel": lambda rows: rows.assign(
        treated_from=rows["treated_from"].replace(6, 99)
    ),
    "nobody is left": lambda rows: rows.assign(treated_from=6),
    "decisions == 0, must be > 0": lambda rows: rows.assign(decisions=0),
}


@pytest.mark.parametrize("words", WRONG)
def test_what_is_wrong_with_a_panel_is_said(words):
    with pytest.raises(ConfigurationError, match=words):
        difference_in_differences(WRONG[words](panel()), unit="EUR")


def test_without_statsmodels_the_extra_is_named(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("statsmodels")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "statsmodels", None)
    with pytest.raises(ConfigurationError, match=r"kpi-gate\[longitudinal\]"):
        found()


def test_cells_count_by_their_decisions():
    rows = panel(units=24, starts=(None, 7))
    twice = rows.assign(decisions=np.where(rows["unit"] < "shop 2", 2, 1))
    doubled = difference_in_differences(twice.assign(decisions=twice["decisions"] * 5), unit="EUR")
    told = difference_in_differences(twice, unit="EUR")
    assert told.estimate == pytest.approx(doubled.estimate)
    assert told.estimate != pytest.approx(difference_in_differences(rows, unit="EUR").estimate)
