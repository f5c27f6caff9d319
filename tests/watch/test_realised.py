import json
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from champions import TOY_MODULE, TURN, day, make_run, rows_of, train_champion, write_baseline

from kpi_gate.decision.evidence import Window
from kpi_gate.decision.stats.confidence_sequence import SuddenLoss
from kpi_gate.evaluation.daily_value import measure_worth
from kpi_gate.record.model_files import MODEL_FILE, Model, load_model
from kpi_gate.watch.value.estimated import BLIND_SPOT
from kpi_gate.watch.value.findings import value_findings
from kpi_gate.watch.value.realised import Realised, realise

pytestmark = pytest.mark.slow

PROMOTED = day(60)
GATE = Window(start=day(48), end=day(58))


@pytest.fixture(scope="module")
def visits(tmp_path_factory):
    folder = tmp_path_factory.mktemp("visits")
    TOY_MODULE.fetch(folder)
    return folder


@pytest.fixture(scope="module")
def champion(visits, tmp_path_factory):
    folder = tmp_path_factory.mktemp("champion")
    assert (
        train_champion(make_run(PROMOTED, folder), rows_of(visits, PROMOTED), folder).gate == GATE
    )
    return folder


@pytest.fixture(scope="module")
def baseline(tmp_path_factory):
    folder = tmp_path_factory.mktemp("baseline")
    write_baseline(folder)
    return folder


def realised(visits, champion, as_of, change=None, **asked):
    rows = rows_of(visits, as_of)
    rows = rows if change is None else change(rows)
    return realise(make_run(as_of, champion), rows, Model(champion), PROMOTED, gate=GATE, **asked)


def checks(found, severity=None):
    return [
        finding.check
        for finding in value_findings(found)
        if severity is None or finding.severity == severity
    ]


def test_value_by_hand(visits, champion):
    found = realised(visits, champion, day(100))
    rows = rows_of(visits, day(100))
    rows = rows[(rows["event_time"] >= PROMOTED) & (rows["event_time"] < day(98))]
    chance = load_model(champion / MODEL_FILE).predict_proba(rows[["taste"]])[:, 1]
    money = np.where(chance > 0.4, 10 * rows["outcome"] - 4, 0.0).mean()
    assert found.worth.per_decision == pytest.approx(money)
    assert (found.worth.days, found.worth.decisions, found.until) == (38, 38 * 30, day(98))
    assert found.per_day == pytest.approx(30 * found.worth.per_decision)
    assert found.worth.lower < found.worth.per_decision < found.worth.upper
    assert found.unit == "USD"


def test_a_quiet_time_has_no_warning(visits, champion, baseline):
    for number in range(70, 121, 10):
        found = realised(visits, champion, day(number), replaced=Model(baseline), promised=0.5)
        assert not checks(found, "warning")
    assert checks(found) == ["promised_gain", "own_past", "realised_value", "blind_window"]


def test_a_turned_world_is_a_sudden_loss(visits, champion, baseline):
    found = realised(
        visits, champion, TURN + timedelta(days=12), replaced=Model(baseline), promised=1.0
    )
    turn = (TURN - day(0)).days + 19_723  # days from 1970 to 2024
    assert abs(found.loss.day - turn) <= 1
    assert "sudden_loss" in checks(found, "warning")
    late = realised(visits, champion, day(200), replaced=Model(baseline), promised=1.0)
    assert checks(late, "warning") == ["promised_gain", "own_past"]
    assert late.loss is None


def test_the_label_free_estimate_sees_no_turned_concept_and_says_so(visits, champion):
    as_of = TURN + timedelta(days=2)  # no outcome of the turned world is due yet
    found = realised(visits, champion, as_of)
    blind = found.blind
    assert (blind.start, blind.end, blind.decisions) == (TURN, as_of, 60)
    assert blind.per_decision == pytest.approx(found.worth.per_decision, rel=0.5)
    assert BLIND_SPOT in blind.sentence
    rows = rows_of(visits, day(200))
    rows = rows[(rows["event_time"] >= TURN) & (rows["event_time"] < as_of)]
    truth = np.where(rows["taste"] > 0, 10 * rows["outcome"] - 4, 0.0).mean()
    assert truth < 0 < blind.per_decision


def test_the_label_free_estimate_follows_the_mix(visits, champion):
    def poorer(rows):
        new = rows["event_time"] >= day(98)
        return rows.assign(taste=rows["taste"].where(~new, rows["taste"] - 1.5))

    usual, poor = (realised(visits, champion, day(100), change) for change in (None, poorer))
    assert poor.blind.per_decision < 0.6 * usual.blind.per_decision
    assert poor.worth == usual.worth


