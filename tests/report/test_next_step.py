from datetime import timedelta

import numpy as np
import pytest
from builders import SLICE, evidence, lineage, noise, settings

from kpi_gate.decision.gate import decide


def asked(difference=None, *rails, objective=None, **found):
    return decide(evidence(difference, **found), settings(*rails, **(objective or {}))).ask


def test_a_promotion_asks_for_nothing():
    assert asked() == ""


@pytest.mark.parametrize(
    ("found", "objective", "words"),
    [
        ({"difference": noise(gain=0.1)}, {}, "more decisions like these"),
        ({"difference": noise(gain=0.01)}, {}, "Another candidate: at this estimate, 0.01, no"),
        ({"difference": noise(gain=-0.5)}, {}, "Another candidate: upper bound of the gain"),
        ({"corners": {"rate": (-0.8, 0.1)}}, {}, "Pin down rate: what is booked with rate at its"),
        ({"measures": {}}, {}, "Put right: contact rate the evidence holds no finite"),
        ({}, {"kpi_link": "required"}, "An experiment (A/B test)"),
        ({}, {"min_loss_events": 400}, "more decisions like these"),
        ({"difference": np.array([])}, {}, "Put right: 0 decisions to compare"),
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
