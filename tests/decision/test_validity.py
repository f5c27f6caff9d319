import re
from datetime import timedelta

import numpy as np
import pytest
from builders import SLICE, START, evidence, lineage, noise, paired, settings

from kpi_gate.decision.evidence import Contender, PairedRows, Window
from kpi_gate.decision.gain import paired_gain
from kpi_gate.decision.gate import decide
from kpi_gate.decision.sufficiency import check_enough, rows_for_enough
from kpi_gate.decision.validity import check_valid
from kpi_gate.decision.verdict import Verdict

BASELINE = Contender(name="baseline", digest="b")
DAY = timedelta(days=1)


def wrong(found, *rails):
    checks = check_valid(found, settings(*rails))
    return {check.name: check for check in checks if not check.passed}


def enough(difference, unit=None, day=None, **objective):
    asked = settings(**objective).objective
    unit = np.arange(len(difference)) if unit is None else unit
    day = np.arange(len(difference)) % 12 if day is None else day
    gain = paired_gain(difference, unit, day, threshold=0.02, resamples=1_000)
    return (
        gain,
        {c.name for c in check_enough(gain, paired(difference), asked) if not c.passed},
        asked,
    )


def test_good_evidence_has_no_fault():
    assert wrong(evidence()) == {}
    assert wrong(evidence(lineage=lineage())) == {}
    assert wrong(evidence(lineage=lineage(champion=BASELINE))) == {}


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e16, -1e300])
@pytest.mark.parametrize("side", ["champion", "candidate"])
def test_a_value_that_is_no_money_is_invalid(value, side):
    rows = paired(noise())
    getattr(rows, side)[3] = value
    check = wrong(evidence(rows))["values_finite"]
    assert check.failing is Verdict.INVALID
    assert f"1 of 600 rows of the {side}" in check.reason


@pytest.mark.parametrize(
    ("array", "words"),
    [
        ({"candidate": np.zeros(599)}, r"candidate has shape \(599,\)"),
        ({"candidate": np.zeros((600, 1))}, r"candidate has shape \(600, 1\)"),
        ({"candidate": np.zeros(600, dtype=bool)}, "candidate holds bool"),
        ({"candidate": np.zeros(600, dtype=object)}, "candidate holds object"),
        ({"candidate": np.zeros(600, dtype=complex)}, "candidate holds complex"),
        ({"champion": np.full(600, "1.0")}, "champion holds <U3"),
        ({"unit": np.full(600, np.nan)}, "unit holds float64"),
        ({"unit": np.arange(3)}, "unit has shape"),
        ({"day": np.array(["2024-01-01"] * 600, dtype="M8[D]")}, "day holds datetime64"),
        ({"slices": {"region": np.array(["a"])}}, "region has shape"),
        ({"slices": {"region": np.full(600, np.nan, dtype=object)}}, "region holds float"),
        ({"slices": {"region": np.arange(600)}}, "region holds int"),
    ],
)
def test_rows_that_cannot_be_read_are_invalid(array, words):
    good = paired(noise())
    rows = PairedRows(**{**vars(good), **array})
    check = wrong(evidence(rows))["rows_readable"]
    assert re.match(words, check.reason)
    assert decide(evidence(rows), settings()).verdict is Verdict.INVALID


def test_integers_are_money_and_do_not_overflow():
    rows = PairedRows(
        unit=np.arange(3, dtype=np.uint8),
        day=np.zeros(3, dtype=int),
        champion=np.array([2**62, 0, 1]),
        candidate=np.array([-(2**62), 1, 1]),
    )
    assert rows.fault() == ""
    assert rows.difference[0] == -(2.0**63)
    assert "values_finite" in wrong(evidence(rows))


def test_rounding_is_a_tie():
    assert (paired([1e-14, -5e-324, 0.0]).difference == 0).all()
    assert (paired(np.full(3, 1e-9), champion=1e4).difference == 0).all()
    assert (paired([1e-5]).difference == [1e-5]).all()


def test_no_rows_are_too_little():
    found = wrong(evidence(paired(np.array([]))))
    assert found["rows_present"].failing is Verdict.INSUFFICIENT_EVIDENCE


