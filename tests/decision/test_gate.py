import json

import numpy as np
import pytest
from builders import SLICE, evidence, failed, lineage, noise, paired, settings
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from kpi_gate.decision import gate
from kpi_gate.decision.fingerprint import decision_id
from kpi_gate.decision.gate import PRECEDENCE, REQUIRED_RULES, decide, refuse
from kpi_gate.decision.objective import GateSettings
from kpi_gate.decision.verdict import Check, Verdict

PROMOTE, INVALID = Verdict.PROMOTE, Verdict.INVALID
some = examples(max_examples=40)

# from hopeless to clear, with ties, tails and few units
differences = st.builds(
    lambda rows, gain, sd, seed, ties: (
        np.round(noise(rows, gain, sd, seed), 3) * (seed % 3 or ties)
    ),
    rows=st.integers(5, 400),
    gain=st.sampled_from([-1.0, 0.0, 0.02, 0.1, 0.3, 1.0]),
    sd=st.sampled_from([0.2, 1.0, 5.0]),
    seed=st.integers(0, 50),
    ties=st.booleans(),
)
objectives = st.fixed_dictionaries(
    {
        "min_effect": st.sampled_from([0.0, 0.02, 0.2]),
        "switch_cost": st.sampled_from([0.0, 150.0, 3_000.0]),
        "confidence": st.sampled_from([0.8, 0.9, 0.95, 0.99]),
    }
)


def verdict(difference, past=(), rails=(), **objective):
    return decide(evidence(difference), settings(*rails, **objective), past).verdict


def test_a_clear_gain_is_promoted():
    decision = decide(evidence(), settings())
    assert decision.verdict is PROMOTE
    assert decision.failed == ()
    assert decision.rows_needed is None
    assert decision.gain.estimate == pytest.approx(0.5)
    assert 0 < decision.gain.shrunk < 0.5
    assert decision.money == pytest.approx(decision.gain.shrunk * 10_000 - 150)


@pytest.mark.parametrize(
    ("found", "objective", "expected", "check"),
    [
        ({"difference": noise(gain=-0.5)}, {}, Verdict.REJECT, "gain_possible"),
        ({}, {"switch_cost": 9_000}, Verdict.REJECT, "gain_possible"),
        ({"difference": noise(gain=0.05)}, {}, Verdict.HOLD, "gain_lower_bound"),
        ({}, {"switch_cost": 4_900}, Verdict.HOLD, "gain_probable"),
        ({}, {"kpi_link": "required"}, Verdict.AB_REQUIRED, "kpi_link"),
        ({"measures": {"candidate": {"contact_rate": 0.95}}}, {}, Verdict.REJECT, "contact_rate"),
        ({"measures": {}}, {}, INVALID, "contact_rate"),
        ({"difference": noise(20)}, {}, Verdict.INSUFFICIENT_EVIDENCE, "effective_units"),
        ({"difference": np.array([])}, {}, Verdict.INSUFFICIENT_EVIDENCE, "rows_present"),
        ({"lineage": lineage(shared_rows=1)}, {}, INVALID, "no_shared_rows"),
        (
            {"lineage": lineage(shortest_window_days=90)},
            {},
            Verdict.INSUFFICIENT_EVIDENCE,
            "window_long_enough",
        ),
        ({"corners": {"rate": (0.1, np.nan)}}, {}, INVALID, "sensitivity"),
        ({"ranges": ("rate",)}, {}, INVALID, "sensitivity"),
        ({"corners": {"rate": (-0.8, 0.1)}}, {}, Verdict.HOLD, "sensitivity rate"),
    ],
)
def test_every_rule_has_its_verdict(found, objective, expected, check):
    decision = decide(evidence(**found), settings(**objective))
    assert decision.verdict is expected
    assert check in failed(decision)


def test_a_clear_loss_is_rejected():
    assert verdict(noise(gain=-0.5)) is Verdict.REJECT
    assert verdict(noise(gain=-0.5) - 40.0) is Verdict.REJECT  # nobody wins


def test_the_worst_verdict_wins():
    checks = [
        Check(name=word, rule="V0", passed=False, reason="", failing=word) for word in PRECEDENCE
    ]
    words = "INVALID REJECT INSUFFICIENT_EVIDENCE HOLD AB_REQUIRED"
    assert " ".join(PRECEDENCE) == words
    while checks:
        assert gate._verdict(checks[::-1]) is checks.pop(0).failing


