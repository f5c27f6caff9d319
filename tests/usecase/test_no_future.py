"""No look into the future: each door of whatever decides, against each kind of late column."""

import shutil

import numpy as np
import pandas as pd
import pytest
from future_world import parts, run_of, spenders, windows, world
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from kpi_gate.data.snapshot import mask_future
from kpi_gate.data.validation.rules import rules_for
from kpi_gate.decision.gate import decide
from kpi_gate.decision.value.model import ValueModel
from kpi_gate.decision.verdict import Verdict
from kpi_gate.evaluation import comparison
from kpi_gate.evaluation.evidence_files import read_evidence
from kpi_gate.evaluation.scored_model import actions, expect, make_side, score
from kpi_gate.evaluation.views import UnseenColumnError, at_decision, once_over, rule_of_thumb
from kpi_gate.learning.scoring import ScoringError
from kpi_gate.record.golden_rows import golden_difference
from kpi_gate.record.model_files import GOLDEN_FILE, MODEL_FILE, Model, load_model
from kpi_gate.run import candidate
from kpi_gate.run.champion import stand_in
from kpi_gate.usecase.calls import CodeRefusal
from kpi_gate.usecase.column_times import ROLES_WITH_OUTCOME
from kpi_gate.usecase.contract import ConfigurationError, Feature
from kpi_gate.watch.health.batch import check_batch
from kpi_gate.watch.value.estimated import expect_value

pytestmark = pytest.mark.slow

KINDS = ("outcome", "label_time", "spent", "calls", "secret")
POISONS = {
    "blank": lambda column: column.mask(column.notna()),
    "turned": lambda column: pd.Series(column.to_numpy()[::-1], column.index),
    "other": lambda column: (
        column + pd.Timedelta(days=900)
        if column.name == "label_time"
        else column.astype(float) * -1e6 + 7
    ),
}


@pytest.fixture(scope="module")
def rows():
    return world()


@pytest.fixture(scope="module")
def trained(rows, tmp_path_factory):
    """Return a run, and the folder of a candidate trained on the world."""
    run = run_of(spenders(), tmp_path_factory.mktemp("spenders"))
    stand_in(run, run.work / "champion")
    candidate.train_candidate(run, rows, windows(), run.work / "candidate", "frozen")
    return run


def made_side(name, folder, use_case, rows):
    model = Model(folder)
    return make_side(name, model, use_case, rows, model.card.outcome_rate)


def decided(use_case, rows, run):
    """Return everything that is decided of the rows, before any outcome is known."""
    folder = run.work / "candidate"
    model = load_model(folder / MODEL_FILE)
    features = use_case.feature_names
    scores = score(model, rows, features, use_case)
    amounts = expect(model, rows, features, use_case)
    side = made_side("candidate", folder, use_case, rows)
    view = at_decision(use_case, rows)
    return {
        "scores": scores,
        "amounts": np.concatenate([*amounts["spent"]]),
        "actions": actions(side.card.policy, use_case, scores, rows, amounts),
        "side": np.concatenate([side.scores, side.action]),
        "rule of thumb": rule_of_thumb(use_case, rows),
        "slices": view["region"].to_numpy(),
        "view": view.to_numpy(),
    }


def greedy(rows):
    """Act by a hash of all that the rule of thumb is given."""
    hashed = pd.util.hash_pandas_object(rows.astype(str), index=False)
    return (hashed % 2).to_numpy(dtype=float)


@pytest.mark.parametrize("poison", POISONS)
@pytest.mark.parametrize("kind", KINDS)
def test_no_door_lets_a_late_column_through(kind, poison, rows, trained):
    use_case = spenders(baseline=greedy)
    before = decided(use_case, rows, trained)
    poisoned = rows.assign(**{kind: POISONS[poison](rows[kind])})
    after = decided(use_case, poisoned, trained)
    for door, found in before.items():
        assert np.array_equal(found, after[door]), door
    # the value of decisions that are over does see it, where it is declared
    seen = kind in once_over(use_case, rows)
    assert seen == (kind != "secret")


