"""An experiment is shown with its answer first, and never with more than it knows."""

import pytest
from sample_experiments import EXPERIMENTS, analysis, plan

from kpi_gate.report.experiment_wording import next_step, schedule_in_words, sentence


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_it_is_one_sentence_that_begins_with_the_answer(name):
    found = EXPERIMENTS[name]
    said = found.sentence
    assert said.startswith(f"{found.verdict.value.upper()}: ")
    assert said.endswith(".")
    assert ".." not in said
    assert str(found).startswith(said[:40])


def test_money_is_the_effect_over_the_horizon_with_its_interval():
    said = sentence(EXPERIMENTS["ship"])
    assert "about +13,000 EUR (+3,000 to +23,000) a year" in said
    assert "the effect fades" in said


def test_what_is_invalid_shows_no_money():
    invalid = analysis("invalid")
    assert "EUR" not in sentence(invalid).partition("passed")[0]
    assert 'class="money"' not in invalid.to_html()


def test_what_runs_says_when_it_is_read_and_no_result():
    running = EXPERIMENTS["running"]
    html = running.to_html()
    assert "2024-03-18" in html
    assert "standard errors" not in html
    assert "goes on" in next_step(running)


@pytest.mark.parametrize(
    ("weeks", "delay", "words"),
    [
        (1, 0, "1 week of exposures"),
        (2, 7, "2 weeks of exposures and 7 days until outcomes are known"),
        (2, 0.5, "2 weeks of exposures and 0.5 days until outcomes are known"),
    ],
)
def test_how_long_it_takes(weeks, delay, words):
    assert schedule_in_words(plan(weeks=weeks, label_delay_days=delay)) == words
