"""Estimates agree with tea-tasting's own examples, with textbooks and with the bootstrap."""

import numpy as np
import pytest
import tea_tasting

from kpi_gate.experiment.estimates import Moments, difference

NAMES = ("numerator", "denominator", "past")


def moments(numerator, denominator=None, past=None):
    columns = [np.asarray(numerator, float)]
    columns += [np.ones_like(columns[0]) if x is None else x for x in (denominator, past)]
    spread = np.cov(np.vstack(columns))
    pairs = {(NAMES[i], NAMES[j]): float(spread[i, j]) for i in range(3) for j in range(i, 3)}
    means = {name: float(np.mean(x)) for name, x in zip(NAMES, columns, strict=True)}
    return Moments(len(columns[0]), means, pairs)


@pytest.fixture(scope="module")
def users():
    return tea_tasting.make_users_data(rng=42, covariates=True, return_type="pandas")


def sides(users, numerator, denominator, past):
    return [
        moments(*(one[name].to_numpy(float) for name in (numerator, denominator, past)))
        for one in (users[users.variant == 0], users[users.variant == 1])
    ]


def test_the_example_of_the_documentation_of_tea_tasting_with_cuped(users):
    """`orders_per_user 0.523 0.581 11% [2.9%, 20%] 0.00733`, with Student's t there."""
    found = difference(
        *sides(users, "orders", "sessions", "orders_covariate"), past=True, ratio=False
    )
    wanted = tea_tasting.Experiment(orders=tea_tasting.Mean("orders", "orders_covariate")).analyze(
        users
    )["orders"]
    assert (round(wanted.control, 3), round(wanted.treatment, 3)) == (0.523, 0.581)
    assert round(wanted.pvalue, 5) == 0.00733
    assert found.estimate == pytest.approx(wanted.effect_size, rel=1e-12)
    assert found.standard_error == pytest.approx(wanted.effect_size / wanted.statistic, rel=1e-9)


def test_cuped_is_the_textbook_formula(users):
    """Deng, Xu, Kohavi and Walker 2013: theta = cov(Y, X) / var(X), of both arms together."""
    arms = [users[users.variant == number] for number in (0, 1)]
    y, x = (
        [one[name].to_numpy(float) for one in arms] for name in ("revenue", "revenue_covariate")
    )
    within = [np.cov(a, b) for a, b in zip(y, x, strict=True)]
    sizes = [len(one) - 1 for one in arms]
    theta = sum(n * w[0, 1] for n, w in zip(sizes, within, strict=True))
    theta /= sum(n * w[1, 1] for n, w in zip(sizes, within, strict=True))
    freed = [a - theta * b for a, b in zip(y, x, strict=True)]
    error = np.sqrt(sum(one.var(ddof=1) / one.size for one in freed))
    found = difference(
        *sides(users, "revenue", "sessions", "revenue_covariate"), past=True, ratio=False
    )
    assert found.estimate == pytest.approx(freed[1].mean() - freed[0].mean(), rel=0.01)
    assert found.standard_error == pytest.approx(error, rel=0.001)
    reduced = 1 - np.corrcoef(np.concatenate(y), np.concatenate(x))[0, 1] ** 2
    assert 1 - found.variance_reduction == pytest.approx(reduced, rel=0.1)


def test_a_ratio_has_the_error_of_the_bootstrap_over_units(users):
    """Deng, Knoblich and Lu 2018: the delta method at the unit of randomisation."""
    found = difference(*sides(users, "orders", "sessions", "orders_covariate"))
    random = np.random.default_rng(5)
    drawn = []
    for one in (users[users.variant == 0], users[users.variant == 1]):
        orders, sessions = one["orders"].to_numpy(float), one["sessions"].to_numpy(float)
        rows = random.integers(0, len(one), (2_000, len(one)))
        drawn.append(orders[rows].sum(1) / sessions[rows].sum(1))
    assert found.standard_error == pytest.approx((drawn[1] - drawn[0]).std(), rel=0.05)


@pytest.mark.parametrize("ratio", [True, False])
def test_arms_without_a_relative_effect_have_a_difference(ratio):
    random = np.random.default_rng(1)
    counts = 1 + random.poisson(3, 400).astype(float)
    even = random.normal(size=400)
    even -= even.mean()
    nothing, some = moments(np.zeros(400), counts), moments(even, counts)
    found = difference(nothing, some, ratio=ratio)
    below = counts.mean() if ratio else 1.0
    assert found.standard_error == pytest.approx(even.std(ddof=1) / below / 20, rel=1e-9)
    assert difference(nothing, nothing, ratio=ratio).standard_error == 0.0


def test_swapped_arms_turn_the_sign(users):
    control, treatment = sides(users, "orders", "sessions", "orders_covariate")
    there, back = difference(control, treatment), difference(treatment, control)
    assert back.estimate == -there.estimate
    assert back.standard_error == pytest.approx(there.standard_error, rel=1e-12)
