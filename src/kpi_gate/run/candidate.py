"""The candidate's files: model, card, golden rows, and the keys of the rows that it has seen."""

from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kpi_gate.decision.evidence import Contender
from kpi_gate.decision.verdict import Verdict
from kpi_gate.evaluation.rehearsal import rehearse
from kpi_gate.evaluation.scored_model import actions, expect, score
from kpi_gate.evaluation.valuation import worth
from kpi_gate.evaluation.views import at_decision
from kpi_gate.learning import training
from kpi_gate.learning.amounts import with_amounts
from kpi_gate.learning.averaged import Averaged
from kpi_gate.learning.classifiers import NotAClassifierError
from kpi_gate.learning.expected import AmountError, golden_amounts
from kpi_gate.learning.policy import Policy
from kpi_gate.learning.scoring import ScoringError, probabilities
from kpi_gate.learning.training import Trained
from kpi_gate.learning.windows import Windows
from kpi_gate.record import dvc_stages, model_files, registry
from kpi_gate.record.model_files import Model, ModelCard
from kpi_gate.record.registered import ModelError
from kpi_gate.run.context import Run, unknown_name
from kpi_gate.usecase.contract import UseCase
from kpi_gate.usecase.refusal import Refusal
from kpi_gate.usecase.settings import Settings

Floats = NDArray[np.float64]
GOLDEN_ROWS = 20


@dataclass(frozen=True)
class Again:
    """A recipe that is fitted again on more rows.

    Attributes:
        twin: The model that it made before.
        averaged: Whether the mean of both models' probabilities is what is wanted.
    """

    twin: Model
    averaged: bool

    @property
    def last_rows(self) -> tuple[int | None]:
        """The one variant that was chosen."""
        return (training.rows_of_variant(self.twin.card.chosen),)


def averaged_with(twin: Model, trained: Trained) -> Trained:
    """Return the mean of a model and of the one that was trained; it has seen what both saw."""
    return replace(
        trained,
        estimator=Averaged([twin.estimator, trained.estimator]),
        row_keys=np.union1d(twin.row_keys, trained.row_keys),
    )


def train_candidate(
    run: Run,
    rows: pd.DataFrame,
    windows: Windows,
    folder: Path,
    frozen: str,
    again: Again | None = None,
) -> Model:
    """Train on what lies before the gate window, write the candidate's files and return it.

    Args:
        run: The use case and the moment.
        rows: The snapshot.
        windows: Time windows.
        folder: Where to.
        frozen: Fingerprint of the snapshot.
        again: Whose recipe is fitted again; by default all variants of the settings are tried.

    Whether a model can be stored, loaded and asked is tried on a few rows first.

    Raises:
        Refusal: If there is too little data, or the model cannot score or be stored.
    """
    settings, use_case = run.use_case.settings, run.use_case
    complete = partial(with_its_amounts, use_case=use_case)
    try:
        past = rows[rows["event_time"] < windows.gate.start]
        rehearse(use_case, past, complete)
        trained = training.train(
            rows,
            windows,
            make=lambda: use_case.estimator(settings.model),
            features=use_case.feature_names,
            worth=lambda estimator, part: tuned_worth(estimator, part, use_case),
            last_rows=again.last_rows if again else settings.window.train_last_rows,
            threads=int(settings.model["threads"]),
            calibrate=settings.calibration == "sigmoid",
            slices=[rail.slice for rail in settings.guardrails if rail.slice],
            complete=complete,
        )
        if again is not None and again.averaged:
            trained = averaged_with(again.twin, trained)
        return write_candidate(
            folder, use_case, trained, windows, rows, snapshot=frozen, as_of=run.as_of
        )
    except KeyError as error:
        raise unknown_name(run, error) from error
    except training.TrainingError as error:
        raise Refusal("enough_to_train", str(error), Verdict.INSUFFICIENT_EVIDENCE) from error
    except NotAClassifierError as error:
        raise Refusal("candidate_scores", f"the candidate cannot score: {error}") from error
    except (training.FitError, AmountError) as error:
        raise Refusal("candidate_trains", f"the candidate cannot be trained: {error}") from error
    except ScoringError as error:
        raise Refusal("candidate_scores", f"the candidate cannot score: {error}") from error
    except ModelError as error:
        words = f"the candidate could not be used: {error}"
        raise Refusal("candidate_loadable", words) from error


