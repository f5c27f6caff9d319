"""Each estimator against hand-made tables, against the truth of a simulation, and on bad input."""

from dataclasses import replace

import numpy as np
import pytest
from builders import evidence, failed, paired, settings
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from scipy.stats import norm

from kpi_gate.decision.checks.gain import measure_gain
from kpi_gate.decision.evidence import Evidence
from kpi_gate.decision.gate import decide
from kpi_gate.decision.paired_rows import PairedRows
from kpi_gate.decision.value import estimators
from kpi_gate.decision.verdict import Verdict

ITEMS = np.arange(5)
TERMS = settings(min_effect=0.0, switch_cost=0).objective
BOUNDS = TERMS.model_copy(update={"resamples": 50})  # where only bounds are read, which need none


def rows_of(estimate, unit=None):
    rows = np.arange(estimate.champion.size)
    return PairedRows(
        unit=rows if unit is None else unit,
        day=rows % 40,
        champion=estimate.champion,
        candidate=estimate.candidate,
        bases=estimate.bases,
        at_best=estimate.at_best,
    )


def gain_of(estimate, unit=None, terms=TERMS):
    return measure_gain(rows_of(estimate, unit), terms)


def judged(estimate, kind, unit=None, **objective):
    found = Evidence(
        rows=rows_of(estimate, unit),
        measures={"candidate": {"contact_rate": 0.4}},
        diagnostics=estimate.diagnostics,
        faults=estimate.faults,
    )
    asked = settings(**objective)
    return decide(
        found,
        asked.model_copy(update={"estimator": asked.estimator.model_copy(update={"kind": kind})}),
    )


def test_ips_by_hand():
    # logged with 1/2 and 1/4; the candidate always takes what was logged, the champion never
    found = estimators.ips(np.array([1.0, 8.0]), np.array([0.5, 0.25]), (np.zeros(2), np.ones(2)))
    assert found.candidate.tolist() == [2.0, 32.0]
    assert found.champion.tolist() == [0.0, 0.0]
    assert found.faults == ()
    assert found.diagnostics["effective_share_candidate"] == pytest.approx(36 / 20 / 2)
    assert found.diagnostics["largest_weight_share_candidate"] == pytest.approx(4 / 6)


def test_snips_by_hand():
    found = estimators.snips(
        np.array([1.0, 8.0]), np.array([0.5, 0.25]), (np.array([0.5, 0.25]), np.ones(2))
    )
    rows = rows_of(found)
    # candidate (2 + 32) / 6, champion (1 + 8) / 2; the rows' influence has that mean
    assert rows.difference.mean() == pytest.approx(34 / 6 - 9 / 2)


def test_doubly_robust_and_switch_by_hand():
    log = np.array([1.0, 8.0]), np.array([0.5, 0.25]), (np.zeros(2), np.ones(2))
    model = {"model_logged": np.array([2.0, 6.0]), "model": (np.array([1.0, 1.0]), np.full(2, 3.0))}
    found = estimators.doubly_robust(*log, **model)
    assert found.champion.tolist() == [1.0, 1.0]
    assert found.candidate.tolist() == [3 + 2 * (1 - 2), 3 + 4 * (8 - 6)]
    switched = estimators.doubly_robust(*log, **model, switch_above=3.0)
    assert switched.candidate.tolist() == [1.0, 3.0]


def test_a_perfect_model_leaves_nothing_to_the_weights():
    reward = np.array([1.0, 8.0])
    found = estimators.doubly_robust(
        reward,
        np.array([0.5, 1e-6]),
        (np.zeros(2), np.ones(2)),
        model_logged=reward,
        model=(np.zeros(2), reward),
    )
    assert found.candidate.tolist() == [1.0, 8.0]


def test_selective_labels_by_hand():
    values = (np.array([0.0, 0.0, np.nan]), np.array([3.0, 1.0, np.nan]))
    found = estimators.selective(values, [1, 1, 0], np.array([1.0, 0.1, 0.1]))
    assert found.candidate.tolist() == [3.0, 10.0, 0.0]
    assert found.champion.tolist() == [0.0, 0.0, 0.0]


def test_a_ratio_is_the_ratio_of_sums():
    plays = np.array([1.0, 0.0, 2.0]), np.array([2.0, 1.0, 3.0])
    shown = np.array([10.0, 5.0, 10.0]), np.array([10.0, 5.0, 15.0])
    rows = rows_of(estimators.ratio(plays, shown))
    assert rows.difference.mean() == pytest.approx(6 / 30 - 3 / 25)


