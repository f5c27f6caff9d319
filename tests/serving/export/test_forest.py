import numpy as np
import pytest
import treelite
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier

from kpi_gate.serving.program.forest import Forest


@pytest.mark.parametrize("margin", [True, False])
@pytest.mark.parametrize(
    ("estimator", "classes"),
    [
        (HistGradientBoostingClassifier(max_iter=7), 2),
        (HistGradientBoostingClassifier(max_iter=7), 3),
        (RandomForestClassifier(n_estimators=5, random_state=1), 2),
    ],
)
def test_a_forest_says_what_treelite_says(estimator, classes, margin):
    random = np.random.default_rng(2)
    inputs = random.normal(size=(300, 4))
    estimator.fit(inputs, np.digitize(inputs[:, 0], [0.0, 0.6][: classes - 1]))
    model = treelite.sklearn.import_model(estimator)
    forest = Forest(model, margin=margin)
    for rows in (1, 2, 300):
        given = np.where(random.random((rows, 4)) < 0.1, np.nan, inputs[:rows])
        said = treelite.gtil.predict(model, given, nthread=1, pred_margin=margin)
        for each in (given, np.asfortranarray(given), given[:, ::-1][:, ::-1]):
            np.testing.assert_array_equal(forest(each), said.reshape(rows, -1))
    fewer = inputs[:3, :3]  # what is not there is missing
    filled = np.hstack([fewer, np.full((3, 1), np.nan)])
    np.testing.assert_array_equal(forest(fewer), forest(filled))
