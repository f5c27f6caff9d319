"""What every use case must keep; a new one is tested by its files being there."""

from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from skeletons import MARK, left_to_fill_in

from kpi_gate.decision.foreknowledge import KNOWS
from kpi_gate.evaluation.metrics import slice_columns
from kpi_gate.evaluation.rehearsal import rehearse
from kpi_gate.evaluation.valuation import per_decision, row_values
from kpi_gate.evaluation.views import at_decision, once_over, rule_of_thumb
from kpi_gate.learning.leakage import knowledge
from kpi_gate.learning.scoring import row_keys
from kpi_gate.pipeline.loading import known_rows, plain_rows
from kpi_gate.pipeline.raw_folder import NO_FILES
from kpi_gate.run.candidate import acts, with_its_amounts
from kpi_gate.run.context import now
from kpi_gate.usecase import discovery
from kpi_gate.usecase.contract import ROLES, ROLES_OF, ConfigurationError, Feature
from kpi_gate.workspace import Place

REPOSITORY = Path(__file__).parents[2]
ENOUGH = 150_000  # rows: more of them prove nothing more
# what a load() that looks for its files or its database in vain does not raise
FAULTS = (AssertionError, AttributeError, ImportError, NameError, NotImplementedError, TypeError)


@pytest.fixture(
    scope="module",
    params=[pytest.param(each, marks=pytest.mark.xdist_group(each)) for each in discovery.names()],
)
def use_case(request):
    if left_to_fill_in(request.param):
        pytest.skip("a skeleton; test_nothing_is_left_to_fill_in says what it waits for")
    return discovery.load(request.param)


@pytest.fixture(scope="module")
def raw(use_case, tmp_path_factory):
    """Return the folder of its raw input: fetched where it can be, else the project's own."""
    if use_case.fetch is None:
        return Place(root=REPOSITORY).raw(use_case.name)
    folder = tmp_path_factory.mktemp(use_case.name)
    use_case.fetch(folder)
    return folder


def read(use_case, raw, as_of):
    """Load rows as a run does, which blanks what is not known yet."""
    return known_rows(use_case, raw, as_of)


@pytest.fixture(scope="module")
def rows(use_case, raw):
    """Return its first rows, as they are known today; skip where there are none to be had here."""
    at_hand = raw.exists() and any(path.name != NO_FILES for path in raw.iterdir())
    try:
        rows = read(use_case, raw, now())
    except Exception as error:
        if at_hand or isinstance(error.__cause__, FAULTS):
            raise
        skip_without_rows(use_case, str(error))
    if rows.empty and not at_hand:
        skip_without_rows(use_case, "load() gives no rows")
    return rows.head(ENOUGH)


def skip_without_rows(use_case, words):
    name = use_case.name
    pytest.skip(
        f"{name}: not tested on its rows, for none are at hand: data/raw/{name}/ is empty, it has "
        f"no `fetch`, and {words}"
    )


@pytest.fixture(scope="module")
def early(use_case, raw, rows):
    """Return a moment, and the rows as a run at that moment reads them."""
    as_of = rows["event_time"].quantile(0.3).to_pydatetime()
    return as_of, read(use_case, raw, as_of)


@pytest.fixture(scope="module")
def known(rows):
    return rows[rows["outcome"].notna()]


@pytest.fixture(scope="module")
def worth(use_case, known):
    """Return the money of an action on every row whose outcome is known."""
    parameters = use_case.settings.base_values()
    outcome = known["outcome"].to_numpy(dtype=float)

    def value(action):
        actions = np.broadcast_to(np.asarray(action, dtype=float), outcome.shape)
        return use_case.value.value(actions, outcome, known, parameters)

    return value


@pytest.mark.parametrize("name", discovery.names())
def test_nothing_is_left_to_fill_in(name):
    assert discovery.load(name).name == name
    left = left_to_fill_in(name)
    if left:
        pytest.skip(
            f"{name} is a skeleton. What is written after each {MARK} is to be done; the mark goes "
            "when it is. The other contract tests run once none is left.\n" + "\n".join(left)
        )


def test_unit_currency_and_limits_are_declared(use_case):
    objective = use_case.settings.objective
    if use_case.value.money_weight:  # a KPI that experiments must turn into money
        assert objective.kpi_link == "required"
    else:
        assert len(objective.unit) == 3
        assert objective.unit.isupper()
    assert objective.kpi
    assert use_case.title
    assert use_case.baseline_name
    assert use_case.limits


def test_value_parameters_have_a_unit_a_range_and_a_source(use_case):
    for name, parameter in use_case.value.parameters.items():
        assert parameter.unit, name
        assert parameter.source, name
        assert parameter.low <= parameter.base <= parameter.high, name


