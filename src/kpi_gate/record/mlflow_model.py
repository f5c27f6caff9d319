"""A candidate's folder as a model of MLflow: the very bytes that were judged, not dumped anew."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kpi_gate.record.model_files import MODEL_FILE, held_types, load_model


class StoredModel:
    """MLflow's flavor for scikit-learn, but for the file: it is copied as it was written.

    A second dump of the same trees or boosters gives other bytes, hence another digest.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def save_model(self, path: str, **options: Any) -> None:
        """Save the model as MLflow does, then put the stored bytes in the place of its own."""
        import mlflow.sklearn

        mlflow.sklearn.save_model(path=path, **options)
        shutil.copyfile(self._path, Path(path) / MODEL_FILE)


def log_model(folder: Path, run_id: str, sample: Any, trusted: Sequence[str]) -> Any:
    """Log the model in `folder` with the files beside it; return what MLflow says of it.

    Args:
        folder: The candidate's.
        run_id: The run that it belongs to.
        sample: A few input rows, for the signature.
        trusted: Types that the use case trusts in its model.

    Raises:
        ModelError: If the model cannot be loaded.
    """
    import mlflow
    from mlflow.models import Model, infer_signature

    path = folder / MODEL_FILE
    estimator = load_model(path, trusted)
    with mlflow.start_run(run_id=run_id):
        return Model.log(
            artifact_path=None,
            name="model",
            flavor=StoredModel(path),
            flavor_name="mlflow.sklearn",
            sk_model=estimator,
            serialization_format="skops",
            skops_trusted_types=sorted(held_types(path.read_bytes())),
            pip_requirements=["scikit-learn", "skops", "pandas"],
            pyfunc_predict_fn="predict_proba",
            signature=infer_signature(sample, estimator.predict_proba(sample)),
            extra_files=[str(path) for path in sorted(folder.iterdir()) if path.name != MODEL_FILE],
        )
