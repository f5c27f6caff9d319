from types import SimpleNamespace

import numpy as np
import pytest
from asgi_calls import Echo, ask

from kpi_gate.serving.http.metrics import BOUNDS, Counted, Counts
from kpi_gate.serving.http.score_shift import FEWEST, LATEST, ScoreShift


def answer(version="v1", arm="champion", score=0.5, fault=None, rule=False):
    return SimpleNamespace(
        version=version, arm=arm, score=score, fault=fault, rule_of_thumb=rule or bool(fault)
    )


def series(counts):
    return {
        (family.name + end, *labels.values()): value
        for family in counts.families()
        for end, labels, value in family.samples
    }


def test_requests_are_counted_by_route_use_case_and_status():
    counts = Counts(["campaign"])
    ask(Counted(Echo(), counts), "/campaign/decisions")
    ask(Counted(Echo(status=422), counts), "/campaign/decisions")
    ask(Counted(Echo(status=404), counts), "/somebody's name/decisions")
    found = series(counts)
    assert found["kpi_gate_requests_total", "decisions", "campaign", "200"] == 1
    assert found["kpi_gate_requests_total", "decisions", "campaign", "422"] == 1
    assert found["kpi_gate_requests_total", "decisions", "", "404"] == 1
    assert found["kpi_gate_failures_total", "campaign", "bad row"] == 1
    assert found["kpi_gate_request_seconds_count", "decisions", "campaign"] == 2
    assert not [place for place in found if "somebody's name" in place]


def test_a_request_that_fails_is_one_that_the_server_failed():
    async def broken(scope, receive, send):
        raise KeyError("x")

    counts = Counts(["campaign"])
    with pytest.raises(KeyError):
        ask(Counted(broken, counts), "/campaign/decisions")
    assert series(counts)["kpi_gate_failures_total", "campaign", "server"] == 1


def test_times_fall_into_the_bucket_of_their_bound():
    counts = Counts([])
    for seconds in (BOUNDS[0], BOUNDS[0] * 1.01, 1e6):
        counts.request("version", "", 200, seconds)
    found = series(counts)
    name = ("kpi_gate_request_seconds_bucket", "version", "")
    assert [found[(*name, str(bound))] for bound in (*BOUNDS[:2], "+Inf")] == [1, 2, 3]


def test_decisions_are_counted_by_who_made_them():
    counts = Counts(["a"])
    answers = [answer(), answer(arm="holdout", rule=True, version="baseline"), answer(fault="NaN")]
    counts.decided("a", answers, lambda version: [])
    counts.decided("a", [answer("v2", "treatment")], lambda version: [])
    found = series(counts)
    assert found["kpi_gate_decisions_total", "a", "v1", "champion"] == 2
    assert found["kpi_gate_decisions_total", "a", "baseline", "holdout"] == 1
    assert found["kpi_gate_decisions_total", "a", "v2", "treatment"] == 1
    assert found["kpi_gate_rule_of_thumb_total", "a"] == 2
    assert found["kpi_gate_failures_total", "a", "not scored"] == 1


def test_swaps_and_what_could_not_be_loaded_are_counted_once_each():
    counts = Counts(["a"])
    assert series(counts)["kpi_gate_swaps_total", "a"] == 0
    counts.swapped("a", "v1", "v2")
    for why in ("corrupt", "corrupt", "disk"):
        counts.not_loaded("a", "v3", why)
    found = series(counts)
    assert found["kpi_gate_swaps_total", "a"] == 1
    assert found["kpi_gate_reload_failures_total", "a"] == 2


def test_scores_that_move_are_seen_and_those_that_do_not_are_not():
    random = np.random.default_rng(5)
    golden = random.beta(2, 6, 200).tolist()
    same, moved = ScoreShift(golden), ScoreShift(golden)
    for score in random.beta(2, 6, 3 * LATEST):
        same.add(score)
        moved.add(score * 1.5)
    assert same.psi < 0.1
    assert moved.psi > 0.25
    for score in random.beta(2, 6, LATEST):
        moved.add(score)
    assert moved.psi < 0.1  # what was long ago is forgotten


def test_of_few_scores_and_of_a_constant_one_nothing_is_said_in_error():
    few = ScoreShift([0.1 * each for each in range(200)])
    for _ in range(FEWEST - 1):
        few.add(0.3)
    assert few.psi is None
    none, one = ScoreShift([]), ScoreShift([0.5] * 200)
    for _ in range(FEWEST):
        none.add(0.3)
        one.add(0.5)
    assert none.psi is None
    assert one.psi == pytest.approx(0, abs=1e-3)
