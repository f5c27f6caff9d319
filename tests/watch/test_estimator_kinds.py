"""Staleness and realised value with every kind of estimator, on small worlds."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from champions import START, TOY_MODULE, make_run, train_champion, use_case_with, write_baseline

from kpi_gate.data.snapshot import mask_future
from kpi_gate.decision.objective import EstimatorSettings
from kpi_gate.decision.watch_settings import TriggerSettings
from kpi_gate.evaluation.valuation import worth
from kpi_gate.examples import ads as ads_module
from kpi_gate.examples.sources.simulated_ads import simulate, world
from kpi_gate.record.model_files import Model
from kpi_gate.usecase import discovery
from kpi_gate.watch.value.challenger import challenge
from kpi_gate.watch.value.findings import value_findings
from kpi_gate.watch.value.realised import realise

pytestmark = pytest.mark.slow

DAYS, PROMOTED = 130, START + timedelta(days=60)
AS_OF = START + timedelta(days=DAYS)
TRIGGER = TriggerSettings(judged_days=14)


def toy_rows(folder):
    TOY_MODULE.fetch(folder)
    rows = TOY_MODULE.load(folder, AS_OF).reset_index(drop=True)
    # the taste does not turn here: each kind is asked the same quiet question
    return rows[rows["event_time"] < START + timedelta(days=118)]


def hidden(rows, share):
    """Hide outcomes by chance, as a rule with exploration does."""
    seen = np.random.default_rng(5).random(len(rows)) < share
    return rows.assign(
        observed=seen,
        propensity=share,
        outcome=rows["outcome"].where(seen),
        label_time=rows["label_time"].where(seen),
    )


def run(use_case, rows, folder, as_of):
    """Return staleness and realised value of a champion of day 60 at a later moment."""
    early, run = make_run(PROMOTED, folder, use_case), make_run(as_of, folder, use_case)
    champion, nobody = folder / "champion", folder / "nobody"
    gate = train_champion(early, mask_future(rows, PROMOTED), champion).gate
    write_baseline(nobody)
    known = mask_future(rows[rows["event_time"] < as_of], as_of)
    model, replaced = Model(champion), Model(nobody)
    stale = challenge(run, known, model, folder / "challenger")
    earned = realise(run, known, model, PROMOTED, gate=gate, replaced=replaced, promised=0.0)
    assert value_findings(earned)
    return stale, earned


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    return toy_rows(tmp_path_factory.mktemp("visits"))


AT = START + timedelta(days=116)


def test_a_ratio_counts_per_base(toy, tmp_path):
    value = replace(TOY_MODULE.USE_CASE.value, base=lambda action, *_: np.asarray(action, float))
    use_case = use_case_with(value, estimator=EstimatorSettings(kind="ratio"), trigger=TRIGGER)
    stale, earned = run(use_case, toy, tmp_path, AT)
    assert stale.reason == ""
    offered = earned.worth.decisions  # offers and not visitors
    assert offered < 0.7 * 30 * earned.worth.days
    assert earned.per_day == pytest.approx(earned.worth.per_decision * offered / 54)
    assert stale.decisions_per_day < 0.7 * 30
    assert earned.gain.per_decision > 0
    assert earned.blind.per_decision == pytest.approx(earned.worth.per_decision, rel=0.3)


def test_what_was_hidden_counts_through_what_was_seen(toy, tmp_path):
    use_case = use_case_with(estimator=EstimatorSettings(kind="selective"), trigger=TRIGGER)
    plain = run(use_case_with(trigger=TRIGGER), toy, tmp_path / "plain", AT)[1]
    stale, earned = run(use_case, hidden(toy, 0.5), tmp_path / "half", AT)
    assert stale.reason == ""
    assert stale.decisions_per_day == pytest.approx(30)
    assert earned.worth.decisions == 30 * earned.worth.days
    assert earned.worth.per_decision == pytest.approx(plain.worth.per_decision, rel=0.25)
    assert earned.blind.per_decision == pytest.approx(plain.blind.per_decision, rel=0.25)


def test_what_is_hidden_without_exploration_is_bounded(toy, tmp_path):
    use_case = use_case_with(estimator=EstimatorSettings(kind="bounded"), trigger=TRIGGER)
    stale, earned = run(use_case, hidden(toy, 0.95), tmp_path, AT)
    assert stale.reason == ""
    assert stale.staleness(0.9).is_known
    assert earned.worth is not None


def test_logged_choices_are_weighed_and_not_foretold(tmp_path):
    ads = discovery.load("ads")
    told = ads_module.tell(simulate(world(80, 95, 45, 7), 300, 70, 7))
    delay = timedelta(days=ads_module.DELAY_DAYS)
    rows = ads_module.with_features(told.assign(label_time=told["event_time"] + delay))
    window = ads.settings.window.model_copy(
        update={"tune_min_rows": 3_000, "gate_min_rows": 3_000, "train_last_rows": (6_000,)}
    )
    settings = ads.settings.model_copy(update={"window": window, "trigger": TRIGGER})
    use_case = replace(ads, settings=settings)
    stale, earned = run(use_case, rows, tmp_path, START + timedelta(days=95))
    assert stale.reason == ""
    assert stale.decisions_per_day == pytest.approx(210, rel=0.1)
    assert "logged choices" in earned.blind.unavailable
    assert earned.worth.decisions == pytest.approx(210 * earned.worth.days, rel=0.1)
    assert earned.gain is not None
    used = rows[(rows["event_time"] >= PROMOTED) & (rows["event_time"] < earned.until)]
    everyone = worth(use_case, used, use_case.baseline(used), settings.base_values())
    assert earned.worth.per_decision - everyone == pytest.approx(
        earned.gain.per_decision, abs=0.2 * abs(everyone)
    )
