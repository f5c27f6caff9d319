"""The same steps with pandas, scikit-learn and MLflow alone: `bare.py AS_OF HOME`.

What one would write without a gate: read, check, train three variants, pick one, refit, compare
with the baseline on the last month by a bootstrap, log, register, move the alias.
"""

import sys
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
from mlflow.models import infer_signature
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import brier_score_loss, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder
from threadpoolctl import threadpool_limits

USE_CASE = "campaign"
CATEGORIES = ["job", "marital", "education", "default", "housing", "loan", "contact", "poutcome"]
NUMBERS = ["age", "balance_eur", "campaign", "pdays", "previous"]
INPUTS = [*CATEGORIES, *NUMBERS]
TRUSTED = [
    "functools.partial",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.utils.validation.check_array",
]


def model() -> object:
    """Return an unfitted pipeline, as the use case has it."""
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)
    columns = make_column_transformer((codes, CATEGORIES), ("passthrough", NUMBERS))
    trees = HistGradientBoostingClassifier(
        max_iter=80,
        max_leaf_nodes=8,
        learning_rate=0.08,
        categorical_features=list(range(len(CATEGORIES))),
        early_stopping=False,
        random_state=7,
    )
    return make_pipeline(columns, trees)


def money(probability: np.ndarray, rows: pd.DataFrame) -> np.ndarray:
    """Return the profit of calling where the expected profit is positive."""
    margin = rows["balance_eur"].clip(0, 20000).to_numpy() * 0.25 * 0.02463333
    call = probability * margin > 1
    return np.asarray(call * (rows["y"].to_numpy() * margin - 1))


def main(as_of: str, home: Path) -> None:
    """Play one retraining."""
    folder = Path(__file__).parents[1] / "data/raw" / USE_CASE
    calls = pd.concat([pd.read_csv(path) for path in sorted(folder.glob("*.csv"))])
    calls["at"] = pd.to_datetime(calls["call_date"], utc=True)
    calls["y"] = (calls["y"] == "yes").astype(float)
    end = pd.Timestamp(as_of, tz="UTC") - pd.Timedelta(days=14)
    known = calls[calls["at"] < end]
    if known["balance_eur"].median() > 6000 or not known["age"].between(17, 110).all():
        raise SystemExit("bad data")
    gate = known[known["at"] >= end - pd.Timedelta(days=28)]
    before = known[known["at"] < end - pd.Timedelta(days=42)]
    past, tune = before.iloc[:-1000], before.iloc[-1000:]
    fitted = []
    with threadpool_limits(1):
        for last in (3000, 6000, len(past)):
            part = past.tail(last)
            frozen = FrozenEstimator(model().fit(part[INPUTS], part["y"]))  # type: ignore[attr-defined]
            calibrated = CalibratedClassifierCV(frozen).fit(tune[INPUTS], tune["y"])
            score = money(calibrated.predict_proba(tune[INPUTS])[:, 1], tune).mean()
            fitted.append((score, last, calibrated))
        _, last, best = max(fitted, key=lambda entry: entry[0])
        part = before.tail(last)
        refit = FrozenEstimator(model().fit(part[INPUTS], part["y"]))  # type: ignore[attr-defined]
    best.calibrated_classifiers_[0].estimator = best.estimator = refit
    probability = best.predict_proba(gate[INPUTS])[:, 1]
    gain = money(probability, gate) - money(np.ones(len(gate)), gate)
    draws = np.random.default_rng(7).integers(0, len(gain), (10_000, len(gain)))
    lower = np.quantile(gain[draws].mean(axis=1), 0.05)
    mlflow.set_tracking_uri(f"sqlite:///{home}/bare.db")
    if mlflow.get_experiment_by_name("bare") is None:
        mlflow.create_experiment("bare", artifact_location=(home / "bare").as_uri())
    mlflow.set_experiment("bare")
    with mlflow.start_run():
        mlflow.log_params({"last": last, "as_of": as_of})
        mlflow.log_metrics(
            {
                "gain": gain.mean(),
                "lower": lower,
                "auc": roc_auc_score(gate["y"], probability),
                "brier": brier_score_loss(gate["y"], probability),
            }
        )
        sample = gate[INPUTS].head(5).astype(dict.fromkeys(NUMBERS, float))
        mlflow.sklearn.log_model(
            best,
            name="model",
            registered_model_name="bare",
            skops_trusted_types=TRUSTED,
            pip_requirements=["scikit-learn"],
            signature=infer_signature(sample, best.predict_proba(sample)),
        )
    client = mlflow.MlflowClient()
    if lower > 0.02:
        client.set_registered_model_alias("bare", "champion", 1)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
