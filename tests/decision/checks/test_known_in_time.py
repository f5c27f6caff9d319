import pytest
from builders import evidence, failed, settings

from kpi_gate.decision.checks.known_in_time import check_foreknowledge
from kpi_gate.decision.evidence import SCORE, Foreknowledge
from kpi_gate.decision.gate import decide
from kpi_gate.decision.verdict import Verdict


def known(column="hint", auc=0.6, accepted=""):
    return Foreknowledge(column=column, rows="gate", auc=auc, accepted=accepted)


@pytest.mark.parametrize(
    ("found", "passed"),
    [
        ([known(auc=0.97)], [True]),
        ([known(auc=0.98)], [False]),
        ([known(auc=float("nan"))], [False]),
        ([known(SCORE, 0.985)], [True]),
        ([known(SCORE, 0.99)], [False]),
        ([known(auc=1.0), known("other", 1.0)], [False, False]),
        ([known(auc=1.0, accepted="measured at the till"), known("other", 0.7)], [True]),
        ([known(auc=1.0, accepted="measured at the till"), known("other", 1.0)], [True, False]),
        ([], [False]),
    ],
)
def test_what_is_the_outcome_is_told_and_nothing_else(found, passed):
    assert [check.passed for check in check_foreknowledge(found)] == passed


def test_the_message_names_column_rows_bound_and_way_out():
    (check,) = check_foreknowledge([known(auc=0.995)])
    assert check.failing is Verdict.INVALID
    for word in ("hint alone", "gate rows", "0.995", "0.98", "leak_exceptions (hint: ...)"):
        assert word in check.reason
    (check,) = check_foreknowledge([known(auc=1.0, accepted="measured at the till")])
    assert "accepted: measured at the till" in check.reason
    (check,) = check_foreknowledge([])
    assert check.failing is Verdict.INSUFFICIENT_EVIDENCE


def test_a_gain_by_a_column_that_is_the_outcome_is_invalid_and_another_decision():
    honest = decide(evidence(foreknowledge=(known(),)), settings())
    cheated = decide(evidence(foreknowledge=(known(auc=1.0),)), settings())
    assert honest.verdict is Verdict.PROMOTE
    assert cheated.verdict is Verdict.INVALID
    assert failed(cheated) == {"known_in_time"}
    assert honest.decision_id != cheated.decision_id
