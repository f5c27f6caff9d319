"""What a shift does to the champion's score, and whether a classifier tells old rows from new."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import chi2

from kpi_gate.watch.drift.profile import NULL, Bins, Floats

Score = Callable[[pd.DataFrame], Floats]  # shape `(n,)` or `(n, choices)`
MOST_JOINT_ROWS = 20_000  # a side
MOST_SCORED_ROWS = 5_000
FOLDS = 3
LEAST_AUC = 0.51
LEAST_Z = 3.0
SURELY_MORE = 0.05  # chance that good days seem to differ although they do not


class Joint(NamedTuple):
    """Whether old and new rows can be told apart by all columns together.

    Attributes:
        auc: Out-of-fold AUC of a classifier that has to tell them apart; 0.5 is chance.
        z: Its distance from 0.5 in standard deviations of chance.
    """

    auc: float
    z: float

    def unlikely(self, usual: "Sequence[Joint]" = ()) -> bool:
        """Tell whether it is large enough to speak of, and too large for chance.

        What good days differ by among themselves widens chance, where it is more than chance.
        """
        total = sum(joint.z**2 for joint in usual)
        more = bool(usual) and chi2.sf(total, len(usual)) < SURELY_MORE
        widened = (total / len(usual)) ** 0.5 if more else 1.0
        return self.auc >= LEAST_AUC and self.z / widened >= LEAST_Z


class Moved(NamedTuple):
    """What a column does to the score.

    Attributes:
        importance: Mean absolute change of the score when the reference's values are permuted.
        shift: Mean change of the score when they are replaced by current ones instead.
    """

    importance: float
    shift: float


def joint_shift(
    reference: pd.DataFrame, current: pd.DataFrame, bins: Mapping[str, Bins], seed: int
) -> Joint:
    """Let a classifier tell old rows from new by their bins: it sees what no column shows alone."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    sides = [_sample(rows, MOST_JOINT_ROWS, seed) for rows in (reference, current)]
    old, young = map(len, sides)
    if min(old, young) < 2 * FOLDS:
        return Joint(0.5, 0.0)
    coded = pd.concat([_coded(side, bins) for side in sides], ignore_index=True)
    new = np.repeat([0, 1], [old, young])
    categories = [column.kind == "category" for column in bins.values()]
    # no early stopping: it would set rows apart; no weights: they are slow (OPERATION.md 1.9)
    model = HistGradientBoostingClassifier(
        max_iter=60,
        max_leaf_nodes=15,
        categorical_features=categories,
        early_stopping=False,
        random_state=seed,
    )
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    probability = cross_val_predict(model, coded, new, cv=folds, method="predict_proba")[:, 1]
    auc = float(roc_auc_score(new, probability))
    chance = np.sqrt((old + young + 1) / (12 * old * young))  # Mann and Whitney (1947)
    return Joint(auc, float((auc - 0.5) / chance))


def scores_of(rows: pd.DataFrame, score: Score, seed: int) -> Floats:
    """Score a sample of the rows."""
    return np.asarray(score(_sample(rows, MOST_SCORED_ROWS, seed)), dtype=np.float64)


def moves_of(
    columns: Iterable[str],
    reference: pd.DataFrame,
    current: pd.DataFrame,
    score: Score,
    before: Floats,
    seed: int,
) -> dict[str, Moved]:
    """Measure what each column's new values do to the score of otherwise old rows.

    Permuted and replaced values break the same ties to other columns, so that their difference is
    the column's own shift. `before` are the scores of the reference by the same seed.
    """

    def scored(name: str, values: pd.Series) -> Floats:
        """Score the rows with values of a column drawn from others, each about as often."""
        copies = -(-len(rows) // len(values))
        drawn = generator.permutation(np.tile(np.arange(len(values)), copies))[: len(rows)]
        changed = rows.assign(**{name: values.iloc[drawn].set_axis(rows.index)})
        return np.asarray(score(changed), dtype=np.float64)

    generator = np.random.default_rng(seed)
    rows = _sample(reference, MOST_SCORED_ROWS, seed)
    moved = {}
    for name in columns:
        permuted, replaced = scored(name, rows[name]), scored(name, current[name])
        importance = float(np.abs(permuted - before).mean())
        moved[name] = Moved(importance, float(replaced.mean() - permuted.mean()))
    return moved


def _sample(rows: pd.DataFrame, most: int, seed: int) -> pd.DataFrame:
    return rows if len(rows) <= most else rows.sample(most, random_state=seed)


def _coded(rows: pd.DataFrame, bins: Mapping[str, Bins]) -> pd.DataFrame:
    """Return the bins of each column; of a number a null is missing."""
    coded = {}
    for name, column in bins.items():
        codes = column.codes(rows[name]).astype(np.float64)
        coded[name] = np.where(codes == NULL, np.nan, codes) if column.kind == "number" else codes
    return pd.DataFrame(coded)