def test_no_outcomes_is_not_zero(visits, champion):
    def stuck(rows):
        late = rows["label_time"] >= PROMOTED
        return rows.assign(
            outcome=rows["outcome"].mask(late), label_time=rows["label_time"].mask(late)
        )

    found = realised(visits, champion, day(90), stuck)
    assert (found.worth, found.per_day, found.loss) == (None, None, None)
    assert "2024-02-29" in found.unknown
    warning = value_findings(found)[0]
    assert (warning.check, warning.severity, warning.about) == ("outcomes", "warning", "labels")
    assert "not known" in warning.sentence


def test_days_whose_outcomes_come_in_part_are_left_out(visits, champion):
    def yes_first(rows):
        late = (rows["event_time"] >= day(94)) & (rows["outcome"] == 0)
        return rows.assign(
            outcome=rows["outcome"].mask(late), label_time=rows["label_time"].mask(late)
        )

    found, whole = (realised(visits, champion, day(100), change) for change in (yes_first, None))
    assert found.worth.last_day == day(93)
    assert found.worth.per_decision == pytest.approx(whole.worth.per_decision, rel=0.2)
    assert found.per_day == pytest.approx(30 * found.worth.per_decision, rel=0.01)


def test_just_promoted(visits, champion):
    found = realised(visits, champion, day(61))
    assert found.worth is None
    assert "before its promotion" in found.unknown
    assert found.at_gate.days == 10
    assert found.blind.start == PROMOTED
    assert not checks(found, "warning")


def test_days_in_quarantine_do_not_count(visits, champion):
    bad = frozenset(day(number).date() for number in (70, 71, 80))

    def spoil(rows):
        broken = rows["event_time"].dt.date.isin(list(bad))
        return rows.assign(taste=rows["taste"].where(~broken, 1_000.0))

    kept = realised(visits, champion, day(100), quarantined=bad)
    assert kept.worth.days == 35
    assert kept.per_day == pytest.approx(30 * kept.worth.per_decision)
    assert realised(visits, champion, day(100), spoil, quarantined=bad).worth == kept.worth


def test_the_gain_over_the_replaced_side(visits, champion, baseline):
    found = realised(visits, champion, day(100), replaced=Model(baseline), promised=0.9)
    rows = rows_of(visits, day(100))
    rows = rows[(rows["event_time"] >= PROMOTED) & (rows["event_time"] < day(98))]
    everyone = (10 * rows["outcome"] - 4).mean()
    expected = found.worth.per_decision - everyone
    assert found.gain.per_decision == pytest.approx(expected)
    over = realised(visits, champion, day(100), replaced=Model(baseline), promised=5.0)
    assert "promised_gain" in checks(over, "warning")


def test_the_baseline_in_use_is_valued_and_has_no_scores(visits, baseline):
    found = realised(visits, baseline, day(100))
    assert found.worth.per_decision == pytest.approx(0.0, abs=1.0)
    assert "no scores" in found.blind.unavailable


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda rows: rows.iloc[:0], "no rows"),
        (lambda rows: rows[rows["event_time"] < day(50)], "no decisions from"),
        (lambda rows: rows.drop(columns="taste"), "taste"),
    ],
)
def test_bad_input_is_a_reason(visits, champion, change, words):
    found = realised(visits, champion, day(100), change)
    assert found.worth is None
    assert words in found.unknown
    assert "realised_value" in checks(found)


def test_a_champion_that_cannot_be_read(visits, tmp_path):
    assert "card.json" in realised(visits, tmp_path, day(100)).unknown


def test_it_travels(visits, champion, baseline):
    found = realised(visits, champion, day(131), replaced=Model(baseline), promised=1.0)
    assert isinstance(found.loss, SuddenLoss)
    assert Realised.model_validate(json.loads(found.model_dump_json())) == found
    for finding in value_findings(found):
        assert finding.layer == "value"
        json.loads(finding.model_dump_json())


def test_a_single_day_has_no_bounds_and_no_warning():
    days = pd.DataFrame(
        {"day": [day(0)], "number": [0], "money": [5.0], "weight": [10.0], "decisions": [10.0]}
    )
    worth = measure_worth(days.assign(day=pd.to_datetime(days["day"])), 0.95, "EUR")
    assert (worth.per_decision, worth.standard_error, worth.lower) == (0.5, None, None)
    assert worth.at_every_look(worth) == (-np.inf, np.inf)
    assert "no bounds" in worth.words
    assert measure_worth(days.assign(money=np.nan), 0.95, "EUR") is None
    assert measure_worth(days.assign(weight=0.0), 0.95, "EUR") is None
