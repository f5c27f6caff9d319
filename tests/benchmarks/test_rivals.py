import numpy as np
import pytest

from benchmarks.simulation.rivals import (
    HigherMetric,
    RelativeThreshold,
    ReusedHoldout,
    RowBootstrap,
    StoredMetric,
)
from benchmarks.simulation.worlds import Look
from kpi_gate.decision.paired_rows import PairedRows

pytestmark = pytest.mark.slow


def look(champion=1.0, candidate=1.0, truth=0.0, difference=None, unit=None):
    difference = np.full(10, candidate - champion) if difference is None else difference
    size = difference.size
    rows = PairedRows(
        unit=np.arange(size) if unit is None else unit,
        day=np.arange(size) % 28,
        champion=np.full(size, champion),
        candidate=champion + difference,
    )
    return Look(truth, rows, champion, champion + float(difference.mean()))


def test_a_higher_metric_promotes_and_a_tie_does_not():
    promoted = HigherMetric().judge(look(1.0, 1.25, truth=-0.1))
    assert promoted == (-0.1, 0.25, 0.25)
    assert HigherMetric().judge(look(1.0, 1.0)) is None


@pytest.mark.parametrize(
    ("champion", "candidate", "promoted"),
    [(1.0, 1.0625, True), (1.0, 1.03125, False), (-1.0, -0.9375, True), (-1.0, -1.0625, False)],
)
def test_a_relative_threshold_is_of_the_size_of_the_champion(champion, candidate, promoted):
    answer = RelativeThreshold().judge(look(champion, candidate))
    assert (answer is not None) is promoted


def test_the_stored_metric_comes_from_another_window():
    rule = StoredMetric(look(champion=1.5))
    assert rule.judge(look(1.0, 1.25, truth=0.25)) is None
    promoted = rule.judge(look(1.0, 1.75, truth=0.25))
    assert promoted.raw == pytest.approx(0.25)


def test_a_lucky_window_is_stored_and_silts_the_gate_up():
    rule = StoredMetric(look(champion=1.0))
    assert rule.judge(look(2.0, 2.0)) is not None
    assert rule.judge(look(1.0, 1.5, truth=0.5)) is None


def test_the_best_of_eight_keeps_the_luck_with_which_it_won():
    errors = np.sqrt(2) * np.array([-1.0, 0.0, 1.0])
    rule = ReusedHoldout(errors, np.random.default_rng(1))  # the champion begins without luck
    first = rule.judge(look(truth=0.0))
    assert (first.truth, first.raw) == (0.0, pytest.approx(1.0))
    assert rule.judge(look(truth=-0.5)) is None
    assert rule.judge(look(truth=0.5)).raw == pytest.approx(0.5)


def test_the_error_of_a_holdout_difference_is_that_of_a_window():
    errors = np.random.default_rng(1).normal(0, 0.1, 5_000)
    differences = []
    for seed in range(2_000):
        rule = ReusedHoldout(errors, np.random.default_rng(seed))
        differences.append(rule._draw(1)[0] - rule._champion)
    assert np.std(differences) == pytest.approx(0.1, rel=0.1)


def test_a_row_bootstrap_needs_its_95_percent_and_sees_no_units():
    generator = np.random.default_rng(7)
    noise = generator.normal(0, 1, 400)
    noise = (noise - noise.mean()) / noise.std()
    for z, promoted in ((1.0, False), (1.5, False), (1.8, True), (3.0, True)):
        difference = noise + z / np.sqrt(400)
        answer = RowBootstrap(np.random.default_rng(7)).judge(look(difference=difference))
        assert (answer is not None) is promoted
        whole = look(difference=difference, unit=np.zeros(400, dtype=int))
        assert (RowBootstrap(np.random.default_rng(7)).judge(whole) is not None) is promoted
