"""Of two processes that are at one experiment, the second is told; what was recorded stays."""

from datetime import timedelta

import pytest
from exposures import START, exposures

from kpi_gate.errors import ConfigurationError
from kpi_gate.experiment.analysis import analyse
from kpi_gate.experiment.plan import Plan
from kpi_gate.experiment.record import ExperimentBook
from kpi_gate.experiment.result import ExperimentVerdict
from kpi_gate.record.ledger import LedgerError


def plan(**changes):
    given = {
        "use_case": "toy", "kpi": "profit", "unit": "USD", "horizon_decisions": 1000,
        "control": "baseline", "treatment": "v1", "salt": "s", "minimum_effect": 0.5, "weeks": 4,
        "units_per_week": 280, "standard_deviation": 1.5, "units_per_arm": 200,
        "label_delay_days": 2,
    }  # fmt: skip
    return Plan.model_validate({**given, **changes})


@pytest.fixture
def book(run_at):
    return ExperimentBook(run_at(START))


def test_a_plan_is_recorded_once(book):
    first, again = (book.plan(plan(), asked_by="ann") for _ in range(2))
    assert first == again
    assert (book.names, book.get(first.subject).state) == ([plan().experiment], "planned")
    assert book.get(first.subject).plan == plan()


def test_of_two_that_start_the_same_one_is_told(book, run_at):
    name = book.plan(plan(), asked_by="ann").subject
    other = ExperimentBook(run_at(START))
    mine, theirs = book.get(name), other.get(name)
    book.start(mine, asked_by="ann")
    with pytest.raises(LedgerError, match="written by another process meanwhile"):
        other.start(theirs, asked_by="bob")
    assert book.running.start.body["asked_by"] == "ann"


def test_of_two_that_start_different_ones_the_second_is_told(book, run_at):
    names = [book.plan(plan(salt=salt), asked_by="ann").subject for salt in "ab"]
    book.start(book.get(names[0]), asked_by="ann")
    with pytest.raises(ConfigurationError, match=f"starts beside {names[0]}, which runs"):
        book.start(book.get(names[1]), asked_by="bob")
    assert book.running.name == names[0]


def seen(book, as_of):
    log = exposures(plan(), effect=0.1)
    return analyse(log, plan(), started=START, as_of=as_of)


def test_of_two_that_record_the_same_look_one_is_told(book, run_at):
    name = book.plan(plan(), asked_by="ann").subject
    book.start(book.get(name), asked_by="ann")
    analysis = seen(book, START + timedelta(days=10))
    (look,) = analysis.looks
    mine, theirs = book.get(name), ExperimentBook(run_at(START)).get(name)
    book.look(mine, look, analysis)
    for _ in range(2):
        with pytest.raises(LedgerError, match="recorded no experiment_look"):
            ExperimentBook(run_at(START)).look(theirs, look, analysis)
    assert book.get(name).looks == (look,)


def test_an_end_is_the_end(book):
    name = book.plan(plan(), asked_by="ann").subject
    book.start(book.get(name), asked_by="ann")
    analysis = seen(book, START + timedelta(days=10))
    verdict = ExperimentVerdict.INCONCLUSIVE
    book.end(book.get(name), verdict, analysis, "person", reason="why not")
    book.end(book.get(name), ExperimentVerdict.SHIP, analysis, "look")
    found = book.get(name)
    assert (found.verdict, found.state, book.running) == (verdict, "ended", None)
    assert any("is about what does not run" in words for words in book.rows.faults.values())


def test_a_plan_under_another_name_is_told(book, run_at):
    forged = plan(weeks=1).model_dump(mode="json")
    run_at(START).append("experiment_plan", "f" * 16, {"plan": forged, "as_of": "2024-03-04"})
    with pytest.raises(ConfigurationError, match="holds another plan than its name says"):
        book.get("f" * 16)