def test_rows_have_every_column_and_roles_of_the_right_kind(use_case, rows):
    assert set(use_case.columns) <= set(rows.columns)
    assert set(ROLES) <= set(rows.columns)
    assert len(rows)
    for role in ("event_time", "label_time"):
        assert str(rows[role].dt.tz) == "UTC"
    assert rows["unit"].notna().all()
    assert set(rows["outcome"].dropna()) == {0.0, 1.0}
    needed = ROLES_OF[use_case.settings.estimator.kind]
    if "propensity" in needed:
        assert ((rows["propensity"] > 0) & (rows["propensity"] <= 1)).all()
    if "observed" in needed:
        assert rows.loc[~rows["observed"], ["outcome", "label_time"]].isna().all(axis=None)


def test_nothing_is_known_before_its_time(known, rows, early):
    assert (known["label_time"] >= known["event_time"]).all()
    as_of, then = early
    assert (then["event_time"] < as_of).all()
    assert len(then) == (rows["event_time"] < as_of).sum()


def test_no_feature_is_known_later(use_case):
    for column in use_case.times.with_outcome:
        assert column not in use_case.times.at_decision
        with pytest.raises(ConfigurationError, match=f"'{column}' is known only after event_time"):
            replace(use_case, features=(*use_case.features, Feature(column, "number")))


def test_no_column_has_two_times_or_none(use_case, rows):
    for column in use_case.known_later:
        with pytest.raises(ConfigurationError, match=f"{column!r} is known only after event_time"):
            replace(use_case, known=(*use_case.known, column))
    value = use_case.value
    for column in {*rows} - {*use_case.times.at_decision, *use_case.times.with_outcome}:
        with pytest.raises(ConfigurationError, match=f"{column!r}, and nothing says when"):
            replace(use_case, value=replace(value, columns=(*value.columns, column)))


def test_what_was_known_at_the_decision_stays_as_it_was(use_case, raw, rows):
    # a column that load() makes of later rows, or of outcomes, changes once they are there
    as_of = rows["event_time"].quantile(0.5).to_pydatetime()
    early = plain_rows(use_case, use_case.load(raw, as_of))
    early = early[early["event_time"] < as_of].reset_index(drop=True)
    late = rows[rows["event_time"] < as_of].reset_index(drop=True)
    keys = [pd.Series(row_keys(some)) for some in (early, late)]
    order = [key.sort_values(kind="stable").index for key in keys]
    assert np.array_equal(*(key[at] for key, at in zip(keys, order, strict=True)))
    for name in at_decision(use_case, rows).columns:
        before, now = (some[name].take(at) for some, at in zip((early, late), order, strict=True))
        same = before.astype(object).to_numpy() == now.astype(object).to_numpy()
        gone = before.isna().to_numpy() & now.isna().to_numpy()
        assert (same | gone).all(), name


@pytest.fixture(scope="module")
def model(use_case, known):
    """Return a model of some rows, as a retraining would complete it."""
    some = known.tail(20_000)  # the first rows know no outcomes before them
    fitted = use_case.estimator(use_case.settings.model)
    fitted.fit(some[use_case.feature_names], some["outcome"])
    return with_its_amounts(fitted, some, use_case)


def test_nothing_that_comes_with_the_outcome_decides(use_case, known, model):
    def decided(rows):
        view = at_decision(use_case, rows)
        slices = [view[name].astype(str) for name in slice_columns(use_case)]
        scores = model.predict_proba(view[use_case.feature_names])
        return [scores, acts(model, rows, use_case), rule_of_thumb(use_case, rows), *slices]

    rows = known.tail(100 if use_case.choices is not None else 2_000).reset_index(drop=True)
    late = [name for name in rows if name not in use_case.times.at_decision]
    turned = rows.assign(**{name: rows[name].to_numpy()[::-1] for name in late})
    for before, after in zip(decided(rows), decided(turned), strict=True):
        assert np.array_equal(before, after)


def test_no_column_that_is_read_at_the_decision_is_the_outcome(use_case, known):
    found = knowledge(known, list(use_case.times.read_to_decide), 20_000)
    assert found is not None
    accepted = use_case.settings.validation.leak_exceptions
    known_too_well = {name: auc for name, auc in found.items() if not auc < KNOWS}
    assert set(known_too_well) <= set(accepted), known_too_well


def test_loading_twice_is_the_same(use_case, raw, early):
    as_of, then = early
    pd.testing.assert_frame_equal(read(use_case, raw, as_of), then)