def logged(generator, size, epsilon=0.1):
    """An epsilon-greedy log of five items with known truth; both policies prefer another item."""
    taste = generator.normal(size=size)
    chance = 1 / (1 + np.exp(-(np.outer(taste, ITEMS - 2) * 0.3 - 1.5)))
    greedy = np.where(taste > 0, 3, 1)
    floor = epsilon / 5
    propensities = np.where(greedy[:, None] == ITEMS, 1 - epsilon + floor, floor)
    item = (generator.random(size)[:, None] > propensities.cumsum(1)).sum(1)
    reward = (generator.random(size) < chance[np.arange(size), item]).astype(float)
    best, worst = np.where(taste > 0, 4, 0), np.where(taste > 0, 3, 0)
    policies = tuple((chosen[:, None] == ITEMS).astype(float) for chosen in (worst, best))
    truth = float((chance * (policies[1] - policies[0])).sum(1).mean())
    here = np.arange(size), item
    return {
        "log": (reward, propensities[here], tuple(p[here] for p in policies)),
        "model": {
            "model_logged": 0.8 * chance[here],
            "model": tuple((p * 0.8 * chance).sum(1) for p in policies),
        },
        "truth": truth,
    }


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ips", "snips", "dr"])
def test_off_policy_intervals_cover_the_truth(kind):
    covered, errors = 0, []
    for seed in range(120):
        world = logged(np.random.default_rng(seed), 4_000)
        found = {
            "ips": lambda w: estimators.ips(*w["log"]),
            "snips": lambda w: estimators.snips(*w["log"]),
            "dr": lambda w: estimators.doubly_robust(*w["log"], **w["model"]),
        }[kind](world)
        gain = gain_of(found, terms=BOUNDS)
        covered += gain.lower <= world["truth"] <= gain.upper
        errors.append(gain.estimate - world["truth"])
    assert covered / 120 >= 0.84  # two one-sided bounds at 95 %
    assert abs(np.mean(errors)) < 3 * np.std(errors) / np.sqrt(120)


def test_the_model_makes_the_estimate_steadier():
    spread = {"ips": [], "dr": []}
    for seed in range(60):
        world = logged(np.random.default_rng(seed), 4_000)
        for kind, found in (
            ("ips", estimators.ips(*world["log"])),
            ("dr", estimators.doubly_robust(*world["log"], **world["model"])),
        ):
            spread[kind].append(gain_of(found, terms=BOUNDS).estimate)
    assert np.std(spread["dr"]) < np.std(spread["ips"])


def test_exploration_makes_selective_labels_unbiased():
    generator = np.random.default_rng(3)
    estimates = []
    for _ in range(80):
        risk = generator.random(5_000)
        gain = generator.normal(1 - 2 * risk, 1.0)
        propensity = np.where(risk > 0.5, 0.1, 1.0)
        seen = generator.random(5_000) < propensity
        found = estimators.selective(
            (np.zeros(5_000), np.where(seen, gain, np.nan)), seen, propensity
        )
        estimates.append(gain_of(found, terms=BOUNDS).estimate - gain.mean())
    assert abs(np.mean(estimates)) < 3 * np.std(estimates) / np.sqrt(80)


def takes(generator, members=400, lift=0.0):
    """Take-rate of members who differ in how much they are shown and how much they play."""
    member = np.repeat(np.arange(members), generator.integers(1, 12, members))
    liking = generator.beta(2, 20, members)[member]
    shown = generator.integers(5, 30, (2, member.size)).astype(float)
    plays = [
        generator.binomial(s.astype(int), np.clip(liking + add, 0, 1))
        for s, add in zip(shown, (0, lift), strict=True)
    ]
    return estimators.ratio((plays[0] * 1.0, plays[1] * 1.0), (shown[0], shown[1])), member


def test_delta_method_and_bootstrap_of_a_ratio_agree():
    found, member = takes(np.random.default_rng(1), lift=0.004)
    rows = rows_of(found, member)
    gain = measure_gain(rows, TERMS.model_copy(update={"resamples": 20_000}))
    z = gain.estimate / gain.unit_standard_error
    assert abs(gain.p_above_threshold - norm.cdf(z)) < 0.03


@pytest.mark.slow
def test_a_ratio_covers_zero_as_often_as_it_says():
    opened = 0
    for seed in range(200):
        found, member = takes(np.random.default_rng(seed))
        gain = gain_of(found, member, TERMS.model_copy(update={"resamples": 200}))
        opened += gain.lower > 0 and gain.p_above_threshold >= 0.95
    assert opened / 200 <= 0.08


def test_a_better_take_rate_is_promoted():
    found, member = takes(np.random.default_rng(5), lift=0.02)
    decision = judged(found, "ratio", member, min_effect=0.001, switch_cost=0)
    assert decision.verdict is Verdict.PROMOTE
    assert decision.estimator == "ratio"
    assert decision.gain.estimate == pytest.approx(0.02, abs=0.006)


