"""Break a model as deployments do, and rows as they were served."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from benchmarks.silent_faults import Scene, lagged
from kpi_gate.learning.leakage import Kind, column_aucs
from kpi_gate.usecase.contract import UseCase
from kpi_gate.watch.finding import Finding
from kpi_gate.watch.health.behaviour import Score, check_behaviour, check_golden
from kpi_gate.watch.health.leakage import check_leakage
from kpi_gate.watch.health.outputs import check_outputs
from kpi_gate.watch.health.reference import Floats
from kpi_gate.watch.health.skew import check_skew

GOLDEN_ROWS, PLAN_STEP = 200, 0.08
ACT_ABOVE = 0.35


def score(rows: pd.DataFrame) -> Floats:
    """Return the probabilities of a scorecard over five columns."""
    return _scorecard(rows, np.arange(12))


def _scorecard(rows: pd.DataFrame, plans: np.ndarray, weight: float = 1.0) -> Floats:
    plan = rows["plan"].str[-2:].astype(int).to_numpy()
    line = (
        -1.2
        + weight * rows["risk"].fillna(0).to_numpy()
        + 0.3 * rows["is_new"].to_numpy()
        + 0.1 * np.log1p(rows["amount_eur"].to_numpy())
        - 0.02 * rows["visits_7d"].to_numpy()
        + PLAN_STEP * plans[plan]
    )
    return np.asarray(1 / (1 + np.exp(-line)), dtype=float)


def act(scores: Floats, rows: pd.DataFrame) -> Floats:
    """Return 1 where the score is high."""
    return (scores > ACT_ABOVE).astype(float)


@dataclass(frozen=True)
class Stage:
    """A day, the days before, and the use case of the model.

    Attributes:
        scene: The rows.
        use_case: Its settings.
        weekdays: Of the days before and, last, of the day.
    """

    scene: Scene
    use_case: UseCase
    weekdays: list[int]

    def outputs(self, scores: Floats, actions: Floats | None = None) -> list[Finding]:
        """Check scores of the day beside those of the sound model on the days before."""
        before = [score(rows) for rows in self.scene.before]
        usual = [(scores, float(act(scores, self.scene.day).mean())) for scores in before]
        done = act(scores, self.scene.day) if actions is None else actions
        return check_outputs(scores, done, usual, None, self.weekdays)

    def golden(self, broken: Score) -> list[Finding]:
        """Check another model by the sound one's golden rows."""
        rows = self.scene.before[-1].tail(GOLDEN_ROWS)
        scores = score(rows)
        kept = rows.assign(golden_probability=scores, golden_action=act(scores, rows))
        return check_golden(broken, kept, act)

    def behaviour(self, broken: Score) -> list[Finding]:
        """Check how a model answers changes."""
        return check_behaviour(broken, self.scene.day, self.use_case)

    def skew(self, served: pd.DataFrame) -> list[Finding]:
        """Check rows as served beside the day's."""
        names = self.use_case.feature_names
        return check_skew(served, self.scene.day, names, lambda rows: (score(rows), score(rows)))

    def leakage(self, rows: pd.DataFrame, name: str) -> list[Finding]:
        """Check one column of recent rows beside the weeks before."""
        read: dict[str, Kind] = {name: "number", "risk": "number"}
        earlier = column_aucs(pd.concat(self.scene.before[:14]), read)
        return check_leakage(column_aucs(rows, read), earlier)


def _half(scores: Floats) -> Floats:
    return np.where(scores > np.median(scores), 0.6, 0.3)


def _holed(stage: Stage) -> Floats:
    return np.where(stage.scene.some(0.01), np.nan, score(stage.scene.day))


def _by_unit(rows: pd.DataFrame) -> Floats:
    scores: Floats = np.clip(score(rows) + rows["unit"].str[-2:].astype(int).to_numpy() / 1e4, 0, 1)
    return scores


def _by_place(rows: pd.DataFrame) -> Floats:
    scores: Floats = score(rows) * (1 - np.arange(len(rows)) / 1e5)
    return scores


def _by_batch(rows: pd.DataFrame) -> Floats:
    scores = score(rows)
    moved: Floats = np.clip(0.3 + 0.1 * (scores - scores.mean()) / max(scores.std(), 1e-9), 0, 1)
    return moved


def _by_column(rows: pd.DataFrame) -> Floats:
    numeric = rows.select_dtypes("number").iloc[:, 0].fillna(0).to_numpy()
    return np.asarray(1 / (1 + np.exp(-numeric / 100)), dtype=np.float64)


def _leak(stage: Stage) -> list[Finding]:
    recent = pd.concat(stage.scene.before[14:])
    noisy = recent["outcome"] + stage.scene.random.normal(0, 0.6, len(recent))
    return stage.leakage(recent.assign(noise=noisy), "noise")


def _sign(stage: Stage) -> list[Finding]:
    recent = pd.concat(stage.scene.before[14:])
    return stage.leakage(recent.assign(risk=-recent["risk"]), "noise")


def _corrected(stage: Stage) -> list[Finding]:
    day = stage.scene.day
    late = stage.scene.some(0.03)
    return stage.skew(day.assign(basket_eur=day["basket_eur"].mask(late, 0.0)))


MODELS: Mapping[str, Callable[[Stage], list[Finding]]] = {
    "another artefact": lambda s: s.golden(lambda rows: _scorecard(rows, np.arange(12), 0.9)),
    "codes permuted in the artefact": lambda s: s.golden(
        lambda rows: _scorecard(rows, np.roll(np.arange(12), 1))
    ),
    "scores x1.1, by golden rows": lambda s: s.golden(lambda rows: 1.1 * score(rows)),
    "scores x1.1, by the day's scores": lambda s: s.outputs(
        np.minimum(1.1 * score(s.scene.day), 1)
    ),
    "constant scores": lambda s: s.outputs(np.full(len(s.scene.day), 0.3)),
    "classes, no probabilities": lambda s: s.outputs((score(s.scene.day) > 0.5).astype(float)),
    "two distinct scores": lambda s: s.outputs(_half(score(s.scene.day))),
    "scores outside [0, 1]": lambda s: s.outputs(score(s.scene.day) * 2 - 0.5),
    "1 % of the scores not finite": lambda s: s.outputs(_holed(s)),
    "acts on everyone": lambda s: s.outputs(score(s.scene.day), np.ones(len(s.scene.day))),
    "acts on no one": lambda s: s.outputs(score(s.scene.day), np.zeros(len(s.scene.day))),
    "score hangs on the unit's name": lambda s: s.behaviour(_by_unit),
    "score hangs on the place in the batch": lambda s: s.behaviour(_by_place),
    "score hangs on the other rows": lambda s: s.behaviour(_by_batch),
    "score hangs on the column order": lambda s: s.behaviour(_by_column),
    "score falls with risk": lambda s: s.behaviour(
        lambda rows: _scorecard(rows, np.arange(12), -1.0)
    ),
    "served a column a day late (skew)": lambda s: s.skew(lagged(1.0)(s.scene)),
    "3 % of a column corrected later (skew)": _corrected,
    "noisy leak of the outcome (labels)": _leak,
    "sign of a relevant column (labels)": _sign,
}
SOUND: Mapping[str, Callable[[Stage], list[Finding]]] = {
    "golden": lambda s: s.golden(score),
    "outputs": lambda s: s.outputs(score(s.scene.day)),
    "behaviour": lambda s: s.behaviour(score),
    "skew": lambda s: s.skew(s.scene.day),
    "leakage": lambda s: s.leakage(pd.concat(s.scene.before[14:]), "noise"),
}