def test_the_policy_is_given_what_is_expected_and_the_value_what_came(rows, trained):
    given_to_parts = []

    def spying(action, outcome, columns, parameters):
        given_to_parts.append((outcome.copy(), columns["spent"].copy()))
        return parts(action, outcome, columns, parameters)

    use_case = spenders(value=ValueModel("offer_margin", spying, ("spent",)))
    folder = trained.work / "candidate"
    side = made_side("candidate", folder, use_case, rows)
    *acting, valued = given_to_parts
    assert np.array_equal(valued[1], rows["spent"])
    for outcome, spent in acting:
        expected = side.amounts["spent"].with_1 if outcome[0] else side.amounts["spent"].with_0
        assert np.array_equal(spent, expected)
    # whoever buys spends his wealth, whoever does not spends nothing
    assert np.corrcoef(side.amounts["spent"].with_1, rows["wealth"])[0, 1] > 0.99
    assert (side.amounts["spent"].with_0 == 0).all()


def test_golden_rows_hold_nothing_late(trained):
    golden = pd.read_parquet(trained.work / "candidate" / GOLDEN_FILE)
    assert not {*KINDS, "observed"} & set(golden)
    assert {"taste", "wealth", "guess", "region", "unit", "event_time"} <= set(golden)


def test_what_an_amount_was_expected_to_be_is_golden_too(trained):
    folder = trained.work / "candidate"
    model = Model(folder)
    assert golden_difference(model) == ""
    model.golden.loc[3, "golden_spent_with_1"] += 1e-9
    assert golden_difference(model) == "1 of 20 golden rows score differently"


def test_a_day_whose_amounts_are_not_there_yet_is_no_alarm(rows):
    use_case, last = spenders(), windows().gate.end - pd.Timedelta(days=1)
    masked = mask_future(rows, last + pd.Timedelta(days=1), use_case.times.with_outcome)
    today = masked["event_time"] >= last
    assert masked.loc[today, "spent"].isna().all()
    found = check_batch(masked[today], masked[~today], use_case)
    assert not [finding for finding in found if finding.column in ("spent", "calls")]


def test_the_newest_decisions_are_expected_by_what_was_known(rows, trained):
    use_case, folder = spenders(), trained.work / "candidate"
    gate, known = windows().gate, (rows["event_time"] < windows().gate.start).to_numpy()
    young = rows.assign(spent=rows["spent"].where(known), outcome=rows["outcome"].where(known))
    side = made_side("champion", folder, use_case, young)
    found = expect_value(use_case, side, young, known, gate)
    assert found.unavailable == ""
    over = side.action[~known] * (rows["outcome"] * rows["spent"])[~known] - 4 * side.action[~known]
    assert found.per_decision == pytest.approx(over.mean(), abs=1.0)


@pytest.mark.parametrize("late", [*ROLES_WITH_OUTCOME, "spent", "calls", "secret"])
def test_a_rule_of_thumb_that_reads_the_future_is_told_which_column(late, rows):
    told = "not declared" if late == "secret" else "known only with the outcome"
    ways = (lambda rows: rows[late], lambda rows: rows[["unit", late]], lambda r: getattr(r, late))
    for way in ways:
        with pytest.raises(UnseenColumnError) as caught:
            rule_of_thumb(spenders(baseline=way), rows.assign(observed=True))
        assert f"baseline: column {late!r}" in str(caught.value)
        assert told in str(caught.value)


def test_a_column_that_is_nowhere_is_a_fault_of_the_function(rows):
    with pytest.raises(CodeRefusal, match="'nowhere' is not there"):
        rule_of_thumb(spenders(baseline=lambda rows: rows["nowhere"]), rows)


def test_a_champion_does_not_see_a_feature_that_is_known_to_be_late_by_now(rows, trained):
    use_case = spenders(features=(Feature("wealth", "number"),), known_later=("taste",))
    model = load_model(trained.work / "candidate" / MODEL_FILE)
    with pytest.raises(ScoringError, match="taste"):
        score(model, rows, ["taste", "wealth"], use_case)
    dropped = spenders(features=(Feature("wealth", "number"),))
    assert len(score(model, rows, ["taste", "wealth"], dropped)) == len(rows)


