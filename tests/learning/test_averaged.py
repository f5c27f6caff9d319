import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LogisticRegression

from kpi_gate.learning.amounts import WithAmounts
from kpi_gate.learning.averaged import Averaged
from kpi_gate.record.model_files import dump_model, parse_model


def classifier(slope):
    x = np.linspace(-2, 2, 60)
    outcome = (slope * x + np.sin(40 * x) > 0).astype(float)
    return LogisticRegression().fit(pd.DataFrame({"x": x}), outcome)


ROWS = pd.DataFrame({"x": np.linspace(-3, 3, 7)})


@pytest.mark.parametrize("slopes", [[1.0], [0.2, 3.0], [0.1, 1.0, 5.0]])
def test_its_probabilities_are_the_mean_and_stay_it_once_stored(slopes):
    parts = [classifier(slope) for slope in slopes]
    whole = Averaged(parts)
    mean = np.mean([part.predict_proba(ROWS) for part in parts], axis=0)
    np.testing.assert_array_equal(whole.predict_proba(ROWS), mean)
    again = parse_model(dump_model(whole))
    np.testing.assert_array_equal(again.predict_proba(ROWS), mean)
    assert whole.expect(ROWS) == {}


def test_the_amounts_that_it_expects_are_the_mean_too():
    def knowing(low, high):
        ends = [
            DummyRegressor(strategy="constant", constant=v).fit([[0]], [v]) for v in (low, high)
        ]
        return WithAmounts(classifier(1.0), {"paid": ends})

    whole = Averaged([knowing(1.0, 10.0), knowing(3.0, 20.0)])
    assert list(whole.amounts) == ["paid"]
    found = whole.expect(ROWS)["paid"]
    assert found.with_1.tolist() == [15.0] * 7
    assert found.with_0.tolist() == [2.0] * 7
