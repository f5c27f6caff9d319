import numpy as np
import pytest
from builders import evidence, failed, noise, paired, settings
from scipy import stats

from kpi_gate.decision.checks.sufficiency import check_enough, rows_for_enough, unseen_losses
from kpi_gate.decision.gate import decide
from kpi_gate.decision.stats.paired_gain import paired_gain
from kpi_gate.decision.verdict import Verdict


def enough(difference, unit=None, day=None, **objective):
    asked = settings(**objective).objective
    unit = np.arange(len(difference)) if unit is None else unit
    day = np.arange(len(difference)) % 12 if day is None else day
    gain = paired_gain(difference, unit, day, threshold=0.02, resamples=1_000)
    return (
        gain,
        {c.name for c in check_enough(gain, paired(difference), asked) if c.failed},
        asked,
    )


def test_few_units_are_too_little():
    assert enough(noise(600))[1] == set()
    assert "effective_units" in enough(noise(20))[1]
    assert "effective_units" in enough(noise(600), np.arange(600) % 20)[1]


def test_a_number_of_days_can_be_asked_for():
    assert enough(noise(600), day=np.arange(600) % 7)[1] == set()
    assert enough(noise(600), day=np.arange(600) % 7, min_days=8)[1] == {"days"}


def test_one_unit_may_not_carry_the_gain():
    difference = np.r_[np.full(300, 0.1), 50.0]
    assert {"effective_units", "top_unit_share"} <= enough(difference)[1]


def test_rare_big_losses_are_not_believed():
    # frequent small savings; six big losses happened to occur
    difference = np.r_[noise(20_000, 0.1, sd=0.05), np.full(6, -100.0)]
    day = np.r_[np.arange(20_000) % 12, 0, 2, 4, 6, 8, 10]
    gain, found, _ = enough(difference, day=day, max_unit_share=0.5, min_effective_units=2)
    assert gain.lower > 0.02
    assert "tail_skew" in found
    assert "tail_skew" not in enough(np.r_[difference, -difference])[1]


def test_rare_big_losses_that_would_not_turn_the_answer_do_not_hold_it():
    # twelve losses were seen; half as many again would leave nine tenths of the gain
    difference = np.r_[noise(3_000, 1.0, sd=0.5), np.full(12, -15.0)]
    gain, found, _ = enough(difference, max_unit_share=0.5)
    assert gain.tail_skew < -0.2
    assert "tail_skew" not in found
    assert "tail_skew" in enough(difference - 0.9, max_unit_share=0.5)[1]


def test_loss_events_can_be_asked_for():
    savings = np.abs(noise(600, 0.1, sd=0.05))
    assert enough(savings)[1] == set()
    assert enough(savings, min_loss_events=100)[1] == {"loss_events"}


def test_the_decisions_needed_are_enough():
    for difference in (noise(20), np.r_[np.full(150, 1.0), np.full(10, -8.0)]):
        gain, found, asked = enough(difference)
        times = int(np.ceil(rows_for_enough(gain, asked) / len(difference)))
        assert found
        assert times > 1
        assert not enough(np.tile(difference, times))[1]
    gain, found, asked = enough(noise(600))
    assert rows_for_enough(gain, asked) == 0


def test_many_tiny_losers_make_no_more_winners():
    difference = np.r_[np.full(12, 10.0), np.full(980, -0.1)]
    gain, found, _ = enough(difference)
    assert gain.effective_units > 30  # the sum of |S| takes the losers for evidence
    assert gain.effective_winners == pytest.approx(12)
    assert found == {"effective_winners"}


def test_small_change_is_no_loss_event():
    # two real losses beside five hundred cents
    difference = np.r_[noise(3_000, 1.0, sd=0.05), np.full(500, -0.01), -30.0, -30.0]
    gain, found, _ = enough(difference, min_loss_events=100, max_tail_skew=9.0, max_unit_share=1)
    assert (gain.losing_units, gain.loss_events) == (502, 2)
    assert "loss_events" in found
    assert paired_gain(-np.ones(50), np.arange(50), threshold=0).loss_events == 45