def test_a_champion_without_a_model_of_the_amount_cannot_act(rows, trained):
    model = load_model(trained.work / "candidate" / MODEL_FILE).classifier
    with pytest.raises(ScoringError, match="no model of spent"):
        expect(model, rows, ["taste", "wealth"], spenders())


def test_a_declared_expectation_stands_for_the_amount(rows, tmp_path):
    use_case = spenders(amount_estimator=None, expected={"spent": "guess"})
    run = run_of(use_case, tmp_path)
    candidate.train_candidate(run, rows, windows(), run.work / "candidate", "frozen")
    folder = run.work / "candidate"
    side = made_side("candidate", folder, use_case, rows)
    assert np.array_equal(side.action, side.scores * rows["guess"] - 4 > 0)


def verdict_of(use_case, rows, root):
    """Train and judge on the rows as a retraining does, against the rule of thumb."""
    run = run_of(use_case, root)
    rows = mask_future(rows, run.as_of, use_case.times.with_outcome)
    shutil.rmtree(run.work, ignore_errors=True)
    models = {
        "champion": stand_in(run, run.work / "champion"),
        "candidate": candidate.train_candidate(
            run, rows, windows(), run.work / "candidate", "frozen"
        ),
    }
    snapshot, folder = run.frozen_as("frozen", rows), run.work / "evidence"
    snapshot.tick = {}
    comparison.write_evidence(folder, models, use_case, snapshot, windows(), timed=False)
    evidence = read_evidence(folder)
    return decide(evidence, use_case.settings.gate(), tick=run.as_of)


def told_of(decision):
    return {
        check.reason: check.passed for check in decision.checks if check.name == "known_in_time"
    }


def test_an_honest_candidate_passes_and_is_paid_by_what_came(rows, tmp_path):
    decision = verdict_of(spenders(), rows, tmp_path)
    assert decision.verdict is Verdict.PROMOTE, decision.sentence
    assert set(told_of(decision).values()) == {True}


HINTS = {
    "the outcome": lambda y, draw: y,
    "its opposite": lambda y, draw: 1 - y,
    "nearly the outcome": lambda y, draw: np.where(draw < 0.005, 1 - y, y),
    "with noise": lambda y, draw: y * 10 + draw,
    "both ends": lambda y, draw: np.where(y == 1, np.where(draw < 0.5, -9, 9), draw),
    "missing where it is 1": lambda y, draw: np.where(y == 1, np.nan, draw),
    "missing where it is 0": lambda y, draw: np.where(y == 0, np.nan, draw),
    "a status": lambda y, draw: np.where(
        y == 1, np.where(draw < 0.5, "closed", "paid"), np.where(draw < 0.3, "open", "idle")
    ),
}
DOORS = {
    "feature": {},
    "known": {"known": ("guess", "hint")},
}


# a linear model takes no text: that one comes by the other door
@pytest.mark.parametrize(
    ("hint", "door"), [(h, d) for h in HINTS for d in DOORS if (h, d) != ("a status", "feature")]
)
def test_a_column_that_is_the_outcome_is_invalid_by_whatever_door(hint, door, rows, tmp_path):
    outcome = rows["outcome"].to_numpy()
    leak = HINTS[hint](outcome, np.random.default_rng(2).random(len(rows)))
    change = DOORS[door]
    if door == "feature":
        change = {"features": (Feature("taste", "number"), Feature("hint", "number"))}
        leak = np.where(np.isnan(leak), -5.0, leak)  # a linear model takes no gaps
    decision = verdict_of(spenders(**change), rows.assign(hint=leak), tmp_path)
    assert decision.verdict is Verdict.INVALID
    assert any(words.startswith("hint alone ranks") for words in told_of(decision))


def test_a_slice_that_is_the_outcome_is_invalid_too(rows, tmp_path):
    spoilt = rows.assign(region=np.where(rows["outcome"] == 1, "north", "south"))
    decision = verdict_of(spenders(), spoilt, tmp_path)
    assert decision.verdict is Verdict.INVALID
    assert any(words.startswith("region alone ranks") for words in told_of(decision))


