from dataclasses import replace

import numpy as np
import pytest
from builders import evidence, lineage, settings
from hypothesis import given
from hypothesis import strategies as st

from kpi_gate.decision.checks.twins import hold_against_twin, not_made
from kpi_gate.decision.evidence import Contender

BOUNDS = {"may_change": 0.2, "may_lose": 0.5}
CALIBRATED = {"measure": "calibration_error", "may_rise_by": 0.03}


def of(digest, action, *, difference=None, measures=None, key=None):
    """Return evidence of a model by its actions; acting on a row is worth 1."""
    action = np.asarray(action, dtype=float)
    found = evidence(
        action if difference is None else difference,
        measures=measures or {"candidate": {"contact_rate": 0.4}, "champion": {}},
        lineage=lineage(candidate=Contender(name="candidate", digest=digest)),
        actions=(np.zeros(action.size), action),
    )
    key = np.arange(action.size) if key is None else key
    return replace(found, rows=replace(found.rows, key=key))


def held(twin, refit, *rails, **bounds):
    return hold_against_twin(twin, refit, settings(*rails), **{**BOUNDS, **bounds})


def failed(found):
    return [check.name for check in found.checks if check.failed]


@given(st.integers(0, 40))
def test_as_many_decisions_may_change_as_is_declared(changed):
    twin = np.ones(100)
    refit = np.where(np.arange(100) < changed, 0.0, 1.0)
    found = held(of("twin", twin), of("refit", refit))
    assert found.agrees == (changed <= 20)
    assert found.promoted == ("refit" if changed <= 20 else "twin")


@given(st.floats(-2, 3, allow_subnormal=False))
def test_the_refit_keeps_a_share_of_the_measured_gain(gain):
    twin, same = of("twin", np.ones(50)), np.ones(50)
    found = held(twin, of("refit", same, difference=np.full(50, gain)))
    assert found.agrees == (gain >= 0.5)


def test_bids_are_compared_by_what_is_bid_in_total():
    twin, refit = np.full(60, 0.01), np.full(60, 0.013)
    value = np.ones(60)
    pair = of("twin", twin, difference=value), of("refit", refit, difference=value)
    assert failed(held(*pair)) == ["decisions"]
    assert not failed(held(*pair, may_change=0.25))


def test_guardrails_hold_of_the_refit_too():
    twin = of("twin", np.ones(30))
    calls = {"candidate": {"contact_rate": 0.95}}
    assert failed(held(twin, of("refit", np.ones(30), measures=calls))) == ["contact_rate"]


@pytest.mark.parametrize("refit", [0.08, np.nan, None])
def test_a_refit_fits_no_worse_than_its_twin(refit):
    def measured(error):
        found = {} if error is None else {"calibration_error": error}
        return {"candidate": found, "champion": {"calibration_error": 0.1}}

    twin = of("twin", np.ones(30), measures=measured(0.01))
    found = held(twin, of("refit", np.ones(30), measures=measured(refit)), CALIBRATED)
    assert "calibration_error against twin" in failed(found)
    assert found.promoted == "twin"
    well = held(twin, of("refit", np.ones(30), measures=measured(0.03)), CALIBRATED)
    assert well.promoted == "refit"


def test_what_cannot_be_compared_does_not_agree():
    twin = of("twin", np.ones(30))
    for other in (of("refit", np.ones(31)), of("refit", np.ones(30), key=np.arange(30) + 1)):
        assert failed(held(twin, other)) == ["same rows"]
    for value in (np.nan, np.inf):
        broken = of("refit", np.ones(30), difference=np.r_[value, np.ones(29)])
        assert not held(twin, broken).agrees or np.isposinf(value)
    lost = replace(twin, rows=replace(twin.rows, actions=None))
    assert failed(held(lost, twin)) == ["same rows"]
    assert not_made("twin", "it cannot be trained").promoted == "twin"
