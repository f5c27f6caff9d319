import re
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from kpi_gate.decision.value.model import ValueModel
from kpi_gate.learning.policy import Policy, PolicySettings
from kpi_gate.learning.scoring import ScoringError, act, probabilities, row_keys
from kpi_gate.learning.training import TrainingError, train
from kpi_gate.learning.window_settings import WindowSettings
from kpi_gate.learning.windows import plan_windows

FIRST, AS_OF = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 12, 1, tzinfo=UTC)
WINDOWS = WindowSettings(
    label_delay_days=7,
    tune_days=28,
    gate_min_days=28,
    gate_max_days=60,
    gate_min_rows=100,
    train_last_rows=(None,),
)
CALLS = ValueModel(
    name="toy",
    parts=lambda action, outcome, columns, given: {
        "won": action * outcome * given["prize"],
        "cost": -action * given["cost"],
    },
)
POLICY = Policy(settings=PolicySettings(), parameters={"prize": 4.0, "cost": 1.0})


def history(rows=3_000, seed=7):
    generator = np.random.default_rng(seed)
    event_time = pd.Series(pd.date_range(FIRST, AS_OF, periods=rows).as_unit("us"))
    x = generator.normal(size=rows)
    return pd.DataFrame(
        {
            "unit": np.arange(rows),
            "event_time": event_time,
            "label_time": event_time + timedelta(days=7),
            "x": x,
            "outcome": (generator.random(rows) < 1 / (1 + np.exp(1 - 2 * x))).astype(float),
        }
    )


def plan(rows):
    return plan_windows(rows["event_time"], WINDOWS, AS_OF)


def test_outcomes_that_come_early_teach_nothing_about_the_young_rows():
    rows = history()
    early = rows["event_time"] + timedelta(hours=1)
    rows = rows.assign(label_time=rows["label_time"].mask(rows["outcome"] == 1, early))
    windows = plan(rows)
    mature = rows["event_time"] < windows.gate.start - timedelta(days=7)
    trained = fit(rows, windows=windows)
    assert trained.rows == mature.sum()
    assert trained.outcome_rate == pytest.approx(rows["outcome"][mature].mean())


def earned(estimator, rows, value):
    scores = probabilities(estimator, rows, ["x"])
    action = act(POLICY, value, scores, rows)
    outcome = rows["outcome"].to_numpy(dtype=float)
    return value.value(action, outcome, rows, POLICY.parameters).mean()


def fit(rows, last_rows=(None,), make=LogisticRegression, value=CALLS, windows=None):
    return train(
        rows,
        windows or plan(rows),
        make=make,
        features=["x"],
        worth=lambda estimator, part: earned(estimator, part, value),
        last_rows=last_rows,
        threads=1,
    )


def test_the_best_variant_on_tune_is_refitted_on_all_before_the_gate():
    rows = history()
    trained = fit(rows, (200, None))
    best = max(trained.variants, key=lambda variant: variant.value)
    assert trained.chosen == best.name
    assert [variant.name for variant in trained.variants] == ["last 200 rows", "all history"]
    assert trained.rows == 200 if best.name == "last 200 rows" else trained.rows > best.rows
    assert best.auc > 0.75
    assert 0 < trained.outcome_rate < 1


def test_nothing_of_the_gate_window_is_seen():
    rows = history()
    gate = rows["event_time"] >= plan(rows).gate.start
    assert not np.isin(row_keys(rows[gate]), fit(rows).row_keys).any()
    spoilt = rows.assign(outcome=rows["outcome"].where(~gate, 1 - rows["outcome"]))
    spoilt.loc[gate, "x"] = 1e6
    scores = [probabilities(fit(r).estimator, rows, ["x"]) for r in (rows, spoilt)]
    assert (scores[0] == scores[1]).all()


def test_an_outcome_that_was_not_known_yet_is_not_used():
    rows = history()
    windows = plan(rows)
    late = rows["label_time"] >= windows.gate.start
    before = (rows["event_time"] < windows.gate.start) & late
    assert before.any()
    assert not np.isin(row_keys(rows[before]), fit(rows).row_keys).any()


def test_the_model_is_calibrated_on_tune():
    rows = history(20_000)
    gate = rows[rows["event_time"] >= plan(rows).gate.start]
    score = probabilities(fit(rows).estimator, gate, ["x"])
    assert score.mean() == pytest.approx(gate["outcome"].mean(), abs=0.03)


def test_training_twice_is_the_same():
    first, second = fit(history()), fit(history())
    assert first.variants == second.variants
    assert (first.row_keys == second.row_keys).all()


def test_variants_that_would_see_all_rows_are_one():
    assert [v.name for v in fit(history(), (10_000, None, 20_000)).variants] == ["all history"]


def test_the_order_of_the_rows_does_not_choose_the_latest():
    rows = history()
    first, second = fit(rows, (300,)), fit(rows.sample(frac=1, random_state=7), (300,))
    assert (first.row_keys == second.row_keys).all()
    assert first.variants == second.variants


@pytest.mark.parametrize(
    ("part", "positives"), [("train", 0), ("train", 1), ("tune", 0), ("tune", 1)]
)
def test_a_window_without_both_outcomes_is_too_little(part, positives):
    rows = history()
    window = getattr(plan(rows), part)
    inside = (rows["event_time"] >= window.start) & (rows["event_time"] < window.end)
    rows.loc[inside, "outcome"] = 0.0
    rows.loc[rows.index[inside][:positives], "outcome"] = 1.0
    with pytest.raises(TrainingError, match=f"{part} .* {positives} of them positive; at least 2"):
        fit(rows)


@pytest.mark.parametrize("positives", [2, 4])
def test_two_of_each_outcome_are_enough(positives):
    rows = history()
    window = plan(rows).tune
    inside = (rows["event_time"] >= window.start) & (rows["event_time"] < window.end)
    rows.loc[inside, "outcome"] = 0.0
    rows.loc[rows.index[inside][:positives], "outcome"] = 1.0
    assert fit(rows).rows > 0


def test_no_rows_are_too_little():
    rows = history()
    with pytest.raises(TrainingError, match="0 rows"):
        fit(rows[:0], windows=plan(rows))


def test_where_history_is_too_short_it_is_said_when_it_will_do():
    rows = history()
    young = rows[rows["event_time"] >= AS_OF - timedelta(days=60)]
    with pytest.raises(TrainingError, match="such rows begin on 2024-10-02") as told:
        fit(young)
    (said,) = re.findall(r"can be trained from about (\S+) on", str(told.value))
    assert AS_OF < datetime.fromisoformat(f"{said}T00:00+00:00") < AS_OF + timedelta(days=60)


def test_a_value_that_is_not_finite_is_refused():
    broken = ValueModel("toy", lambda action, outcome, columns, given: {"a": action * np.nan})
    with pytest.raises(ScoringError, match="no finite value"):
        fit(history(), value=broken)


def test_without_calibration_the_refitted_model_is_believed_as_it_is():
    rows = history()
    plain = train(
        rows,
        plan(rows),
        make=LogisticRegression,
        features=["x"],
        worth=lambda estimator, part: earned(estimator, part, CALLS),
        last_rows=(None,),
        threads=1,
        calibrate=False,
    )
    assert isinstance(plain.estimator, LogisticRegression)
    before = rows["label_time"] < plan(rows).gate.start
    by_hand = LogisticRegression().fit(rows.loc[before, ["x"]], rows.loc[before, "outcome"])
    assert probabilities(plain.estimator, rows, ["x"]) == pytest.approx(
        probabilities(by_hand, rows, ["x"])
    )