@pytest.mark.parametrize("rule", sorted(REQUIRED_RULES))
@pytest.mark.parametrize("kpi_link", ["advisory", "required"])
def test_a_rule_that_is_silent_has_not_agreed(monkeypatch, rule, kpi_link):
    for name in (
        "check_valid",
        "check_enough",
        "check_measure",
        "check_gain",
        "check_link",
    ):
        speak = getattr(gate, name)
        monkeypatch.setattr(
            gate,
            name,
            lambda *given, speak=speak: [c for c in speak(*given) if c.rule != rule],
        )
    decision = decide(evidence(), settings(kpi_link=kpi_link))
    assert decision.verdict is INVALID
    assert any(check.reason == f"rule {rule} gave no answer" for check in decision.failed)


def test_guardrails_that_are_gone_are_invalid():
    for gone in ((), []):
        bare = GateSettings.model_construct(**{**vars(settings()), "guardrails": gone})
        assert decide(evidence(), bare).verdict is INVALID


def test_that_nothing_is_watched_is_said_on_every_page():
    bare = GateSettings.model_validate({**settings().model_dump(), "guardrails": []})
    decision = decide(evidence(), bare)
    assert decision.verdict is PROMOTE
    for text in (decision.to_text(), decision.to_markdown(), decision.to_html()):
        assert "no guardrails were declared" in " ".join(text.split())
    assert decide(evidence(noise(gain=-0.5)), bare).verdict is Verdict.REJECT