def write_candidate(
    folder: Path,
    use_case: UseCase,
    trained: Trained,
    windows: Windows,
    rows: pd.DataFrame,
    *,
    snapshot: str,
    as_of: datetime,
) -> Model:
    """Write a candidate's files and return it; the same model gives the same bytes.

    Args:
        folder: Where to; what is in it is removed.
        use_case: Whose candidate.
        trained: The model.
        windows: Where the gate window begins: the end of what the model has seen. Where it is empty
            that is where the youngest outcome was mature.
        rows: The snapshot; golden rows are taken from before the gate window.
        snapshot: Fingerprint of the rows.
        as_of: Moment of the run.

    Raises:
        ModelError: If the model could not be loaded again.
    """
    features, gate_start = use_case.feature_names, windows.gate.start
    held_back = windows.gate.end > gate_start
    until = gate_start if held_back else gate_start - timedelta(days=windows.label_delay_days)
    policy = policy_for(use_case.settings)
    dvc_stages.clear(folder)
    content = model_files.dump_model(trained.estimator)
    contender = Contender(name="candidate", digest="", trained_until=until, tuned_until=until)
    card = ModelCard(
        contender=contender,
        policy=policy,
        features=tuple(features),
        chosen=trained.chosen,
        variants=tuple(asdict(variant) for variant in trained.variants),
        trained_rows=trained.rows,
        outcome_rate=trained.outcome_rate,
        levels=trained.levels,
        snapshot=snapshot,
        trained_at=as_of,
    )
    digest = registry.digest(content, card)
    named = contender.model_copy(update={"digest": digest})
    card.model_copy(update={"contender": named}).write(folder)
    path, trusted = folder / model_files.MODEL_FILE, use_case.trusted_types
    loaded = model_files.store_model(path, content, trusted)
    (folder / model_files.KEYS_FILE).write_bytes(trained.row_keys.tobytes())
    golden = at_decision(use_case, rows[rows["event_time"] < gate_start].tail(GOLDEN_ROWS))
    probability = probabilities(trained.estimator, golden, features)
    action = acts(trained.estimator, golden, use_case)
    amounts = golden_amounts(expect(trained.estimator, golden, features, use_case))
    scored = golden.assign(golden_probability=probability, golden_action=action, **amounts)
    scored.to_parquet(folder / model_files.GOLDEN_FILE, index=False)
    return Model(folder, trusted, estimator=loaded)


def tuned_worth(estimator: Any, rows: pd.DataFrame, use_case: UseCase) -> float:
    """Return the value per decision of a fitted model's actions under the policy."""
    action = acts(estimator, rows, use_case)
    return worth(use_case, rows, action, use_case.settings.base_values())


def acts(estimator: Any, rows: pd.DataFrame, use_case: UseCase) -> Floats:
    """Return the actions of a fitted model of the use case under its policy, shape `(n,)`."""
    features = use_case.feature_names
    scores = score(estimator, rows, features, use_case)
    amounts = expect(estimator, rows, features, use_case)
    return actions(policy_for(use_case.settings), use_case, scores, rows, amounts)


def with_its_amounts(classifier: Any, rows: pd.DataFrame, use_case: UseCase) -> Any:
    """Return the classifier, with models of the amounts that nobody else can expect.

    Raises:
        AmountError: If one fails on the rows.
    """
    make, times = use_case.amount_estimator, use_case.times
    names = [name for name in times.late_amounts if name not in times.expected]
    if make is None or not names:
        return classifier
    return with_amounts(
        classifier,
        rows,
        names=names,
        features=use_case.feature_names,
        make=lambda: make(use_case.settings.model),
    )


def policy_for(settings: Settings) -> Policy:
    """Return the policy that a new candidate of the use case acts by."""
    return Policy(settings=settings.policy, parameters=settings.base_values())
