import numpy as np
import pytest
from health_shop import PAST, ROWS, day, use_case

from kpi_gate.decision.watch_settings import Band
from kpi_gate.errors import ConfigurationError
from kpi_gate.learning.scoring import ScoringError
from kpi_gate.watch.health.behaviour import check_behaviour, check_golden
from kpi_gate.watch.health.outputs import check_outputs

TODAY = day(PAST)
WEEKDAYS = [number % 7 for number in range(PAST + 1)]


def score(rows):
    line = 0.02 * (rows["balance_eur"] - 100) + 0.5 * (rows["plan"] == "pro") - 1
    return (1 / (1 + np.exp(-line))).to_numpy(dtype=float)


def act(scores, rows):
    return (scores > 0.3).astype(float)


USUAL = [score(day(number)) for number in range(PAST)]
RATES = [float(act(scores, None).mean()) for scores in USUAL]


def outputs(scores, actions=None, band=None, usual=USUAL, rates=RATES, weekdays=WEEKDAYS):
    actions = act(scores, None) if actions is None else actions
    found = check_outputs(scores, actions, list(zip(usual, rates, strict=True)), band, weekdays)
    return {finding.check: finding for finding in found}


def test_a_sound_days_scores_pass():
    assert outputs(score(TODAY)) == {}
    assert outputs(score(TODAY), weekdays=()) == {}


@pytest.mark.parametrize(
    ("check", "broken"),
    [
        ("constant", lambda s: np.full(ROWS, 0.3)),
        ("classes", lambda s: (s > 0.3).astype(float)),
        ("collapsed", lambda s: np.where(s > 0.3, 0.6, 0.2)),
        ("outside", lambda s: 2 * s - 0.3),
        ("not_finite", lambda s: np.where(np.arange(ROWS) < 3, np.nan, s)),
    ],
)
def test_scores_that_are_no_probabilities_are_severe(check, broken):
    found = outputs(broken(score(TODAY)), actions=act(score(TODAY), None))
    assert list(found) == [check]
    assert (found[check].severity, found[check].about) == ("severe", "model")


def test_a_policy_by_rules_may_have_two_scores():
    rules = [np.where(scores > 0.3, 0.6, 0.2) for scores in USUAL]
    assert "constant" not in outputs(np.full(ROWS, 0.6), usual=rules)
    assert (
        outputs(np.where(score(TODAY) > 0.3, 0.6, 0.2), act(score(TODAY), None), usual=rules) == {}
    )


def test_moved_scores_are_a_warning():
    moved = outputs(np.clip(score(TODAY) + 0.08, 0, 1), act(score(TODAY), None))
    assert [finding.severity for finding in moved.values()] == ["warning"]
    assert set(moved) <= {"score_shift", "score_mean"}


def test_a_decision_rate_far_from_the_usual():
    found = outputs(score(TODAY), np.ones(ROWS))["decision_rate"]
    assert (found.severity, found.value) == ("warning", 1.0)
    assert "no surprise" in found.sentence


def test_a_declared_band_is_the_only_bound():
    band = Band(low=0.9, high=1.0)
    assert outputs(score(TODAY), np.ones(ROWS), band) == {}
    found = outputs(score(TODAY), act(score(TODAY), None), band)["decision_rate"]
    assert (found.severity, found.bound) == ("severe", 0.9)
    assert "90.00% to 100.00% is its band in the YAML" in found.sentence
    just_below = (np.arange(ROWS) >= 0.12 * ROWS).astype(float)  # within chance of the band
    assert outputs(score(TODAY), just_below, band) == {}


def test_actions_that_are_not_finite():
    broken = np.where(np.arange(ROWS) < 5, np.nan, 1.0)
    assert outputs(score(TODAY), broken)["decision_rate"].severity == "severe"


def test_without_good_days_only_the_scores_themselves_are_looked_at():
    few = {"usual": USUAL[:2], "rates": RATES[:2], "weekdays": ()}
    assert outputs(np.clip(score(TODAY) * 2, 0, 1), **few) == {}
    assert set(outputs(np.full(ROWS, 0.3), usual=[], rates=[], weekdays=())) == {"constant"}


