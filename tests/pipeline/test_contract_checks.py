"""Every check of the contract finds what it is for, on rows that are at hand, and else says so."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from kpi_gate.pipeline import contract_checks as checks
from kpi_gate.pipeline.contract_case import Case, NotTestedError, left_to_fill_in
from kpi_gate.pipeline.raw_folder import stand_in_for_files
from kpi_gate.usecase.calls import CodeRefusal
from kpi_gate.usecase.discovery import load
from kpi_gate.workspace import Workspace

DAY = pd.Timedelta(days=1)


@pytest.fixture
def case(project, tmp_path):
    return Case("toy", Workspace().raw("toy"), tmp_path / "scratch")


def with_load(changed):
    """Return what gives the toy a load() that changes what it read."""

    def alter(toy):
        read = toy.load.function
        return replace(toy, load=lambda folder, as_of: changed(read(folder, as_of)))

    return alter


def with_parts(parts):
    """Return what gives the toy another value: (action, outcome) to its parts."""
    return lambda toy: replace(toy, value=replace(toy.value, parts=lambda a, o, *_: parts(a, o)))


def by_chance(rows):
    return rows.assign(taste=np.random.default_rng().normal(size=len(rows)))


FAULTS = {
    checks.it_says_what_its_money_is: (
        lambda toy: replace(toy, limits=()),
        "limits says nothing",
    ),
    checks.rows_have_their_columns: (
        with_load(lambda rows: rows.assign(outcome=0.0)),
        "must be both 0 and 1",
    ),
    checks.nothing_is_known_before_its_time: (
        with_load(lambda rows: rows.assign(label_time=rows["event_time"] - DAY)),
        "an outcome is known before its decision was due",
    ),
    checks.what_was_known_at_the_decision_stays: (
        with_load(lambda rows: rows.assign(taste=rows["taste"] - rows["taste"].mean())),
        "taste of old rows is another once later rows are there",
    ),
    checks.no_column_is_the_outcome: (
        with_load(lambda rows: rows.assign(taste=rows["outcome"] + rows["taste"] / 100)),
        "taste ranks the outcomes with AUC",
    ),
    checks.loading_twice_gives_the_same: (with_load(by_chance), "gives other rows"),
    checks.the_oracle_earns_most: (
        with_parts(lambda action, outcome: {"cost": -action}),
        "acting is never worth more than not acting",
    ),
    checks.value_grows_with_every_error_avoided: (
        with_parts(lambda a, outcome: {"m": a * (outcome - 0.5) + 2 * abs(a - outcome).mean()}),
        "with 0, 25, 50, 75 and 100 % of the decisions right",
    ),
    checks.value_is_the_sum_of_its_parts: (
        with_parts(lambda action, outcome: {"m": (1 - action) * outcome.max() + action}),
        "not acting is worth something else",
    ),
    checks.the_baseline_decides_every_row: (
        lambda toy: replace(toy, baseline=lambda rows: np.ones(max(len(rows), 1))),
        "baseline",
    ),
}


@pytest.mark.parametrize("check", FAULTS, ids=lambda check: check.__name__)
def test_a_fault_is_found(case, check):
    alter, words = FAULTS[check]
    vars(case)["use_case"] = alter(load("toy"))
    try:
        found = "; ".join(check(case))
    except CodeRefusal as refusal:  # the answer itself was refused
        found = str(refusal)
    assert words in found


def test_the_toy_keeps_it(case):
    ended = {}
    for check in checks.CHECKS:
        try:
            ended[check.__name__] = [*check(case)]
        except NotTestedError:
            ended[check.__name__] = None
    assert ended.pop("choices_are_those_of_the_log") is None
    assert all(faults == [] for faults in ended.values()), ended


def test_without_rows_it_is_said_and_a_wrong_load_is_a_fault(case):
    stand_in_for_files(case.raw)  # as a run that was refused left it
    vars(case)["use_case"] = replace(load("toy"), fetch=None)
    with pytest.raises(NotTestedError, match="data/raw/toy/ is empty, it has no `fetch`, and the"):
        [*checks.rows_have_their_columns(case)]
    vars(case)["use_case"] = replace(load("toy"), fetch=None, load=lambda folder, as_of: pd.reed())
    with pytest.raises(CodeRefusal, match="AttributeError"):
        [*checks.rows_have_their_columns(case)]


def test_a_skeleton_says_what_is_left(project, case):
    module = project / "src/toys/usecases/toy.py"
    module.write_text("# FILL IN: What is decided?\n1 / 0\n", encoding="utf-8")
    assert left_to_fill_in("toy") == ["toy.py:1: What is decided?"]
    with pytest.raises(NotTestedError, match=r"toy\.py:1: What is decided\?"):
        [*checks.it_says_what_its_money_is(case)]
