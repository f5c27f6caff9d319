"""Whatever classifier people bring: kept to the bit, or refused before any training."""

import importlib.util
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from classifiers import FEATURES, FOREIGN, MATRIX, NEEDS_MORE_OUTCOMES, REFUSED, visits

from kpi_gate.evaluation.rehearsal import rehearse
from kpi_gate.learning.classifiers import NotAClassifierError
from kpi_gate.learning.scoring import probabilities
from kpi_gate.learning.training import FitError, train
from kpi_gate.learning.window_settings import WindowSettings
from kpi_gate.learning.windows import plan_windows
from kpi_gate.record.model_files import dump_model, load_model, store_model
from kpi_gate.record.registered import ModelError
from kpi_gate.usecase.contract import Feature

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("classifiers"),
    pytest.mark.filterwarnings("ignore"),  # of few rows and few rounds
]
ROWS = visits()
GOLDEN = ROWS.tail(20)
WINDOWS = plan_windows(
    ROWS["event_time"],
    WindowSettings(
        label_delay_days=1,
        tune_days=8,
        tune_min_rows=30,
        gate_min_days=8,
        gate_max_days=8,
        gate_min_rows=10,
        train_last_rows=(None,),
    ),
    ROWS["event_time"].max().to_pydatetime(),
)
KEPT = sorted(MATRIX.keys() - REFUSED.keys() - set(NEEDS_MORE_OUTCOMES))
# in a process of its own: load each model with the names that are trusted, and score golden rows
LOADS = """
import sys, numpy as np, pandas as pd
from pathlib import Path
from threadpoolctl import threadpool_limits
from kpi_gate.learning.scoring import probabilities
from kpi_gate.record.model_files import load_model
folder, features, trusted = Path(sys.argv[1]), sys.argv[2].split(","), sys.argv[3].split(",")
golden = pd.read_parquet(folder / "golden.parquet")
with threadpool_limits(1):
    scores = {
        path.stem: probabilities(load_model(path, trusted), golden, features)
        for path in folder.glob("*.skops")
    }
np.savez(folder / "scores.npz", **scores)
"""


def toy(make, trusted=FOREIGN):
    """Return the toy use case with another estimator."""
    path = Path(__file__).parents[1] / "toy" / "toy.py"
    spec = importlib.util.spec_from_file_location("toy_of_classifiers", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    kinds = ("number", "number", "category")
    features = tuple(Feature(*pair) for pair in zip(FEATURES, kinds, strict=True))
    return replace(
        module.USE_CASE, features=features, estimator=lambda _: make(), trusted_types=trusted
    )


def trained(make, *, calibrate=True):
    return train(
        ROWS,
        WINDOWS,
        make=make,
        features=FEATURES,
        worth=lambda estimator, part: float(probabilities(estimator, part, FEATURES).mean()),
        last_rows=(None,),
        threads=1,
        calibrate=calibrate,
    ).estimator


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Train, store and score every classifier that is kept; every second one is calibrated."""
    folder, scores = tmp_path_factory.mktemp("kept"), {}
    GOLDEN.to_parquet(folder / "golden.parquet")
    for place, name in enumerate(KEPT):
        estimator = trained(MATRIX[name], calibrate=place % 2 == 0)
        store_model(folder / f"{place}.skops", dump_model(estimator), FOREIGN)
        scores[place] = probabilities(estimator, GOLDEN, FEATURES)
    return folder, scores


def test_a_fresh_process_scores_every_stored_classifier_bit_for_bit(kept):
    folder, scores = kept
    words = [str(folder), ",".join(FEATURES), ",".join(FOREIGN)]
    subprocess.run([sys.executable, "-W", "ignore", "-c", LOADS, *words], check=True)
    found = np.load(folder / "scores.npz")
    differing = [
        name for place, name in enumerate(KEPT) if (found[str(place)] != scores[place]).any()
    ]
    assert not differing
    assert len(KEPT) > 70


@pytest.mark.parametrize("name", KEPT)
def test_the_rehearsal_lets_pass_what_can_be_kept(name):
    rehearse(toy(MATRIX[name]), ROWS)


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_kept_is_told_before_training_with_what_to_do(name):
    words = REFUSED[name].format(name)
    with pytest.raises((ModelError, NotAClassifierError), match=words) as error:
        rehearse(toy(MATRIX[name]), ROWS)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", NEEDS_MORE_OUTCOMES)
def test_what_wants_a_matrix_of_outcomes_fails_when_it_is_fitted(name):
    rehearse(toy(MATRIX[name]), ROWS)  # it might be for want of rows
    with pytest.raises(FitError, match="Pipeline on "):
        trained(MATRIX[name])


@pytest.mark.parametrize("name", ["lightgbm", "xgboost"])
def test_types_of_other_packages_are_named_all_at_once_with_the_line_to_add(name):
    own = [f'"{found}"' for found in FOREIGN if found.startswith(name)]
    line = rf"UseCase\(trusted_types=\({', '.join(own)},\)\)"
    with pytest.raises(ModelError, match=line):
        rehearse(toy(MATRIX[name], ()), ROWS)


@pytest.mark.parametrize("name", ["RandomForestClassifier", "xgboost", "early stopping", "a union"])
def test_equal_classifiers_are_equal_bytes(name, tmp_path):
    first, second = (dump_model(trained(MATRIX[name])) for _ in range(2))
    assert first == second
    (tmp_path / "x.skops").write_bytes(first)
    assert dump_model(load_model(tmp_path / "x.skops", FOREIGN)) == first
