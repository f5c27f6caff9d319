"""A home with a real first champion, and releases of other models after it, as many as wanted."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kpi_gate.record.ledger import open_ledger
from kpi_gate.record.model_files import Model
from kpi_gate.run.opening import open_run
from kpi_gate.serving import places
from kpi_gate.serving.export import make_export
from kpi_gate.serving.follow import EXPORT
from kpi_gate.serving.manifest import Manifest
from kpi_gate.serving.predictor import Predictor, load_export
from kpi_gate.workspace import Workspace

ROOT = Path(__file__).parents[2]
USE_CASE, TICK = "campaign", "2008-08-01"
TRAINED_ON = 5_000  # rows of a later model


class World:
    """A home in which the use case has a champion.

    Attributes:
        workspace: Of this home.
        environment: Of processes that serve it.
        champion: Version in use.
    """

    def __init__(self, home: Path) -> None:
        home.mkdir(parents=True)
        places_of = {"KPI_GATE_HOME": str(home), "KPI_GATE_ROOT": str(ROOT)}
        places_of["KPI_GATE_MLFLOW_URI"] = f"sqlite:///{home}/bench.db"
        os.environ |= places_of
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # MLflow looks for uvicorn
        self.environment = {**os.environ, "OMP_NUM_THREADS": "1", "PATH": path}
        self._forget()
        words = [str(Path(sys.executable).with_name("kpi-gate")), "retrain", USE_CASE]
        subprocess.run(
            [*words, "--as-of", TICK],
            cwd=ROOT,
            env=self.environment,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        self.workspace = Workspace()
        self.champion = "v1"
        self._exports: list[Path] = []
        self._made = 1
        rows = pd.read_parquet(self.workspace.work(USE_CASE) / "snapshot.parquet")
        self._rows = rows[rows["outcome"].notna()]
        with open_run(USE_CASE, looking=True) as run:
            self.use_case = run.use_case
            self.model = run.fetch("v1", home / "bench-model")
            _ = self.model.estimator, self.model.golden

    @staticmethod
    def _forget() -> None:
        (ROOT / "dvc.lock").unlink(missing_ok=True)
        shutil.rmtree(ROOT / "data" / USE_CASE, ignore_errors=True)

    def close(self) -> None:
        """Remove what the retrain left in the repository."""
        self._forget()

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """Rows as callers send them."""
        golden = self.predictor("v1").golden
        found: list[dict[str, Any]] = golden["rows"][: golden["real"]]
        return found

    @property
    def features(self) -> pd.DataFrame:
        """The model's inputs, as it was trained on them."""
        return self._rows[list(self.model.card.features)]

    def predictor(self, version: str) -> Predictor:
        """Return the export of a version, loaded."""
        (folder,) = (places.root(self.workspace) / "exports" / USE_CASE).glob(f"{version}-*")
        return load_export(folder)

    def train(self, count: int) -> None:
        """Train other models of the same kind and size, each on other rows."""
        for number in range(len(self._exports), count):
            random = np.random.default_rng(number)
            some = self._rows.iloc[random.integers(0, len(self._rows), TRAINED_ON)]
            inputs = some[list(self.model.card.features)]
            estimator = self.use_case.estimator({**self.use_case.settings.model, "seed": number})
            estimator.fit(inputs, some["outcome"])
            folder = self.workspace.home / "models" / str(number)
            shutil.copytree(self.model.folder, folder)
            model = Model(folder, self.model.trusted, card=self.model.card, estimator=estimator)
            target = self.workspace.home / "trained" / str(number)
            make_export(model, self.use_case, target, version="0")
            self._exports.append(target)

    def release(self) -> str:
        """Release the next model: its export, and its rows in the ledger, as a promotion does."""
        self._made += 1
        version, digest = f"v{self._made}", f"{self._made:016x}"
        source = self._exports[self._made % len(self._exports)]
        folder = places.export(self.workspace, USE_CASE, version, digest)
        shutil.copytree(source, folder)
        changes = {"version": version, "digest": digest}
        Manifest.read(folder).model_copy(update=changes).write(folder)
        manifest = Manifest.read(folder)
        ledger = open_ledger(self.workspace)
        first = ledger.entries(USE_CASE, "decision")[0]
        subject = f"bench-{self._made}"
        ledger.append(USE_CASE, "decision", subject, self._decision(first.body, version, digest))
        move = {"version": version, "from": self.champion}
        ledger.append(USE_CASE, "intent", subject, move)
        ledger.append(USE_CASE, "done", subject, {**move, EXPORT: manifest.fingerprint()})
        self.champion = version
        return version

    def _decision(self, body: Mapping[str, Any], version: str, digest: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(json.dumps(dict(body)))
        found |= {"version": version, "champion": self.champion}
        found["decision"]["refit"] = None
        found["decision"]["lineage"]["candidate"]["digest"] = digest
        return found