@pytest.mark.parametrize("seen", [0, 1, 5, 29])
def test_unseen_losses_are_the_upper_limit_of_a_poisson_mean(seen):
    mean = seen + unseen_losses(seen, 0.95)
    assert stats.poisson.cdf(seen, mean) == pytest.approx(0.05)


def test_what_could_be_lost_counts_where_no_loss_was_seen():
    savings = np.abs(noise(600, 0.3, sd=0.1))

    def verdict(**more):
        decision = decide(evidence(savings, **more), settings())
        return decision.verdict, failed(decision)

    closed = (Verdict.INSUFFICIENT_EVIDENCE, {"unseen_losses"})
    assert verdict(exposure=np.full(600, 1.0)) == (Verdict.PROMOTE, set())
    assert verdict(exposure=np.r_[np.zeros(500), np.full(100, 200.0)]) == closed
    # without exposure the values themselves show what is at stake
    assert verdict(champion=np.r_[-500.0, np.zeros(599)]) == closed
    assert verdict() == (Verdict.PROMOTE, set())


def test_what_chance_hides_and_what_it_shows_add_as_squares():
    savings = noise(600, 0.3, sd=0.2)
    found = decide(evidence(savings, exposure=np.full(600, 3.0)), settings())
    (check,) = [check for check in found.checks if check.name == "unseen_losses"]
    apart = found.gain.estimate - found.gain.lower, 3 / 600 * unseen_losses(0, 0.95)
    assert found.gain.estimate - check.value == pytest.approx(np.hypot(*apart))
    assert max(apart) < found.gain.estimate - check.value < sum(apart)


def test_thirty_losses_of_the_size_at_stake_speak_for_themselves():
    difference = np.r_[noise(600, 1.0, sd=0.1), np.full(30, -0.5)]

    def verdict(stake):
        return decide(evidence(difference, exposure=np.full(630, stake)), settings()).verdict

    assert verdict(0.6) is Verdict.PROMOTE
    assert verdict(900.0) is Verdict.INSUFFICIENT_EVIDENCE  # thirty small losses say nothing of it


@pytest.mark.parametrize("exposure", [np.nan, -1.0, np.inf])
def test_an_exposure_that_is_no_money_is_invalid(exposure):
    broken = decide(evidence(exposure=np.r_[np.ones(599), exposure]), settings())
    assert (broken.verdict, failed(broken)) == (Verdict.INVALID, {"exposure_readable"})


def test_an_exposure_of_zeros_is_none():
    savings, levels = np.abs(noise(600, 0.3, sd=0.1)), np.r_[-500.0, np.zeros(599)]
    found = decide(evidence(savings, champion=levels, exposure=np.zeros(600)), settings())
    assert "unseen_losses" in failed(found)


def trades(expected_losses, seed, rows=4_000):
    """Rare big losses for frequent small savings; worth nothing on average, by construction."""
    generator = np.random.default_rng(seed)
    amounts = 50 * np.exp(generator.normal(0, 1.3, rows))
    rate, mean = expected_losses / rows, 50 * np.exp(1.3**2 / 2)
    fraud = generator.random(rows) < 0.003  # what both let through shows what is at stake
    champion = np.where(fraud, -generator.permutation(amounts), 0.0)
    saved = np.where(generator.random(rows) < 0.3, rate * mean / 0.3, 0.0)
    small = generator.normal(0, 0.05 * saved.max(), rows)  # many lose a little
    lost = np.where(generator.random(rows) < rate, amounts, 0.0)
    return paired(saved + small - lost, champion=champion)


@pytest.mark.slow
@pytest.mark.parametrize("expected_losses", [2, 6, 60])
def test_rare_big_losses_seldom_open_the_gate(expected_losses):
    free = {"min_effect": 0.0, "switch_cost": 0}
    opened = [
        decide(evidence(trades(expected_losses, seed)), settings(**free)).verdict
        for seed in range(60)
    ]
    assert opened.count(Verdict.PROMOTE) <= 3