def test_lengths_must_go_together():
    with pytest.raises(ValueError, match="must have shape"):
        outputs(score(TODAY), np.ones(3))
    with pytest.raises(ValueError, match="28 good days, 28 weekdays"):
        outputs(score(TODAY), weekdays=WEEKDAYS[1:])


def golden():
    scores = score(TODAY)
    return TODAY.assign(golden_probability=scores, golden_action=act(scores, TODAY))


def test_golden_rows_that_score_as_before_pass():
    assert check_golden(score, golden(), act) == []
    assert check_golden(lambda rows: score(rows) + 1e-12, golden(), act) == []


def test_golden_rows_that_score_otherwise():
    (found,) = check_golden(lambda rows: score(rows) + 1e-6, golden(), act)
    assert (found.check, found.severity, found.about) == ("golden", "severe", "model")
    assert found.value == pytest.approx(1e-6, rel=0.01)
    assert "300 of 300 rows have another score" in found.sentence


def test_golden_actions_are_compared_too():
    (found,) = check_golden(score, golden(), lambda scores, rows: np.zeros(len(rows)))
    assert "another action" in found.sentence


def test_golden_rows_that_cannot_be_scored():
    def fails(rows):
        raise ScoringError("no such column: plan")

    assert "no such column" in check_golden(fails, golden())[0].sentence
    assert "shape" in check_golden(lambda rows: np.ones(2), golden())[0].sentence
    assert "another score" in check_golden(lambda rows: np.full(ROWS, np.nan), golden())[0].sentence
    assert "no golden rows" in check_golden(score, golden()[:0])[0].sentence


def behaviour(broken=score, **monitor):
    return check_behaviour(broken, TODAY, use_case(**monitor))


def test_a_sound_model_behaves():
    rising = {"column": "balance_eur", "add": 10, "score": "up"}
    assert behaviour(invariant=["amount_eur"], directions=[rising]) == []
    assert check_behaviour(score, TODAY[:0], use_case()) == []


@pytest.mark.parametrize(
    ("check", "broken"),
    [
        ("invariant", lambda rows: score(rows) + rows["unit"].to_numpy() / 1e6),
        ("row_order", lambda rows: score(rows) * (1 - np.arange(len(rows)) / 1e5)),
        ("other_rows", lambda rows: score(rows) - score(rows).mean() / 100),
        ("column_order", lambda rows: score(rows) * (0.9 if rows.columns[0] == "unit" else 1)),
        ("extra_column", lambda rows: score(rows) / rows.shape[1]),
    ],
)
def test_what_a_score_must_not_hang_on(check, broken):
    found = behaviour(broken)
    assert check in {finding.check for finding in found}
    assert all(finding.severity == "severe" for finding in found)


def test_a_column_that_is_declared_irrelevant():
    (found,) = behaviour(invariant=["plan"])
    assert found.column == "plan"
    assert "shuffled between rows" in found.sentence


@pytest.mark.parametrize("change", [{"add": -10}, {"times": 0.5}])
def test_a_direction_that_does_not_hold(change):
    (found,) = behaviour(directions=[{"column": "balance_eur", "score": "up", **change}])
    assert (found.check, found.column, found.bound) == ("direction", "balance_eur", 0.95)
    assert found.value < 0.1
    assert behaviour(directions=[{"column": "balance_eur", "score": "down", **change}]) == []


def test_a_score_may_stand_still():
    assert behaviour(directions=[{"column": "amount_eur", "add": 10, "score": "up"}]) == []


def test_a_column_that_is_not_there_is_refused():
    with pytest.raises(ConfigurationError, match=r"monitor.invariant: column == 'colour'"):
        behaviour(invariant=["colour"])
    with pytest.raises(ConfigurationError, match=r"column == 'plan' is .*, must be a number"):
        behaviour(directions=[{"column": "plan", "add": 1, "score": "up"}])


def test_a_model_that_fails_on_recent_rows():
    def fails(rows):
        raise ScoringError("boom")

    (found,) = behaviour(fails)
    assert (found.check, found.severity) == ("scores", "severe")
