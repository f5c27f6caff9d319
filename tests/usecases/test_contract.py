"""What every use case must keep; a new one is tested by its files being there."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from kpi_gate import usecases
from kpi_gate.usecase import ROLES, ConfigurationError, Feature

LATER = datetime(2100, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module", params=usecases.names())
def use_case(request):
    return usecases.load(request.param)


@pytest.fixture(scope="module")
def raw(use_case, tmp_path_factory):
    folder = tmp_path_factory.mktemp(use_case.name)
    if use_case.fetch is not None:
        use_case.fetch(folder)
    return folder


@pytest.fixture(scope="module")
def rows(use_case, raw):
    return use_case.load(raw, LATER)


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


def test_unit_currency_and_limits_are_declared(use_case):
    objective = use_case.settings.objective
    assert len(objective.unit) == 3
    assert objective.unit.isupper()
    assert objective.kpi
    assert use_case.title
    assert use_case.baseline_name


def test_rows_have_every_column_and_roles_of_the_right_kind(use_case, rows):
    assert set(use_case.columns) <= set(rows.columns)
    assert set(ROLES) <= set(rows.columns)
    assert len(rows) > 1_000
    for role in ("event_time", "label_time"):
        assert str(rows[role].dt.tz) == "UTC"
    assert rows["unit"].notna().all()
    assert set(rows["outcome"].dropna()) == {0.0, 1.0}


def test_nothing_is_known_before_its_time(use_case, raw, rows):
    assert (rows["label_time"] >= rows["event_time"]).all()
    as_of = rows["event_time"].quantile(0.3).to_pydatetime()
    early = use_case.load(raw, as_of)
    assert (early["event_time"] < as_of).all()
    assert len(early) == (rows["event_time"] < as_of).sum()


def test_no_feature_is_known_later(use_case):
    late = {"outcome", "label_time", *use_case.known_later}
    assert late.isdisjoint(use_case.feature_names)
    assert late.isdisjoint(use_case.value.columns)
    for column in late:
        with pytest.raises(ConfigurationError, match=f"'{column}' is known only after event_time"):
            replace(use_case, features=(*use_case.features, Feature(column, "number")))


def test_loading_twice_is_the_same(use_case, raw, rows):
    pd.testing.assert_frame_equal(use_case.load(raw, LATER), rows)


def test_before_the_first_row_there_is_nothing(use_case, raw, rows):
    first = rows["event_time"].min().to_pydatetime()
    assert len(use_case.load(raw, first - timedelta(days=400))) == 0


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
    assert oracle.sum() > max(acting.sum(), not_acting.sum())


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
    action = np.asarray(use_case.baseline(rows), dtype=float)
    assert action.shape == (len(rows),)
    assert np.isfinite(action).all()
    assert use_case.baseline(rows[:0]).shape == (0,)


def test_the_estimator_scores_every_row(use_case, known):
    features = known[use_case.feature_names].head(2_000)
    model = use_case.estimator(use_case.settings.model)
    model.fit(features, known["outcome"].head(2_000))
    score = model.predict_proba(features)
    assert score.shape == (2_000, 2)
    assert np.isfinite(score).all()


def test_its_own_measures_are_numbers(use_case, rows):
    action = np.asarray(use_case.baseline(rows), dtype=float)
    for measure in use_case.measures.values():
        assert np.isfinite(measure(action, rows))


def test_an_unknown_use_case_is_named():
    with pytest.raises(ConfigurationError, match="no use case 'nothing'; there are: "):
        usecases.load("nothing")