@given(differences, objectives, st.sampled_from([0.4, 0.95, None]), st.integers(0, 2))
@some
def test_promote_means_that_every_check_passed(difference, objective, rate, shared):
    measures = {"candidate": {} if rate is None else {"contact_rate": rate}}
    found = evidence(difference, measures=measures, lineage=lineage(shared_rows=shared // 2))
    decision = decide(found, settings(**objective))
    assert (decision.verdict is PROMOTE) == (not decision.failed)
    if decision.verdict is not PROMOTE:
        assert decision.verdict in {check.failing for check in decision.failed}


@given(
    st.sampled_from(["champion", "candidate"]),
    st.lists(st.tuples(st.integers(0, 599), st.sampled_from([np.nan, np.inf, -np.inf, 1e300]))),
)
@some
def test_a_value_that_is_not_finite_is_invalid(side, holes):
    rows = paired(noise(gain=2.0))
    for row, value in holes:
        getattr(rows, side)[row] = value
    decision = decide(evidence(rows), settings())
    assert decision.verdict is (INVALID if holes else PROMOTE)
    assert (decision.gain is None) == bool(holes)
    json.dumps(decision.model_dump(mode="json"), allow_nan=False)


@given(differences, objectives)
@some
def test_swapping_never_promotes_both(difference, objective):
    both = [verdict(sign * difference, **objective) for sign in (1, -1)]
    assert both != [PROMOTE, PROMOTE]


@given(differences, st.sampled_from([0.01, 0.37, 8.0, 1_000.0]))
@some
def test_the_currency_does_not_matter(difference, scale):
    rails = [SLICE, {**SLICE, "may_lose": SLICE["may_lose"] * scale}]
    region = np.where(np.arange(difference.size) % 2, "north", "south")
    answers = [
        decide(
            evidence(difference * by, region=region),
            settings(rail, min_effect=0.02 * by, switch_cost=150 * by),
        )
        for rail, by in zip(rails, (1, scale), strict=True)
    ]
    assert answers[0].verdict is answers[1].verdict
    assert failed(answers[0]) == failed(answers[1])


@given(differences, st.floats(0.0, 0.5), objectives)
@some
def test_a_worse_candidate_is_never_nearer_to_promotion(difference, loss, objective):
    before, after = (
        decide(evidence(values), settings(**objective))
        for values in (difference, difference - loss)
    )
    assert after.gain.estimate <= before.gain.estimate
    assert after.gain.lower <= before.gain.lower + 1e-9
    # the commonest difference is not drawn: where a loss makes it another one, others are drawn
    draws = 1_000 if np.unique(difference).size < difference.size else np.inf
    chance = 5 * np.sqrt(2 * 0.25 / draws)
    assert after.gain.p_above_threshold <= before.gain.p_above_threshold + chance + 1e-9
    assert after.gain.shrunk <= before.gain.shrunk + 1e-9
    stopped = {check.rule for check in before.failed} & {"V1", "V2"}
    if stopped - ({"V1"} if chance else set()):
        assert after.verdict is not PROMOTE


def test_a_loss_on_top_never_opens_the_gate_where_units_differ_in_size():
    # each unit gains one in all, and the same a decision on top: taking the latter away must not
    # leave a gain without scatter
    sizes = np.random.default_rng(7).integers(1, 30, 100)
    fixed, unit = np.repeat(1 / sizes, sizes), np.repeat(np.arange(100), sizes)
    bounds = [
        decide(evidence(fixed + more, unit=unit), settings()).gain for more in (0.2, 0.1, 0.0)
    ]
    errors = [bound.standard_error for bound in bounds]
    assert errors == pytest.approx([errors[0]] * 3)
    assert bounds[0].lower > bounds[1].lower > bounds[2].lower


@given(differences, objectives, st.floats(0, 1), st.floats(0, 0.19))
@some
def test_a_stricter_objective_never_opens_the_gate(difference, objective, effect, confidence):
    strict = {
        "min_effect": objective["min_effect"] + effect,
        "confidence": min(objective["confidence"] + confidence, 0.999),
    }
    if verdict(difference, **objective) is not PROMOTE:
        assert verdict(difference, **{**objective, **strict}) is not PROMOTE


@given(differences, st.randoms(use_true_random=False))
@some
def test_order_of_rows_and_names_of_units_do_not_matter(difference, random):
    rows = np.arange(difference.size)
    unit, day, region = rows % 50, rows % 13, np.where(rows % 2, "north", "south")
    names = random.sample(range(1_000), 50)
    order = np.array(random.sample(range(rows.size), rows.size))
    plain = evidence(difference, unit=unit, day=day, region=region)
    other = evidence(
        difference[order],
        unit=np.array(names)[unit][order],
        day=-day[order],
        region=region[order],
    )
    one, two = (decide(found, settings(SLICE)) for found in (plain, other))
    assert one.verdict is two.verdict
    assert failed(one) == failed(two)
    assert one.gain.lower == pytest.approx(two.gain.lower, rel=1e-9)
    assert one.slices == two.slices or len(one.slices) == len(two.slices)


@pytest.mark.parametrize("min_effect", [0.0, 0.02])
def test_a_tie_never_promotes(min_effect):
    free = {"min_effect": min_effect, "switch_cost": 0}
    assert verdict(np.zeros(600), **free) is not PROMOTE
    assert verdict(np.full(600, -0.0), **free) is not PROMOTE
    assert verdict(noise(gain=0.0), **free) is not PROMOTE
    rounding = paired(np.abs(noise()) * 1e-16, champion=0.3)
    assert verdict(rounding, **free) is not PROMOTE
    assert verdict(np.abs(noise()) * 5e-324, **free) is not PROMOTE
    assert verdict(np.abs(noise()) * 1e-170, **free) is not PROMOTE


def test_a_gain_of_exactly_the_threshold_never_promotes():
    assert verdict(noise(gain=0.02, sd=1e-4) * 1.0) is not PROMOTE
    assert verdict(np.full(600, 0.02)) is not PROMOTE


@pytest.mark.parametrize(
    ("rows", "unit", "day"),
    [(600, 0, None), (1, None, None), (2, None, None), (29, None, None)],
)
def test_one_unit_or_few_rows_never_promote(rows, unit, day):
    codes = {
        name: np.zeros(rows, dtype=int)
        for name, code in (("unit", unit), ("day", day))
        if code is not None
    }
    decision = decide(evidence(noise(rows, 2.0) if rows > 1 else [2.0], **codes), settings())
    assert decision.verdict is Verdict.INSUFFICIENT_EVIDENCE
    if unit == 0:
        reasons = " ".join(check.reason for check in decision.checks)
        assert "unknown: a single unit" in reasons
        assert "inf" not in reasons.replace("information", "")


def test_a_day_that_gains_by_chance_is_no_proof():
    day = np.repeat(np.arange(12), 100)
    shock = np.where(day == 3, 6.0, 0.0)
    assert verdict(paired(shock + noise(1_200, 0, sd=0.5), day=day)) is not PROMOTE


def test_a_slice_that_loses_stops_a_gain_in_total():
    region = np.array(["north"] * 500 + ["south"] * 100)
    hidden = evidence(np.r_[noise(500, 1.0), noise(100, -1.5)], region=region)
    assert decide(hidden, settings(SLICE)).verdict is Verdict.REJECT
    assert decide(hidden, settings()).verdict is PROMOTE


def test_a_slice_that_is_never_tested_guards_nothing():
    shards = np.array([f"s{number}" for number in range(600)])
    found = evidence(noise(600), region=shards)
    assert decide(found, settings(SLICE)).verdict is Verdict.INSUFFICIENT_EVIDENCE


def test_thousands_of_levels_are_measured():
    shards = np.array([f"s{number % 3_000}" for number in range(60_000)])
    decision = decide(evidence(noise(60_000, sd=0.1), region=shards), settings(SLICE))
    assert len(decision.slices) == 3_000
    assert decision.verdict is PROMOTE


def test_the_same_inputs_are_the_same_decision():
    first, second = (decide(evidence(lineage=lineage()), settings()) for _ in range(2))
    assert first == second
    assert first.decision_id == decision_id(evidence(lineage=lineage()), settings())


def test_whatever_can_change_the_verdict_changes_the_id():
    rows = np.arange(600)
    found = [
        evidence(),
        evidence(noise(seed=2)),
        evidence(unit=rows % 30),
        evidence(day=rows % 3),
        evidence(champion=1.0),
        evidence(measures={"candidate": {"contact_rate": 0.95}}),
        evidence(lineage=lineage()),
        evidence(region=np.full(600, "north")),
        evidence(region=np.full(600, "south")),
    ]
    ids = [decision_id(one, settings()) for one in found]
    ids.append(decision_id(evidence(), settings(min_effect=0.03)))
    assert len(set(ids)) == len(ids)


def test_timings_and_the_sign_of_zero_leave_the_id():
    def timed(latency, zero):
        numbers = {"candidate": {"contact_rate": 0.4, "latency_ratio": latency}}
        return decision_id(evidence(np.r_[noise(), zero], measures=numbers), settings())

    assert timed(1.0, 0.0) == timed(1.2, -0.0)


def test_decisions_are_strict_json():
    strange = {"candidate": {"contact_rate": 0.4, "other": np.nan, "huge": np.inf}}
    decision = decide(
        evidence(measures=strange, corners={"rate": (0.1, np.inf)}, lineage=lineage()), settings()
    )
    text = json.dumps(decision.model_dump(mode="json"), allow_nan=False)
    assert json.loads(text)["measures"] == {"candidate": {"contact_rate": 0.4}}


@pytest.mark.parametrize(
    "past",
    [
        [(np.nan, 1.0)],
        [(0.0, 0.0)],
        [(1.0, -1.0)],
        [(np.inf, np.inf)],
        [(0.0, 1e-300)],
        [(1e300, 1)],
    ],
)
def test_a_past_that_cannot_be_used_is_left_out(past):
    assert decide(evidence(), settings(), past) == decide(evidence(), settings())


def test_a_history_of_nothing_makes_the_gate_stricter():
    quiet = [(gain, 0.25) for gain in np.random.default_rng(7).normal(0, 0.25, 40)]
    difference = noise(400, gain=0.625, sd=5.0)
    costly = {"switch_cost": 700, "min_effect": 0, "confidence": 0.8}
    assert verdict(difference, **costly) is PROMOTE
    assert verdict(difference, quiet, **costly) is Verdict.HOLD


def test_a_refusal_is_a_decision():
    one = refuse("the file is gone", settings(), check="file", subject="toy")
    assert (one.verdict, one.gain, one.rows_needed) == (INVALID, None, None)
    assert one.decision_id != refuse("x", settings(), check="file", subject="toy").decision_id


def test_chance_alone_seldom_opens_the_gate():
    # twins whose true gain is exactly the threshold; customers come back and differ in size
    generator = np.random.default_rng(7)
    opened = 0
    for _ in range(200):
        sizes = generator.geometric(0.4, 200)
        unit = np.repeat(np.arange(200), sizes)
        taste = np.repeat(generator.normal(0, 0.5, 200), sizes)
        difference = 0.02 + taste + generator.normal(0, 1, unit.size)
        opened += verdict(paired(difference, unit=unit), switch_cost=0) is PROMOTE
    assert opened / 200 < 0.08


def test_a_gain_of_four_standard_errors_opens_it():
    generator = np.random.default_rng(7)
    gains = [generator.normal(0.02 + 4 * 2 / np.sqrt(600), 2.0, 600) for _ in range(60)]
    assert np.mean([verdict(gain) is PROMOTE for gain in gains]) >= 0.8