def test_before_the_first_row_there_is_nothing(use_case, raw, rows):
    first = rows["event_time"].min().to_pydatetime()
    assert len(read(use_case, raw, first - timedelta(days=400))) == 0


def test_the_oracle_is_worth_at_least_any_other_action(worth):
    acting, not_acting = worth(1), worth(0)
    oracle = worth(acting > not_acting)
    generator = np.random.default_rng(7)
    for action in (
        np.ones(acting.size),
        np.zeros(acting.size),
        generator.random(acting.size) < 0.5,
    ):
        assert (oracle >= worth(action)).all()
    assert oracle.sum() > not_acting.sum()


def test_per_decision_the_oracle_beats_acting_everywhere_and_the_baseline(use_case, known, worth):
    if use_case.choices is not None:
        pytest.skip("of a logged choice only one outcome is known: there is no oracle of a row")
    parameters = use_case.settings.base_values()

    def earned(action):
        values = row_values(use_case, known, action, parameters)
        return per_decision(use_case, known, action, values, parameters)

    best = earned((worth(1) > worth(0)).astype(float))
    assert best > earned(np.ones(len(known)))
    assert best > earned(rule_of_thumb(use_case, known))


def test_value_grows_with_every_error_that_is_avoided(worth):
    acting, not_acting = worth(1), worth(0)
    right = acting > not_acting
    order = np.random.default_rng(7).permutation(right.size)
    totals = []
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        corrected = np.zeros(right.size, dtype=bool)
        corrected[order[: int(share * right.size)]] = True
        totals.append(worth(np.where(corrected, right, ~right)).sum())
    assert totals == sorted(totals)
    assert totals[0] < totals[-1]


def test_no_action_is_worth_what_the_value_model_says(use_case, known, worth):
    # whatever not acting is worth, the policy must expect just that
    outcome = known["outcome"].to_numpy(dtype=float)
    parameters = use_case.settings.base_values()
    expected = use_case.value.expected(np.zeros(len(known)), outcome, known, parameters)
    assert worth(0) == pytest.approx(expected)


def test_value_is_finite_and_the_sum_of_its_parts(use_case, known, worth):
    outcome = known["outcome"].to_numpy(dtype=float)
    for action in (0.0, 1.0):
        parts = use_case.value.breakdown(
            np.full(len(known), action), outcome, known, use_case.settings.base_values()
        )
        assert all(part.shape == (len(known),) for part in parts.values())
        assert worth(action) == pytest.approx(sum(parts.values()))
        assert np.isfinite(worth(action)).all()


def test_the_baseline_has_an_action_for_every_row(use_case, rows):
    action = rule_of_thumb(use_case, rows)
    assert action.shape == (len(rows),)
    assert np.isfinite(action).all()
    assert ((action >= 0) & (action <= 1)).all()
    assert rule_of_thumb(use_case, rows[:0]).shape == (0,)


def test_the_estimator_scores_every_row(use_case, known, model):
    some = known.tail(20_000)
    scores = model.predict_proba(some[use_case.feature_names])
    assert scores.shape == (len(some), 2)
    assert np.isfinite(scores).all()


def test_what_it_learns_can_be_stored_loaded_and_asked(use_case, known):
    rehearse(use_case, known, partial(with_its_amounts, use_case=use_case))


def test_its_own_measures_and_proxies_are_numbers(use_case, known):
    action, over = rule_of_thumb(use_case, known), once_over(use_case, known)
    outcome = known["outcome"].to_numpy(dtype=float)
    for measure in use_case.measures.values():
        assert np.isfinite(measure(action, over))
    for proxy in use_case.proxies.values():
        counts = np.asarray(proxy(action, outcome, over), dtype=float)
        assert counts.shape == (len(known),)
        assert np.isfinite(counts).all()


def test_what_can_be_chosen_is_what_was_logged(use_case, rows):
    if use_case.choices is None:
        pytest.skip("nothing is chosen among")
    some = at_decision(use_case, rows).head(1_000)
    assert (use_case.choices.logged(rows) >= 0).all()
    for level in use_case.choices.levels[:3]:
        told = use_case.choices.as_if(some, level)
        assert (told[use_case.choices.column] == level).all()
        assert told.index.equals(some.index)
    logged = use_case.choices.levels[use_case.choices.logged(some.head(1))[0]]
    again = use_case.choices.as_if(some.head(1), logged)
    for column in {*use_case.feature_names, *use_case.value.columns} & set(some):
        assert again[column].iloc[0] == some[column].iloc[0], column


def test_an_unknown_use_case_is_named():
    with pytest.raises(ConfigurationError, match="no use case 'nothing'; there are: "):
        discovery.load("nothing")
