"""A candidate's folder as a model of MLflow: the very bytes that were judged, not dumped anew."""

import shutil
from pathlib import Path
from typing import Any

from kpi_gate.record.model_files import MODEL_FILE, Model, held_types


class StoredModel:
    """MLflow's flavor for scikit-learn, but for the file: it is copied as it was written.

    A second dump of the same trees or boosters gives other bytes, hence another digest. So MLflow
    dumps, and loads again, a model that is small.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def save_model(self, path: str, **options: Any) -> None:
        """Save the model as MLflow does, then put the stored bytes in the place of its own."""
        import mlflow.sklearn
        from sklearn.dummy import DummyClassifier

        mlflow.sklearn.save_model(DummyClassifier(), path, **options)
        shutil.copyfile(self._path, Path(path) / MODEL_FILE)


def log_model(model: Model, run_id: str, sample: Any) -> Any:
    """Log a model with the files beside it; return what MLflow says of it.

    Args:
        model: The candidate.
        run_id: The run that it belongs to.
        sample: A few input rows, for the signature.

    Raises:
        ModelError: If the model cannot be loaded.
    """
    import mlflow
    from mlflow.models import Model as Logged
    from mlflow.models import infer_signature

    path, estimator = model.folder / MODEL_FILE, model.estimator
    with mlflow.start_run(run_id=run_id):
        return Logged.log(
            artifact_path=None,
            name="model",
            flavor=StoredModel(path),
            flavor_name="mlflow.sklearn",
            serialization_format="skops",
            skops_trusted_types=sorted(held_types(path.read_bytes())),
            pip_requirements=["scikit-learn", "skops", "pandas"],
            pyfunc_predict_fn="predict_proba",
            signature=infer_signature(sample, estimator.predict_proba(sample)),
            extra_files=[
                str(path) for path in sorted(model.folder.iterdir()) if path.name != MODEL_FILE
            ],
        )
