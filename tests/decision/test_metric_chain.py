"""From metric to money in one language, and the traps that lie between."""

from dataclasses import replace

import pytest
from sample_decisions import DECISIONS, FULL, NOTES, Balance, gate, measured, origin

from kpi_gate.decision import metric_chain
from kpi_gate.decision.gate import decide

PROXIES = {
    "frauds stopped": {
        "champion": 0.0050,
        "candidate": 0.00531,
        "change": 0.00031,
        "lower": 0.0001,
        "upper": 0.0005,
    }
}


def decided(gain=0.5, auc=(0.79, 0.81), **notes):
    metrics = {"champion": {"auc": auc[0]}, "candidate": {"auc": auc[1]}}
    told = {**NOTES, "metrics": metrics, **notes}
    return decide(measured(gain, lineage=origin(), notes=told), gate())


def test_the_chain_goes_from_the_metric_over_the_proxy_to_the_kpi():
    decision = decided(proxies=PROXIES)
    stations = [step.station for step in metric_chain.steps(decision)]
    assert stations == ["ML metric", "business proxy", "value", "KPI"]
    proxy, value, kpi = metric_chain.steps(decision)[1:]
    assert (proxy.name, proxy.champion) == ("frauds stopped per 10,000", pytest.approx(50))
    assert (proxy.change, proxy.lower, proxy.upper) == pytest.approx((3.1, 1.0, 5.0))
    assert value.change == pytest.approx(0.5)
    assert kpi.change == pytest.approx(5_000)
    assert kpi.lower == pytest.approx(decision.gain.lower * 10_000)
    line = metric_chain.sentence(decision)
    assert line.startswith("AUC +0.020 → +3.1 frauds stopped per 10,000 → EUR +5,000 a year (")
    assert line in decision.to_markdown()
    assert line in " ".join(Balance(decision.to_html()).words)
    assert "frauds stopped per 10,000" in decision.to_text()


def test_nothing_is_translated_where_nothing_was_measured():
    for name in ("refused", "no rows"):
        assert metric_chain.steps(DECISIONS[name]) == ()
        assert metric_chain.sentence(DECISIONS[name]) == ""
        assert metric_chain.traps(DECISIONS[name]) == []


@pytest.mark.parametrize(
    ("gain", "auc", "words"),
    [
        (-0.4, (0.79, 0.81), "AUC up, money down: AUC +0.0200, -0.4 EUR per decision"),
        (0.5, (0.81, 0.79), "AUC down, money up"),
        (0.5, (0.8, 0.8), "AUC equal, money up"),
        (-0.4, (0.8, 0.8), "AUC equal, money down"),
    ],
)
def test_a_metric_and_money_that_part_ways_are_told(gain, auc, words):
    decision = decided(gain, auc)
    assert words in metric_chain.traps(decision)[0]
    assert words in " ".join(Balance(decision.to_html()).words)
    assert words.split(":")[0] in " ".join(decision.to_text().split())


def test_where_they_agree_there_is_no_trap():
    assert metric_chain.traps(decided(0.5, (0.79, 0.81))) == []
    assert metric_chain.traps(decided(-0.4, (0.81, 0.79))) == []
    assert metric_chain.traps(decided(0.01, (0.8, 0.8))) == []


def test_a_miscalibrated_twin_ranks_alike_and_loses_money():
    told = metric_chain.traps(decided(miscalibrated={"factor": 1.6, "change": -0.25}))
    assert "Equal AUC, less money" in told[0]
    assert "lose 0.25 EUR per decision" in told[0]
    assert metric_chain.traps(decided(miscalibrated={"factor": 1.6, "change": 0.0})) == []


def test_money_that_no_experiment_has_shown_stays_unlinked():
    weight = {"hours_per_play": 1.2, "money_per_hour": "unlinked"}
    decision = decided(money_weight=weight)
    line = metric_chain.sentence(decision)
    assert line.endswith("money: unlinked, no experiment has shown money_per_hour yet")
    assert "unlinked" in " ".join(Balance(decision.to_html()).words)
    assert all(step.station != "money" for step in metric_chain.steps(decision))


def test_money_that_is_linked_is_the_kpi_times_its_weight():
    weight = {"hours_per_play": 1.2, "money_per_hour": {"low": 0.0, "base": 0.1, "high": 0.2}}
    money = metric_chain.steps(decided(money_weight=weight))[-1]
    assert money.station == "money"
    assert money.change == pytest.approx(5_000 * 0.12)


def test_broken_notes_are_no_reason_to_fail():
    evidence = measured(**FULL)
    broken = {
        "metrics": 3,
        "proxies": {"a": None, "b": {"change": float("nan")}},
        "money_weight": 1,
    }
    decision = decide(replace(evidence, notes=broken), gate())
    assert metric_chain.steps(decision)
    assert metric_chain.sentence(decision)
    Balance(decision.to_html())