@pytest.mark.parametrize("hole", [None, "", "  "])
def test_a_missing_level_is_invalid(hole):
    region = np.array(["north", "south"] * 300, dtype=object)
    assert wrong(evidence(region=region), SLICE) == {}
    region[5] = hole
    check = wrong(evidence(region=region), SLICE)["slices_present"]
    assert check.failing is Verdict.INVALID
    assert check.reason == "1 of 600 rows have no region"


def test_a_missing_column_is_invalid():
    check = wrong(evidence(), SLICE)["slices_present"]
    assert check.failing is Verdict.INVALID
    assert check.value == 600


@pytest.mark.parametrize(
    ("changes", "name", "verdict"),
    [
        ({"scored_snapshot": "e" * 32}, "same_snapshot", Verdict.INVALID),
        ({"scored_snapshot": "", "snapshot": ""}, "same_snapshot", Verdict.INVALID),
        ({"shared_rows": 1}, "no_shared_rows", Verdict.INVALID),
        ({"matured": 0.94}, "labels_mature", Verdict.INVALID),
        ({"matured": float("nan")}, "labels_mature", Verdict.INVALID),
        ({"as_of": START}, "window_in_the_past", Verdict.INVALID),
        ({"shortest_window_days": 41}, "window_long_enough", Verdict.INSUFFICIENT_EVIDENCE),
        ({"shortest_window_days": float("nan")}, "window_long_enough", None),
        (
            {"window": Window(start=START, end=START + 27 * DAY)},
            "window_long_enough",
            Verdict.INSUFFICIENT_EVIDENCE,
        ),
    ],
)
def test_lineage_is_proof(changes, name, verdict):
    found = evidence(lineage=lineage(**changes))
    assert set(wrong(found)) == {name}
    assert verdict in (None, decide(found, settings()).verdict)


@pytest.mark.parametrize("side", ["champion", "candidate"])
@pytest.mark.parametrize("moment", ["trained_until", "tuned_until", "promoted_on"])
def test_a_window_that_either_side_has_seen_is_stale(side, moment):
    contender = Contender(name="v7", digest="s", trained_until=START - DAY)
    late = contender.model_copy(update={moment: START + DAY})
    check = wrong(evidence(lineage=lineage(**{side: late})))["window_fresh"]
    assert check.failing is Verdict.INVALID
    assert check.value == 1
    who = "the candidate" if side == "candidate" else "the champion v7"
    assert check.reason.startswith(f"{who} has seen rows until 2024-06-02; the gate window is")
    assert wrong(evidence(lineage=lineage(**{side: contender}))) == {}


@pytest.mark.parametrize("side", ["champion", "candidate"])
def test_a_side_that_hides_its_training_is_invalid(side):
    silent = Contender(name="3", digest="s", promoted_on=START - DAY)
    check = wrong(evidence(lineage=lineage(**{side: silent})))["window_fresh"]
    who = "the candidate" if side == "candidate" else "the champion v3"
    assert check.reason == f"nobody says until when {who} was trained"


def test_a_candidate_is_no_baseline():
    assert "window_fresh" in wrong(evidence(lineage=lineage(candidate=BASELINE)))


def test_the_baseline_is_called_so():
    checks = check_valid(evidence(lineage=lineage(champion=BASELINE)), settings())
    assert any(check.reason.startswith("the baseline has seen nothing") for check in checks)


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
    gain, found, _ = enough(difference, max_unit_share=0.5, min_effective_units=2)
    assert gain.lower > 0.02
    assert found == {"tail_skew"}
    assert "tail_skew" not in enough(np.r_[difference, -difference])[1]


def test_loss_events_can_be_asked_for():
    savings = np.abs(noise(600, 0.1, sd=0.05))
    assert enough(savings)[1] == set()
    assert enough(savings, min_loss_events=100)[1] == {"loss_events"}


def test_the_decisions_needed_are_enough():
    for difference in (noise(20), np.r_[np.full(150, 1.0), np.full(10, -2.0)]):
        gain, found, asked = enough(difference)
        times = int(np.ceil(rows_for_enough(gain, asked) / len(difference)))
        assert found
        assert times > 1
        assert not enough(np.tile(difference, times))[1]
    gain, found, asked = enough(noise(600))
    assert rows_for_enough(gain, asked) == 0
