import math
from datetime import timedelta

import numpy as np
import pytest
from builders import START, evidence, lineage, settings

from kpi_gate.decision.gate import decide
from kpi_gate.decision.link_history import LinkHistory, Release
from kpi_gate.decision.verdict import Verdict

CANDIDATES = tuple((float(gain), 0.08) for gain in np.random.default_rng(7).normal(0, 0.3, 40))
BOTH = pytest.mark.parametrize("kpi_link", ["advisory", "required"])


def release(offline=0.5, online=0.4, **changes):
    whole = {"offline_error": 0.08, "online_error": 0.05, "ended": START + timedelta(days=10)}
    return Release(offline=offline, online=online, **{**whole, **changes})


def experience(slope=0.8, count=8, **changes):
    gains = np.linspace(0.1, 0.9, count)
    releases = tuple(release(float(x), slope * float(x), **changes) for x in gains)
    return LinkHistory(unit="EUR", candidates=CANDIDATES, releases=releases)


def judged(link, *, kpi_link="required", **objective):
    return decide(evidence(), settings(kpi_link=kpi_link, **objective), CANDIDATES, link=link)


def v3(decision):
    (check,) = [check for check in decision.checks if check.rule == "V3"]
    return check


def test_experiments_that_showed_the_link_open_the_gate():
    decision = judged(experience())
    assert decision.verdict is Verdict.PROMOTE
    check = v3(decision)
    assert (check.passed, check.bound) == (True, 0.9)
    assert check.value > 0.9
    said = decision.notes["link"]
    assert said["probability"] == check.value
    assert 0 <= said["required_gain"] < decision.gain.estimate
    assert (said["releases"], said["randomised"]) == (8, 8)
    for text in (decision.to_text(), decision.to_html(), str(decision.ask)):
        assert "not linked yet" not in text
    assert "an offline EUR has been worth" in " ".join(decision.to_text().split())
    assert "an offline EUR has been worth" in decision.to_html()
    told = " ".join(str(decision).split())
    assert "Link: the KPI rises with " in told
    assert "from 8 releases, 8 of them by an experiment." in told


def test_experiments_that_showed_none_keep_it_shut_and_say_what_is_needed():
    decision = judged(experience(slope=0.0))
    assert decision.verdict is Verdict.AB_REQUIRED
    check = v3(decision)
    assert check.value < 0.9
    assert "no offline gain suffices yet" in check.reason
    assert decision.notes["link"]["required_gain"] is None
    dearer = judged(experience(), kpi_target=0.6)
    assert dearer.verdict is Verdict.AB_REQUIRED
    assert dearer.notes["link"]["required_gain"] > dearer.gain.estimate
    assert "EUR a decision offline" in v3(dearer).reason
    assert "or a candidate that gains +" in dearer.ask


def test_advisory_lets_pass_and_says_the_chance():
    decision = judged(experience(slope=0.0), kpi_link="advisory")
    assert decision.verdict is Verdict.PROMOTE
    assert v3(decision).value < 0.9
    assert "not linked yet" not in decision.to_text()


@pytest.mark.parametrize(
    "link",
    [
        None,
        LinkHistory(unit="EUR", candidates=CANDIDATES),
        experience(slope=1.0, count=30, randomised=False, source="realised"),
    ],
)
def test_without_an_experiment_the_gate_stays_shut_whatever_is_believed(link):
    sure = {"slope": 1.0, "standard_deviation": 0.01}
    decision = judged(link, link_prior=sure, kpi_confidence=0.5)
    assert decision.verdict is Verdict.AB_REQUIRED
    assert judged(experience(count=1), link_prior=sure).verdict is Verdict.PROMOTE


def test_fields_and_not_words_tell_whether_there_is_a_history():
    silent, told = judged(None, kpi_link="advisory"), judged(experience(), kpi_link="advisory")
    assert v3(silent).passed is True
    assert v3(silent).value is None
    assert "not linked yet (advisory)" in silent.to_text()
    assert "link" not in silent.notes
    renamed = tuple(
        check.model_copy(update={"reason": "other words"}) if check.rule == "V3" else check
        for check in silent.checks
    )
    assert "not linked yet (advisory)" in silent.model_copy(update={"checks": renamed}).to_text()
    assert v3(told).value is not None


BAD = {
    "nan": {"online": math.nan},
    "infinite": {"offline": math.inf},
    "negative error": {"online_error": -0.1},
    "no error": {"offline_error": 0.0},
    "error that is no number": {"online_error": math.nan},
    "beyond money": {"online": 1e200},
}


@BOTH
@pytest.mark.parametrize("wrong", BAD.values(), ids=BAD)
def test_a_history_that_cannot_be_lets_nothing_pass(kpi_link, wrong):
    good = experience().releases
    bad = release(row=23).model_copy(update=wrong)
    link = LinkHistory(unit="EUR", candidates=CANDIDATES, releases=(*good, bad))
    decision = judged(link, kpi_link=kpi_link)
    assert decision.verdict is Verdict.INVALID
    (name,) = wrong
    assert f"row 23 of the ledger: {name} == " in v3(decision).reason
    assert v3(decision).value is None


@BOTH
@pytest.mark.parametrize(
    "link",
    [
        experience().model_copy(update={"unit": "USD"}),
        experience().model_copy(update={"unreadable": ("row 9 of the ledger: no lift",)}),
    ],
)
def test_another_unit_or_an_unreadable_row_lets_nothing_pass(kpi_link, link):
    assert judged(link, kpi_link=kpi_link).verdict is Verdict.INVALID


@BOTH
def test_a_probability_that_is_no_number_lets_nothing_pass(kpi_link, monkeypatch):
    monkeypatch.setattr("kpi_gate.decision.link.Link.p_lift_above", lambda *_, **__: math.nan)
    assert judged(experience(), kpi_link=kpi_link).verdict is Verdict.INVALID


def test_a_release_that_ended_after_the_tick_is_not_known():
    late = experience(ended=lineage().as_of + timedelta(days=1))
    asked = settings(kpi_link="required")
    decision = decide(evidence(lineage=lineage()), asked, CANDIDATES, link=late)
    assert v3(decision).value is None
