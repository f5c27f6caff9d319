from dataclasses import replace

import numpy as np
import pytest

from benchmarks.simulation.figures import Results, aims, summary
from benchmarks.simulation.our_gate import OurGate, decision, see, terms
from benchmarks.simulation.page import write_page
from benchmarks.simulation.rivals import Promotion
from benchmarks.simulation.worlds import ERROR, WORLDS
from benchmarks.simulation.years import LOOKS, OURS, RULES, STANDING, Tally, play, power
from kpi_gate.decision.verdict import Verdict

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("number", range(len(WORLDS)))
def test_the_short_cut_changes_no_verdict(number):
    """Ask the whole gate at every look, with gains where the answer may go either way."""
    world, generator = WORLDS[number], np.random.default_rng(number)
    settings = terms(world.min_loss_events)
    verdicts = []
    for truth in generator.uniform(-1, 6, 25) * ERROR:
        look = world.look(float(truth), generator)
        sight = see(look, settings)
        past = [(0.0, ERROR)] * 5
        whole = decision(look, settings, past)
        verdicts.append(whole.verdict)
        assert sight.may_pass or whole.verdict is not Verdict.PROMOTE
        admitted = whole.verdict is not Verdict.INSUFFICIENT_EVIDENCE
        assert not sight.may_pass or admitted
        asked = OurGate(settings, list(past)).judge(look)
        assert (asked is not None) == (whole.verdict is Verdict.PROMOTE)
        assert sight.gain.estimate == pytest.approx(whole.gain.estimate)
        assert sight.gain.lower == pytest.approx(whole.gain.lower)
    assert Verdict.PROMOTE in verdicts
    assert len(set(verdicts)) > 1


def test_every_look_goes_into_the_ledger_and_few_need_the_gate():
    world, generator = WORLDS[0], np.random.default_rng(7)
    gate = OurGate(terms())
    for _ in range(10):
        gate.judge(world.look(-0.3, generator))
    assert len(gate.ledger) == 10
    assert gate.asked == 0
    assert gate.judge(world.look(1.0, generator)).truth == 1.0
    assert (gate.asked, len(gate.ledger)) == (1, 11)


def test_a_seed_gives_the_same_years_again():
    first, again = (play(WORLDS[2], 2, (7, 2)) for _ in range(2))
    assert first == again
    assert first.looks == 2 * LOOKS
    assert play(WORLDS[2], 2, (8, 2)) != first


def test_a_standing_ledger_counts_from_the_middle_on():
    block = play(WORLDS[0], 2, (7,))
    assert len(block.tallies[OURS].by_year) == 2
    assert len(block.tallies[STANDING].by_year) == 1


def test_figures_of_a_year():
    tally = Tally()
    tally.add([Promotion(0.1, 0.3, 0.2), None, Promotion(-0.1, 0.1, 0.1)], decisions=4)
    tally.add([None], decisions=6)
    row = summary("world", "rule", tally)
    assert (row.years, row.promotions, row.false, row.share) == (2, 1.0, 0.5, 0.5)
    assert row.per_decision == pytest.approx(0.1)
    assert (row.raw, row.booked, row.true) == pytest.approx((2.0, 1.5, 0.0))
    nothing = summary("world", "rule", Tally(by_year=[0]))
    assert (nothing.true, nothing.share) == (None, 0.0)


def test_power_rises_with_the_gain():
    none, much = (power(WORLDS[0], gain, 12, (7,)) for gain in (0.0, 6.0))
    assert none[f"{OURS}, empty"] < 0.3
    assert much[f"{OURS}, empty"] == much[f"{OURS}, after ten years"] == 1.0
    assert all(0 <= share <= 1 for share in none.values())


def test_the_page_needs_nothing_but_itself(tmp_path):
    row = summary("", "", Tally([Promotion(0.1, 0.3, 0.1)], [0], 52))
    curve = {name: [0.1, 0.9] for name in power(WORLDS[0], 0.0, 1, (7,))}
    results = Results(
        rows=tuple(replace(row, world=w.name, rule=rule) for w in WORLDS for rule in RULES),
        curves=dict.fromkeys(("plain", "clusters", "fraud"), curve),
        gains=(0.0, 4.0),
        looks=52,
        asked=1,
        years=1,
        windows=1,
        seed=7,
        seconds=1.0,
    )
    assert all(aim.reached for aim in aims(results))
    page, picture = write_page(results, tmp_path)
    text = page.read_text()
    assert "<script" not in text
    assert "http" not in text.replace("http://www.w3.org", "")  # names of XML, not addresses
    assert text.count("<svg") == 4
    assert picture.stat().st_size < 200_000