BROKEN = [-0.1, 0.0, 1.5, np.nan, np.inf]


@pytest.mark.parametrize("value", BROKEN)
@pytest.mark.parametrize("kind", ["ips", "snips", "selective", "dr"])
def test_a_propensity_that_is_none_is_invalid(kind, value):
    size = 600
    propensity = np.full(size, 0.5)
    propensity[4] = value
    ones, policies = np.ones(size), (np.full(size, 0.2), np.full(size, 0.8))
    with np.errstate(all="raise"):
        found = {
            "ips": lambda: estimators.ips(ones, propensity, policies),
            "snips": lambda: estimators.snips(ones, propensity, policies),
            "selective": lambda: estimators.selective((0 * ones, ones), ones, propensity),
            "dr": lambda: estimators.doubly_robust(
                ones, propensity, policies, model_logged=ones, model=(ones, ones)
            ),
        }[kind]()
    decision = judged(found, kind)
    assert decision.verdict is Verdict.INVALID
    assert f"propensity: 1 of 600 rows are not in (0, 1], such as {value:g} in row 4" in str(
        decision.failed
    )


def test_a_probability_of_a_policy_may_be_zero_but_not_negative():
    ones = np.ones(600)
    half = np.arange(600) % 2 == 0
    fine = estimators.ips(ones, 0.5 * ones, (0.5 * ones, 1.0 * half))
    assert fine.faults == ()
    wrong = estimators.ips(ones, 0.5 * ones, (-0.1 * ones, ones))
    assert "probability of the champion: 600 of 600 rows are not in [0, 1]" in wrong.faults[0]


@pytest.mark.parametrize(
    ("wrong", "answer"),
    [
        ("hole", Verdict.INSUFFICIENT_EVIDENCE),
        ("propensity", Verdict.INVALID),
        ("both actions", Verdict.INVALID),
    ],
)
def test_weights_that_do_not_average_to_one_are_no_evidence(wrong, answer):
    generator = np.random.default_rng(2)
    action = generator.integers(0, 2, 2_000)
    propensity, candidate = np.full(2_000, 0.5), np.where(action == 1, 0.9, 0.1)
    if wrong == "hole":  # sixty of a hundred times it does what was never logged
        candidate = np.where(action == 1, 0.3, 0.1)
    elif wrong == "propensity":
        propensity = np.full(2_000, 0.1)
    else:
        candidate = np.ones(2_000)
    found = estimators.ips(action * 1.0, propensity, (propensity, candidate))
    decision = judged(found, "ips")
    assert decision.verdict is answer
    assert "weights of the candidate average to" in str(decision.failed)


def test_two_models_that_are_not_one_are_invalid():
    world = logged(np.random.default_rng(1), 4_000)
    champion, candidate = world["model"]["model"]
    fine = estimators.doubly_robust(*world["log"], **world["model"])
    assert fine.faults == ()
    hopeful = {**world["model"], "model": (champion, candidate + 9)}
    decision = judged(estimators.doubly_robust(*world["log"], **hopeful), "dr")
    assert decision.verdict is Verdict.INVALID
    assert "not one model" in str(decision.failed)


def test_who_was_sure_to_be_observed_is_observed():
    values, seen = (np.zeros(600), np.ones(600)), np.arange(600) % 2
    decision = judged(estimators.selective(values, seen, np.ones(600)), "selective")
    assert decision.verdict is Verdict.INVALID
    assert "300 of 600 rows were sure to be observed and are not" in str(decision.failed)


def test_rare_losses_behind_exploration_are_counted_by_their_weight():
    # the explored rows are few, and two frauds among them are expected
    opened = 0
    for seed in range(30):
        generator = np.random.default_rng(seed)
        explored = generator.random(20_000) < 0.05
        fraud, amount = generator.random(20_000) < 0.002, 200 * generator.lognormal(0, 1, 20_000)
        mean = 200 * np.exp(0.5)
        value = np.where(fraud, -amount, 0.002 * mean / 0.998)
        shown = np.where(explored, value, np.nan)
        found = estimators.selective((0 * value, shown), explored, np.full(20_000, 0.05))
        free = {"min_effect": 0.0, "switch_cost": 0}
        rows = replace(rows_of(found), exposure=found.exposure)
        made = Evidence(rows, {"candidate": {"contact_rate": 0.4}})
        opened += decide(made, settings(**free)).verdict is Verdict.PROMOTE
    assert opened <= 2


def test_a_log_that_says_too_little_is_refused():
    # the candidate takes an item that was logged 3 times in 2,000: the Open Bandit case
    generator = np.random.default_rng(1)
    taken = np.zeros(2_000)
    taken[generator.choice(2_000, 3, replace=False)] = 1.0
    found = estimators.ips(taken, np.full(2_000, 0.0125), (np.full(2_000, 0.0125), taken))
    decision = judged(found, "ips")
    assert {"effective_share", "largest_weight"} <= failed(decision)
    assert decision.verdict is Verdict.INSUFFICIENT_EVIDENCE