def test_a_role_that_is_a_feature_is_looked_at_like_any_other(rows, tmp_path):
    use_case = spenders(features=(Feature("taste", "number"), Feature("propensity", "number")))
    decision = verdict_of(use_case, rows.assign(propensity=rows["outcome"]), tmp_path)
    assert any(words.startswith("propensity alone ranks") for words in told_of(decision))
    assert "unit" not in spenders().times.read_to_decide


def test_two_columns_that_are_the_outcome_together_are_seen_by_the_score(rows, tmp_path):
    noise = np.random.default_rng(4).normal(size=len(rows)) * 3
    spoilt = rows.assign(taste=noise, wealth=3 * rows["outcome"] - noise)
    change = {"amount_estimator": None, "expected": {"spent": "guess"}}
    decision = verdict_of(spenders(**change), spoilt, tmp_path)
    assert decision.verdict is Verdict.INVALID
    assert any(words.startswith("the candidate ranks") for words in told_of(decision))


def test_a_person_can_accept_a_column_by_name_and_the_page_says_why(rows, tmp_path):
    use_case = spenders(features=(Feature("hint", "number"), Feature("wealth", "number")))
    settings, reason = use_case.settings, "the till reports the sale as it is made"
    accepted = settings.validation.model_copy(update={"leak_exceptions": {"hint": reason}})
    settings = settings.model_copy(update={"validation": accepted})
    decision = verdict_of(
        spenders(features=use_case.features, settings=settings),
        rows.assign(hint=rows["outcome"]),
        tmp_path,
    )
    assert decision.verdict is Verdict.PROMOTE, decision.sentence
    assert any(reason in words for words in told_of(decision))
    with pytest.raises(ConfigurationError, match="leak_exceptions: 'hint' is no column known"):
        spenders(settings=settings)


COLUMNS = st.dictionaries(
    st.sampled_from("abcdefgh"), st.sampled_from(["feature", "known", "amount", "later", "none"])
)


@given(COLUMNS)
@examples(max_examples=40)
def test_each_column_is_in_the_views_that_its_time_allows(times):
    def of(kind):
        return tuple(name for name, given in times.items() if given == kind)

    use_case = spenders(
        features=tuple(Feature(name, "number") for name in of("feature")),
        known=("guess", *of("known")),
        amounts=("spent", *of("amount")),
        known_later=of("later"),
    )
    rows = world().head(3).assign(**dict.fromkeys(times, 1.0))
    early, over = set(at_decision(use_case, rows)), set(once_over(use_case, rows))
    for name, kind in times.items():
        assert (name in early) == (kind in ("feature", "known"))
        assert (name in over) == (kind != "none")
    assert early <= over


def test_what_is_known_with_the_outcome_is_blanked_while_that_is_not_known(rows):
    use_case = spenders()
    as_of = windows().gate.start
    truth = rows.assign(calls=rows["calls"] > 2)
    masked = mask_future(truth, as_of, use_case.times.with_outcome)
    young = (masked["event_time"] >= as_of - pd.Timedelta(days=2)).to_numpy()
    assert young.any()
    for name in ("outcome", "label_time", "spent", "calls"):
        assert masked.loc[young, name].isna().all(), name
        assert masked.loc[~young, name].notna().all(), name
    assert masked["secret"].notna().all()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda rows: rows["spent"].mask(rows.index == 7), "spent: expected known wherever"),
        (lambda rows: rows["spent"].where(rows.index != 7, np.inf), "spent: expected finite"),
        (lambda rows: rows["spent"].astype(str) + " USD", "spent: expected finite"),
    ],
)
def test_an_amount_must_be_a_number_and_there_with_its_outcome(spoil, words, rows, tmp_path):
    use_case = spenders()
    spoilt = rows.assign(spent=spoil(rows))
    rules = rules_for(spoilt, use_case, run_of(use_case, tmp_path).as_of, None)
    broken = [
        rule.says
        for rule in rules
        if rule.helper is not None
        and "value_set" in rule.kwargs
        and not rule.helper.dropna().isin([True]).all()
    ]
    assert any(says.startswith(words) for says in broken), broken
