import numpy as np
import pytest
from builders import SLICE, evidence, noise, paired, settings

from kpi_gate.decision.checks.validity import check_valid


def wrong(found, *rails):
    checks = check_valid(found, settings(*rails))
    return {check.name: check for check in checks if check.failed}


def test_a_decision_that_is_counted_twice_is_invalid():
    found = wrong(evidence(key=np.r_[np.arange(598), 1, 1]))
    assert found["rows_distinct"].reason == (
        "2 of 600 rows repeat a decision that is there already; "
        "a column `row_id` tells decisions apart that look alike"
    )


@pytest.mark.parametrize("factor", [100, 0.01, 1_000, 1e6])
def test_a_side_in_another_unit_is_invalid(factor):
    champion = np.abs(noise(sd=0.5)) + 0.1
    twin = evidence(champion * (factor - 1), champion=champion)
    assert f"{factor:g} times the champion's in 100%" in wrong(twin)["same_unit_of_money"].reason
    better = evidence(champion * 0.08, champion=champion)
    assert wrong(better) == {}


def test_like_actions_have_like_values():
    difference = np.r_[np.zeros(300), noise(300)]
    actions = np.r_[np.ones(300), np.zeros(300)], np.ones(600)
    assert wrong(evidence(difference, actions=actions)) == {}
    both = wrong(evidence(difference, actions=(np.ones(600), np.ones(600))))
    assert 280 < both["same_action_same_value"].value <= 300
    # rounding, a float of 32 bits, what it costs to score a row: no other value
    for little in (1e-10, 1e-7, 0.01):
        near = evidence(np.full(600, -little), champion=2.0, actions=(np.ones(600), np.ones(600)))
        assert wrong(near) == {}


def test_prices_of_two_actions_are_no_other_unit():
    mail, call = np.full(600, -0.01), np.full(600, -1.0)
    assert wrong(evidence(call - mail, champion=mail)) == {}


def test_cents_that_were_rounded_are_found_among_other_rows():
    champion = np.abs(noise(sd=5.0)) + 1
    candidate = np.where(np.arange(600) % 4 == 0, np.round(100 * champion), champion * 3)
    assert "same_unit_of_money" in wrong(evidence(candidate - champion, champion=champion))


def test_one_huge_row_does_not_round_the_others_away():
    rows = paired(np.r_[np.full(599, -0.9), 0.0], champion=np.r_[np.zeros(599), 1e12])
    assert (rows.difference[:599] == -0.9).all()


def test_a_slice_that_one_model_does_not_know_is_named():
    region = np.where(np.arange(600) % 4, "north", "south")
    rows = paired(noise(), region=region)
    rows.candidate[region == "south"] = np.nan
    check = wrong(evidence(rows), SLICE)["values_finite"]
    assert "150 of 600 rows of the candidate" in check.reason
    assert check.reason.endswith("all of them in region == south")
