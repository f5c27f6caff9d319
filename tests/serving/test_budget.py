"""A budget holds over requests, workers and restarts, and ranks what comes together."""

import random
import sqlite3

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpi_gate.learning.policy import PolicySettings, beyond_budget
from kpi_gate.serving.budget import ALONE, Budget

NOON = 1_700_000_000.0


def apply(budget, worth, at=NOON, rows=None):
    rows = rows or [{}] * len(worth)
    action = [float(one is not None and one > 0) for one in worth]
    return budget.apply(rows, worth, action, [at] * len(worth))


def test_single_rows_are_taken_until_the_day_is_full():
    budget = Budget(PolicySettings(most=2, within=("day",)))
    assert [apply(budget, [1.0])[0] for _ in range(3)] == [1.0, 1.0, 0.0]
    assert apply(budget, [1.0], at=NOON + 86_400) == [1.0]


def test_what_comes_together_is_ranked():
    budget = Budget(PolicySettings(most=2))
    assert apply(budget, [1.0, 3.0, -1.0, 2.0]) == [0.0, 1.0, 0.0, 1.0]


def test_groups_are_told_apart():
    budget = Budget(PolicySettings(most=1, within=("region",)))
    rows = [{"region": "north"}, {"region": None}, {"region": "north"}, {}]
    assert apply(budget, [1.0, 1.0, 2.0, 3.0], rows=rows) == [0.0, 0.0, 1.0, 1.0]


@given(
    st.lists(st.floats(-5, 5), min_size=ALONE, max_size=150),
    st.one_of(st.none(), st.integers(1, 60)),
    st.floats(0.05, 1.0),
)
def test_a_batch_is_cut_as_offline(worth, most, share):
    settings = PolicySettings(most=most, budget_share=share)
    act = (np.array(worth) > 0).astype(float)
    groups = np.zeros(len(worth), dtype=np.int64)
    act[beyond_budget(act, np.array(worth), groups, settings)] = 0.0
    assert apply(Budget(settings), worth) == act.tolist()


def test_where_the_rule_of_thumb_stands_in_it_stays_and_is_not_counted():
    budget = Budget(PolicySettings(most=1))
    assert budget.apply([{}] * 2, [None, 1.0], [1.0, 1.0], [NOON] * 2) == [1.0, 1.0]


def test_a_share_of_single_rows_is_about_that_share():
    draw = random.Random(1)  # noqa: S311
    budget = Budget(PolicySettings(budget_share=0.1), latest=[draw.random() for _ in range(20)])
    acted = [apply(budget, [draw.random()])[0] for _ in range(5_000)]
    assert 0.08 < np.mean(acted[1_000:]) < 0.12


def test_workers_share_the_counts_and_a_restart_keeps_them(tmp_path):
    settings, path = PolicySettings(most=3), tmp_path / "serving/budget.db"
    one, other = Budget(settings, path), Budget(settings, path)
    assert apply(one, [1.0]) == apply(other, [1.0]) == [1.0]
    assert sorted(apply(Budget(settings, path), [1.0, 2.0])) == [0.0, 1.0]
    assert apply(one, [5.0]) == [0.0]
    assert one.fault == ""


def test_a_file_that_cannot_be_written_leaves_the_process_its_own_counts(tmp_path):
    (tmp_path / "file").write_text("no folder")
    budget = Budget(PolicySettings(most=1), tmp_path / "file" / "budget.db")
    assert [apply(budget, [1.0])[0] for _ in range(2)] == [1.0, 0.0]
    assert "this process's own" in budget.fault


def test_a_file_that_another_holds_too_long_is_told_and_the_counts_go_on(tmp_path):
    path = tmp_path / "budget.db"
    budget = Budget(PolicySettings(most=2), path)
    assert apply(budget, [1.0]) == [1.0]
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert [apply(budget, [1.0])[0] for _ in range(2)] == [1.0, 0.0]
    assert "locked" in budget.fault
    other.execute("COMMIT")
    other.close()
    assert apply(budget, [1.0]) == [1.0]  # the file knows of one only
    assert budget.fault == ""


@pytest.mark.parametrize("settings", [PolicySettings(), PolicySettings(margin=2.0)])
def test_without_a_budget_nothing_is_cut(settings):
    budget = Budget(settings)
    assert not budget.binds
    assert apply(budget, [1.0, 2.0]) == [1.0, 1.0]
