from datetime import timedelta

import numpy as np
import pytest
from builders import SLICE, evidence, lineage, noise, settings
from sample_decisions import DECISIONS

from kpi_gate.decision.gate import decide, refuse
from kpi_gate.decision.verdict import Verdict
from kpi_gate.report.reviewer_step import NOTHING, reviewer_step


def asked(difference=None, *rails, objective=None, **found):
    return decide(evidence(difference, **found), settings(*rails, **(objective or {}))).ask


def test_a_promotion_asks_for_nothing():
    assert asked() == ""


@pytest.mark.parametrize(
    ("found", "objective", "words"),
    [
        ({"difference": noise(gain=0.1)}, {}, "more decisions like these"),
        ({"difference": noise(gain=0.01)}, {}, "at this estimate, 0.01 EUR a decision, no"),
        ({"difference": noise(gain=-0.5)}, {}, "Another candidate: upper bound of the gain"),
        ({"corners": {"rate": (-0.8, 0.1)}}, {}, "Pin down rate: what is booked with rate at its"),
        ({"measures": {}}, {}, "Put right what failed (contact rate), then"),
        ({}, {"kpi_link": "required"}, "An experiment (A/B test)"),
        ({}, {"min_loss_events": 400}, "more decisions like these"),
        ({"difference": np.array([])}, {}, "More decisions whose outcome is known"),
    ],
)
def test_one_thing_is_asked_for(found, objective, words):
    said = asked(objective=objective, **found)
    assert words in said
    assert said.endswith(".")
    assert not said.endswith("..")


def test_decisions_that_are_needed_have_a_day():
    found = {"difference": noise(gain=0.1), "lineage": lineage()}
    decision = decide(evidence(**found), settings())
    more = decision.rows_needed / decision.gain.rows - 1
    days = int(np.ceil(decision.lineage.window.days * more))
    by = decision.lineage.as_of + timedelta(days=days)
    assert decision.ask.endswith(f"{days} days at today's pace, by {by:%Y-%m-%d}.")
    assert decision.ask in " ".join(decision.to_text().split())


def test_a_guardrail_names_its_slice():
    region = np.where(np.arange(600) % 30 == 0, "north", "south")
    difference = noise()
    difference[region == "north"] = noise(20, gain=-0.3, sd=3.0)
    said = asked(difference, SLICE, region=region)
    assert said.startswith("More decisions of this level: slice region north may lose")


@pytest.mark.parametrize("loss", [3.0, 30.0])
def test_a_single_bad_day_is_named_with_what_the_gain_would_be_without_it(loss):
    difference, day = noise(gain=0.5), np.arange(600) % 20
    difference[day == 13] -= loss
    decision = decide(evidence(difference, day=day), settings())
    assert decision.verdict == "HOLD"
    said = decision.ask
    assert said.startswith("Look at 1970-01-14, which carries ")
    assert f"without it the gain would be {difference[day != 13].mean():.2f}"[:-1] in said
    assert ("; else another candidate" in said) == (difference.mean() < 0.05)


def test_where_no_day_stands_out_none_is_named():
    decision = decide(evidence(noise(gain=0.1), day=np.arange(600) % 20), settings())
    assert decision.gain.top_day is None
    assert "Look at" not in decision.ask
    assert "days at today's pace" in decision.ask


def few(share, gain=0.5, rows=600):
    """Return differences of which so large a share is not zero; their mean is `gain`."""
    difference = np.zeros(rows)
    difference[: int(share * rows)] = noise(int(share * rows), gain / share)
    return difference


def test_where_no_level_can_be_tested_the_column_and_what_is_needed_are_named():
    region = (np.arange(600) % 60).astype(str)
    decision = decide(evidence(noise(), region=region), settings(SLICE | {"min_events": 700}))
    assert decision.verdict == "INSUFFICIENT_EVIDENCE"
    assert decision.ask == (
        "More decisions on which candidate and champion differ: no level of region has as "
        "many as are needed (most: 0, 10)."
    )
    assert reviewer_step(decision) == f"{NOTHING}: the next tick tries again with more rows."


@pytest.mark.parametrize("gain", [-0.01, 0.0, 0.01])
@pytest.mark.parametrize("rails", [(), (SLICE | {"min_events": 700},)])
def test_more_rows_are_never_the_next_step_where_no_number_of_them_helps(gain, rails):
    region = (np.arange(600) % 60).astype(str)
    decision = decide(evidence(noise(gain=gain), region=region), settings(*rails))
    assert decision.gain.estimate <= decision.gain.threshold
    assert decision.ask.startswith("Another candidate: at this estimate, ")
    assert " EUR a decision, no number of decisions opens the gate" in decision.ask
    assert ("no level of region has as many as are needed" in decision.ask) == bool(rails)
    said = reviewer_step(decision)
    assert said.endswith("stays; the next tick trains another candidate.")
    assert "more rows" not in said


@pytest.mark.parametrize(("share", "told"), [(0.02, "only 2 %"), (0.04, "only 4 %"), (0.5, "")])
@pytest.mark.parametrize("gain", [0.01, 0.06])
def test_two_that_act_alike_are_said_to(share, told, gain):
    rails = (SLICE | {"min_events": 700},)
    found = evidence(few(share, gain), region=(np.arange(600) % 60).astype(str))
    decision = decide(found, settings(*rails, min_effective_units=2))
    assert decision.verdict == "INSUFFICIENT_EVIDENCE"
    said = f"the candidate and the champion differ in {told} of the decisions"
    assert (said in decision.ask) == bool(told)
    assert ("differ in" in decision.ask) == bool(told)


def too_early(verdict):
    words = "toy has 0 rows before 2024-01-01; choose a later --as-of"
    return refuse(words, settings(), check="rows_present", subject="toy", verdict=verdict)


ASKING = ("Put right", "Look at", "Pin down", "--as-of", "guardrail")
DAY = np.where(np.arange(600) % 20 == 13, -3.0, 0.0)
DECIDED = {
    **DECISIONS,
    "a day": decide(evidence(noise() + DAY, day=np.arange(600) % 20), settings()),
    "an assumption": decide(evidence(corners={"rate": (-0.8, 0.1)}), settings()),
    "one large unit": decide(evidence(np.r_[noise(60), 90.0]), settings()),
    "too early": too_early(Verdict.INSUFFICIENT_EVIDENCE),
    "too early for any row": too_early(Verdict.INVALID),
}


@pytest.mark.parametrize("name", DECIDED)
def test_what_is_asked_and_the_next_step_agree(name):
    decision = DECIDED[name]
    asks, said = decision.ask, reviewer_step(decision)
    if any(words in asks for words in ASKING):
        assert NOTHING not in said
    if "--as-of" in asks:
        assert asks == "A later --as-of."
        assert said.startswith("Choose a later --as-of.")
    if "Another candidate" in asks:
        assert "more rows" not in said
    if "more rows" in said:
        assert "ore decisions" in asks
