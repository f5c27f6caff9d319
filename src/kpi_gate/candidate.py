"""The candidate's files: model, card, golden rows, and the keys of the rows that it has seen."""

from dataclasses import asdict

import pandas as pd

from kpi_gate.decision.evidence import Contender
from kpi_gate.job import Job
from kpi_gate.learning.policy import Policy
from kpi_gate.learning.scoring import act, probabilities
from kpi_gate.learning.training import Trained
from kpi_gate.learning.windows import Windows
from kpi_gate.stores import models, registry, snapshots
from kpi_gate.stores.models import ModelCard

GOLDEN_ROWS = 20


def write_candidate(
    job: Job, trained: Trained, policy: Policy, windows: Windows, rows: pd.DataFrame
) -> None:
    """Write the candidate of this tick; the same model gives the same bytes.

    Raises:
        ModelError: If the model could not be loaded again.
    """
    features, folder = job.use_case.feature_names, job.work / "candidate"
    snapshots.clear(folder)
    content = models.dump_model(trained.estimator)
    gate_start = windows.gate.start
    contender = Contender(
        name="candidate", digest="", trained_until=gate_start, tuned_until=gate_start
    )
    card = ModelCard(
        contender=contender,
        policy=policy,
        features=tuple(features),
        chosen=trained.chosen,
        variants=tuple(asdict(variant) for variant in trained.variants),
        trained_rows=trained.rows,
        outcome_rate=trained.outcome_rate,
        snapshot=snapshots.fingerprint(job.place.root, job.work / "snapshot.parquet"),
        trained_at=job.as_of,
    )
    digest = registry.digest(content, card)
    named = contender.model_copy(update={"digest": digest})
    card.model_copy(update={"contender": named}).write(folder)
    (folder / models.MODEL_FILE).write_bytes(content)
    models.load_model(folder / models.MODEL_FILE, job.use_case.trusted_types)
    (folder / models.KEYS_FILE).write_bytes(trained.row_keys.tobytes())
    golden = rows[rows["event_time"] < gate_start].tail(GOLDEN_ROWS)
    probability = probabilities(trained.estimator, golden, features)
    columns = list(dict.fromkeys([*features, *job.use_case.value.columns]))
    action = act(policy, job.use_case.value, probability, golden)
    scored = golden[columns].assign(golden_probability=probability, golden_action=action)
    scored.to_parquet(folder / models.GOLDEN_FILE, index=False)
