import re
from datetime import timedelta

import numpy as np
import pytest
from builders import SLICE, START, evidence, lineage, noise, paired, settings

from kpi_gate.decision.checks.validity import check_valid
from kpi_gate.decision.evidence import Contender, Window
from kpi_gate.decision.fingerprint import fingerprint
from kpi_gate.decision.gate import decide
from kpi_gate.decision.paired_rows import PairedRows
from kpi_gate.decision.verdict import Verdict

BASELINE = Contender(name="baseline", digest="b")
DAY = timedelta(days=1)


def wrong(found, *rails):
    checks = check_valid(found, settings(*rails))
    return {check.name: check for check in checks if check.failed}


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
        ({"matured": 0.90}, "labels_mature", Verdict.INVALID),
        ({"matured": 0.94}, "labels_mature", Verdict.INSUFFICIENT_EVIDENCE),  # by chance, of 638
        ({"matured": float("nan")}, "labels_mature", Verdict.INVALID),
        ({"missing_labels": {"2024-03-01": 7}}, "labels_mature", Verdict.INVALID),
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
    assert any(check.reason.startswith("the rule of thumb has seen nothing") for check in checks)


def keyed(**changes):
    origin = {"row_fingerprint": fingerprint(np.arange(600)), **changes}
    return {"key": np.arange(600), "lineage": lineage(**origin)}


def at(days):
    return np.full(600, int((START + timedelta(days=days)).timestamp() * 1e6))


def test_a_row_outside_the_window_is_invalid():
    end = lineage().window.end
    inside = at(1)
    assert wrong(evidence(time=inside, **keyed())) == {}
    assert wrong(evidence(time=at(0), **keyed())) == {}
    for moment in (START - timedelta(microseconds=1), end):
        outside = inside.copy()
        outside[9] = int(moment.timestamp() * 1e6)
        found = wrong(evidence(time=outside, **keyed()))
        assert list(found) == ["rows_in_window"]
        assert found["rows_in_window"].reason.startswith("1 of 600 rows lie outside")


def test_rows_that_are_not_those_that_were_fingerprinted_are_invalid():
    assert list(wrong(evidence(**keyed(row_fingerprint="other")))) == ["rows_as_fingerprinted"]
    swapped = evidence(**(keyed() | {"key": np.arange(600)[::-1]}))
    assert list(wrong(swapped)) == ["rows_as_fingerprinted"]


@pytest.mark.parametrize(("late", "known"), [(0, True), (0.99, True), (1, False), (31, False)])
def test_evidence_of_an_earlier_month_is_invalid(late, known):
    delay = (lineage().as_of - lineage().window.end).days - late
    found = wrong(evidence(lineage=lineage(label_delay_days=delay)))
    assert ("window_recent" not in found) == known


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ({"2024-03-01": 7}, "7 outcomes of 2024-03-01 are due and missing"),
        ({"2024-03-01": 7, "2024-03-05": 8}, "15 outcomes of 2 days from 2024-03-01 to 2024-03-05"),
    ],
)
def test_the_days_whose_outcomes_are_missing_are_named(missing, words):
    nothing = paired(np.zeros(0), unit=np.zeros(0, dtype=np.int64))
    for rows in (paired(noise()), nothing):
        found = evidence(rows, lineage=lineage(missing_labels=missing))
        assert words in wrong(found)["labels_mature"].reason


def test_evidence_of_another_tick_is_invalid():
    found = evidence(lineage=lineage())
    asked = [lineage().as_of, lineage().as_of + DAY, None]
    answers = [{c.name for c in check_valid(found, settings(), tick) if c.failed} for tick in asked]
    assert answers == [set(), {"evidence_of_this_tick"}, set()]


def test_what_the_measurer_found_wrong_is_invalid():
    found = evidence(faults=("propensity: 3 of 600 rows are 0",))
    assert wrong(found)["rows_readable"].reason == "propensity: 3 of 600 rows are 0"
    assert decide(found, settings()).gain is None


@pytest.mark.parametrize("array", ["key", "time", "exposure", "at_best"])
def test_a_further_array_of_another_length_is_invalid(array):
    check = wrong(evidence(**{array: np.arange(599)}))["rows_readable"]
    assert check.reason == f"{array} has shape (599,), must be (600,)"
