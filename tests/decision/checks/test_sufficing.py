"""REJECT, INSUFFICIENT_EVIDENCE and INVALID mean what they say, whatever the evidence is."""

from dataclasses import replace

import numpy as np
import pytest
from builders import SLICE, evidence, failed, lineage, noise, paired, settings
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from kpi_gate.decision.evidence import Contender, Window
from kpi_gate.decision.gate import decide
from kpi_gate.decision.verdict import Verdict

INVALID, REJECT, TOO_LITTLE = Verdict.INVALID, Verdict.REJECT, Verdict.INSUFFICIENT_EVIDENCE
RATE = {"measure": "contact_rate", "at_most": 0.9}
some = examples(max_examples=60)

worlds = st.fixed_dictionaries(
    {
        "rows": st.integers(0, 400),
        "gain": st.sampled_from([-1.0, -0.2, 0.0, 0.3, 1.0]),
        "sd": st.sampled_from([0.0, 0.3, 3.0]),
        "differing": st.sampled_from([0.0, 0.1, 1.0]),
        "days": st.integers(1, 40),
        "rate": st.sampled_from([0.4, 0.95]),
        "levels": st.integers(1, 30),
        "trained": st.sampled_from([{}, {"l0": 1.0}, {"l0": 0.5, "gone": 0.5}]),
        "seed": st.integers(0, 30),
    }
)


def seen(world):
    """Return the evidence of a world: from nothing at all to a clear answer."""
    rows, generator = world["rows"], np.random.default_rng(world["seed"])
    difference = world["gain"] + generator.normal(0, 1, rows) * world["sd"]
    difference *= generator.random(rows) < world["differing"]
    return evidence(
        difference,
        day=np.arange(rows) % world["days"],
        region=np.array([f"l{number % world['levels']}" for number in range(rows)], dtype=object),
        measures={"candidate": {"contact_rate": world["rate"]}},
        lineage=lineage(trained_levels={"region": world["trained"]}),
    )


def judged(found):
    return decide(found, settings(RATE, SLICE))


@given(worlds)
@some
def test_reject_is_said_only_of_what_could_have_been_promoted(world):
    decision = judged(seen(world))
    asks_for_more = [check for check in decision.failed if check.failing is TOO_LITTLE]
    if decision.verdict is REJECT:
        assert all(check.rule == "V4" and check.value is not None for check in asks_for_more)
        found = {check.name: check.value for check in decision.checks}
        assert (found["effective_units"] >= 30, found["days"] >= 5) == (True, True)
    else:
        assert decision.verdict is not INVALID


@given(worlds)
@some
def test_a_check_that_was_not_made_never_says_ok(world):
    decision = judged(seen(world))
    lines = decision.to_text().splitlines()
    for check in decision.checks:
        assert (check.passed is None) == check.reason.startswith("not checked: ")
    left = sum(check.passed is None for check in decision.checks)
    marked = [line for line in lines if line.startswith("  -  ")]
    assert len(marked) == left + 1
    assert "V3" in " ".join(marked)  # a link to the KPI without a history is advisory
    assert decision.to_markdown().count("| not checked |") == left
    assert decision.to_html().count(", not checked</span>") == left


@given(worlds, st.integers(1, 30))
@some
def test_a_quiet_day_more_is_never_wrong(world, visits):
    """A day on which both sides do the same is neither evidence nor a fault."""
    found = seen(world)
    rows = found.rows
    quiet = paired(
        np.r_[rows.difference, np.zeros(visits)],
        day=np.r_[rows.day, np.full(visits, 41)],
        region=np.r_[rows.slices["region"], np.full(visits, "l0")],
    )
    before, after = judged(found), judged(replace(found, rows=quiet))
    assert after.verdict is not INVALID
    if "effective_units" in failed(before):
        assert after.verdict is TOO_LITTLE


NONE, ONE_DAY = np.zeros(600), np.zeros(600, dtype=int)
QUIET = {
    "no row": evidence(np.array([])),
    "no differing decision": evidence(NONE),
    "no row of an empty window": evidence(
        np.array([]), lineage=lineage(window=Window(start=lineage().as_of, end=lineage().as_of))
    ),
    "one day": evidence(noise(gain=-0.5), day=ONE_DAY),
    "four days": evidence(noise(gain=-0.5), day=np.arange(600) % 4),
    "a short window": evidence(
        noise(gain=-0.5), lineage=lineage(shortest_window_days=90, label_delay_days=20.0)
    ),
    "few units": evidence(noise(gain=-0.5), unit=np.arange(600) % 20),
    "few differing": evidence(np.r_[-np.ones(20), np.zeros(580)]),
    "one amount": evidence(np.full(600, -0.5)),
    "two of three outcomes": evidence(noise(20), lineage=lineage(matured=20 / 22)),
    "against the baseline": evidence(
        NONE, lineage=lineage(champion=Contender(name="baseline", digest="b"))
    ),
}


@pytest.mark.parametrize("kind", QUIET)
@pytest.mark.parametrize("rate", [0.4, 0.95])
def test_what_is_quiet_is_too_little(kind, rate):
    measures = {"candidate": {"contact_rate": rate}}
    decision = decide(replace(QUIET[kind], measures=measures), settings(RATE))
    assert decision.verdict is TOO_LITTLE, decision.sentence
    assert decision.sentence.startswith("INSUFFICIENT_EVIDENCE: there is too little evidence")
    if QUIET[kind].rows.size and rate > 0.9:
        assert "contact_rate" in failed(decision)  # on the record all the same


def test_a_guardrail_that_breaks_on_enough_is_rejected():
    broken = evidence(measures={"candidate": {"contact_rate": 0.95}})
    assert decide(broken, settings(RATE)).verdict is REJECT


def test_a_missing_measure_is_wrong_however_few_the_rows():
    assert decide(evidence(noise(12), measures={}), settings(RATE)).verdict is INVALID


def test_a_decision_for_a_tick_needs_evidence_that_says_its_own():
    decision = decide(evidence(), settings(), tick=lineage().as_of)
    assert (decision.verdict, failed(decision)) == (INVALID, {"evidence_of_this_tick"})
