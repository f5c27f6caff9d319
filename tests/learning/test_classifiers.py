import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from kpi_gate.learning.classifiers import NotAClassifierError, require_probabilities
from kpi_gate.learning.scoring import probabilities

X = np.linspace(-1, 1, 30)[:, None]
BOTH = (X[:, 0] > 0).astype(float)


class Turned(LogisticRegression):
    """Names its classes the other way round."""

    @property
    def classes_(self):
        return self._found[::-1]

    @classes_.setter
    def classes_(self, found):
        self._found = found


def test_a_classifier_of_the_two_outcomes_will_do():
    require_probabilities(make_pipeline(StandardScaler(), LogisticRegression()).fit(X, BOTH))
    require_probabilities(LogisticRegression().fit(X, BOTH == 1))


@pytest.mark.parametrize(
    ("estimator", "outcome", "words"),
    [
        (LinearRegression(), BOTH, "LinearRegression is a regressor: give a classifier"),
        (
            LogisticRegression(),
            BOTH.astype(int) + 1,
            r"has classes_ \['1', '2'\], must be \[0, 1\]",
        ),
        (LogisticRegression(), np.where(BOTH == 1, "yes", "no"), r"classes_ \['no', 'yes'\]"),
        (LogisticRegression(), np.arange(30) % 3, r"classes_ \['0', '1', '2'\]"),
        (Turned(), BOTH, r"Turned has classes_ \['1.0', '0.0'\]"),
    ],
)
def test_another_kind_of_answer_is_refused_with_what_to_do(estimator, outcome, words):
    with pytest.raises(NotAClassifierError, match=words):
        require_probabilities(make_pipeline(StandardScaler(), estimator).fit(X, outcome))


def test_several_workers_score_to_the_same_bit_every_time():
    generator = np.random.default_rng(1)
    rows = pd.DataFrame(generator.normal(size=(300, 3)), columns=["a", "b", "c"])
    outcome = (rows["a"] + generator.normal(size=300) > 0).astype(float)
    forest = RandomForestClassifier(40, n_jobs=2, random_state=1).fit(rows, outcome)
    first = probabilities(forest, rows, ["a", "b", "c"])
    alone = probabilities(forest.set_params(n_jobs=1), rows, ["a", "b", "c"])
    assert (first == alone).all()