@pytest.mark.parametrize("kind", ["ips", "snips", "dr", "switch"])
@pytest.mark.parametrize("side", ["champion", "candidate"])
@pytest.mark.parametrize("reward", [1.0, -1.0])
def test_a_policy_that_was_never_logged_has_no_evidence(kind, side, reward):
    ones = np.ones(600)
    chances = (0 * ones, 0.5 * ones) if side == "champion" else (0.5 * ones, 0 * ones)
    log = reward * ones, ones * 0.5, chances
    if kind in ("ips", "snips"):
        found = getattr(estimators, kind)(*log)
    else:
        found = estimators.doubly_robust(*log, model_logged=0 * ones, model=(0 * ones, 0 * ones))
    decision = judged(found, kind)
    assert (decision.verdict, decision.gain) == (Verdict.INSUFFICIENT_EVIDENCE, None)
    assert f"the log holds no decision of the {side}" in decision.sentence


@pytest.mark.parametrize(
    "base", [np.array([-1.0, *np.ones(599)]), np.zeros(600), np.full(600, np.nan)]
)
def test_a_base_that_nothing_can_be_divided_by_is_invalid(base):
    found = estimators.ratio((np.ones(600), np.ones(600)), (np.ones(600), base))
    assert judged(found, "ratio").verdict is Verdict.INVALID


def bounds(worst, best, hidden=200, shown=400):
    difference = np.random.default_rng(2).normal(0.6, 1.0, shown)
    values = (np.zeros(shown + hidden), np.r_[difference, np.full(hidden, np.nan)])
    covered = np.r_[np.zeros(shown), np.ones(hidden)]
    ends = [np.full(shown + hidden, end) for end in (worst, best)]
    return estimators.bounded(values, covered, (ends[0], ends[1]))


def test_hidden_outcomes_are_as_bad_as_they_can_be():
    assert judged(bounds(-0.1, 2.0), "bounded").verdict is Verdict.PROMOTE
    decides = judged(bounds(-3.0, 2.0), "bounded")
    assert decides.verdict is Verdict.INSUFFICIENT_EVIDENCE
    assert "outcomes_shown" in failed(decides)
    assert judged(bounds(-9.0, -8.0), "bounded").verdict is Verdict.REJECT
    # what could still be good is not rejected
    assert judged(bounds(-9.0, 8.0), "bounded").verdict is Verdict.INSUFFICIENT_EVIDENCE


@pytest.mark.parametrize(
    ("worst", "best", "words"),
    [(1.0, -1.0, "worst is above the best"), (np.nan, 1.0, "have no finite bounds")],
)
def test_bounds_that_bound_nothing_are_invalid(worst, best, words):
    decision = judged(bounds(worst, best), "bounded")
    assert decision.verdict is Verdict.INVALID
    assert words in str(decision.failed)


@given(st.integers(0, 1_000), st.floats(0.05, 1.0))
@examples(max_examples=15)
def test_a_log_of_certain_actions_is_a_paired_comparison(seed, scale):
    # where everything was observed with certainty, weighting changes nothing
    generator = np.random.default_rng(seed)
    values = (generator.normal(size=200), generator.normal(size=200) * scale)
    plain = gain_of(estimators.paired(values))
    weighted = gain_of(estimators.selective(values, np.ones(200), np.ones(200)))
    bounded = gain_of(estimators.bounded(values, np.zeros(200), (np.zeros(200), np.zeros(200))))
    counted = gain_of(estimators.ratio(values, (np.ones(200), np.ones(200))))
    assert weighted == plain
    assert replace(bounded, upper=plain.upper) == plain
    for name in ("estimate", "standard_error", "lower", "upper"):
        assert getattr(counted, name) == pytest.approx(getattr(plain, name))


def test_an_estimate_is_paired_unless_said_otherwise():
    assert decide(evidence(), settings()).estimator == "paired"
    assert paired(np.ones(3)).bases is None


def test_a_log_that_does_not_speak_of_the_candidate_rejects_nothing():
    """Where no logged row supports it, no bound of its gain is believed."""
    size = 2_000
    chance = np.ones(size), np.where(np.arange(size) == 0, 1.0, 0.0)
    found = estimators.ips(np.ones(size), np.full(size, 1.0), chance)
    decision = decide(evidence(rows_of(found), diagnostics=found.diagnostics), settings())
    assert decision.verdict == "INSUFFICIENT_EVIDENCE"
    names = {check.name for check in decision.failed}
    assert {"effective_share", "largest_weight", "gain_possible"} <= names
