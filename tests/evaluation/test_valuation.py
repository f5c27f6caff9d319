"""What actions are worth, against arithmetic on a few rows, for every kind of estimator."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from kpi_gate.decision.value.model import ValueModel
from kpi_gate.evaluation.valuation import estimate, per_decision, row_values, worth
from kpi_gate.usecase.column_times import ColumnTimes
from kpi_gate.usecase.contract import Choices

NAN = np.nan
ROWS = pd.DataFrame(
    {
        "outcome": [1.0, 0.0, 1.0, NAN],
        "observed": [True, True, True, False],
        "propensity": [1.0, 1.0, 0.5, 0.5],
        "ad": ["a", "b", "a", "b"],
    }
)
KNOWN = ROWS.head(3)
WON = ValueModel("won", lambda a, y, rows, given: {"won": a * y * given["prize"], "cost": -a})
PER_ACTION = replace(WON, base=lambda a, y, rows, given: a)
GIVEN = {"prize": 5.0}
CHAMPION, CANDIDATE = np.array([0.0, 1.0, 0.0, 1.0]), np.array([1.0, 1.0, 1.0, 0.0])


class Case:
    """A use case as far as valuation looks at it."""

    def __init__(self, kind, value=WON, choices=None):
        self.value, self.choices = value, choices
        estimator = type("Estimator", (), {"kind": kind})()
        self.settings = type("Settings", (), {"estimator": estimator})()
        self.times = ColumnTimes(("propensity", "ad"), valued=value.columns)


def compare(case, rows):
    actions = CHAMPION[: len(rows)], CANDIDATE[: len(rows)]
    values = tuple(row_values(case, rows, action, GIVEN) for action in actions)
    return estimate(case, rows, actions, values, GIVEN)


def test_paired_is_the_value_itself():
    case, found = Case("paired"), compare(Case("paired"), KNOWN)
    assert found.champion.tolist() == [0, -1, 0]
    assert found.candidate.tolist() == [4, -1, 4]
    # acting costs 1 where the outcome is 0; where both act alike nothing is at stake
    assert found.exposure.tolist() == [1, 0, 1]
    assert worth(case, KNOWN, CANDIDATE[:3], GIVEN) == pytest.approx(7 / 3)


def test_ratio_is_counted_per_base():
    case = Case("ratio", PER_ACTION)
    found = compare(case, KNOWN)
    assert [base.tolist() for base in found.bases] == [[0, 1, 0], [1, 1, 1]]
    # candidate 7 won in 3 actions, champion -1 in 1
    assert found.difference.mean() == pytest.approx(7 / 3 + 1)
    assert worth(case, KNOWN, CANDIDATE[:3], GIVEN) == pytest.approx(7 / 3)
    assert per_decision(case, KNOWN, CANDIDATE[:3], np.array([1.0, 0, 1]), GIVEN) == 2 / 3


def test_selective_counts_the_observed_for_those_that_are_hidden():
    case, found = Case("selective"), compare(Case("selective"), ROWS)
    assert found.faults == ()
    assert found.champion.tolist() == [0, -1, 0, 0]
    assert found.candidate.tolist() == [4, -1, 8, 0]
    assert found.exposure.tolist() == [1, 0, 2, 0]
    assert worth(case, ROWS, CANDIDATE, GIVEN) == pytest.approx(11 / 4)


def test_bounded_takes_the_worst_of_what_is_hidden():
    found = compare(Case("bounded"), ROWS)
    # in the hidden row only the champion acts: it wins 4 or loses 1
    assert found.difference.tolist() == [4, 0, 4, -4]
    assert found.at_best.tolist() == [4, 0, 4, 1]
    assert found.diagnostics["hidden_share"] == 0.25


def test_logged_choices_are_weighed_by_how_likely_they_are():
    chances = np.array([0.2, 0.5, 0.4]), np.array([0.8, 0.5, 0.1])
    for kind, total in (("ips", 3.0), ("snips", 1.5)):
        case = Case(kind, choices=Choices("ad", ("a", "b")))
        values = (row_values(case, KNOWN, chances[0], GIVEN),) * 2
        assert values[0].tolist() == [4, -1, 4]
        found = estimate(case, KNOWN, chances, values, GIVEN)
        assert found.candidate == pytest.approx([0.8 * 4, -0.5, 0.2 * 4])
        expected = (3.2 - 0.5 + 0.8) / total
        assert worth(case, KNOWN, chances[1], GIVEN) == pytest.approx(expected)
        assert found.difference.mean() == pytest.approx(
            expected - worth(case, KNOWN, chances[0], GIVEN)
        )


def test_sides_that_are_paid_differently_for_the_same_log_are_refused():
    case, chances = Case("snips", choices=Choices("ad", ("a", "b"))), (CHAMPION[:3], CANDIDATE[:3])
    values = row_values(case, KNOWN, chances[0], GIVEN)
    found = estimate(case, KNOWN, chances, (values, 100 * values), GIVEN)
    assert "both sides must be paid alike" in found.faults[-1]


def test_parts_add_up_to_what_the_gate_compares():
    for kind, rows in (("paired", KNOWN), ("selective", ROWS)):
        case, size = Case(kind), len(rows)
        parts = WON.breakdown(CANDIDATE[:size], rows["outcome"].to_numpy(), rows, GIVEN)
        means = [per_decision(case, rows, CANDIDATE[:size], p, GIVEN) for p in parts.values()]
        assert sum(means) == pytest.approx(compare(case, rows).candidate.mean())
