"""FILL IN: What is decided, about whom? Ask it as a question of the business.

Then say where the data come from, and what is simulated or assumed. This file and the YAML beside
it are a skeleton: every FILL IN says what to write and why, and goes when that is written.
`make test` tells what is left.
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kpi_gate.decision.value.model import Columns, Floats, Parameter, Parameters, ValueModel
from kpi_gate.usecase.contract import Feature, UseCase, read_settings

SETTINGS = read_settings(Path(__file__).with_suffix(".yaml"))
# FILL IN: The columns that the model sees. Every one must be known at event_time; `UseCase` below
# says when each of the others is known, and whatever decides sees those of event_time alone.
NUMBERS = ("amount", "age_days")
CATEGORIES = ("segment",)


def load(folder: Path, as_of: datetime) -> pd.DataFrame:
    """Return the decisions that were due before `as_of`, one row each."""
    # FILL IN: Read your files from `folder`, data/raw/blank/, or a database. A row needs
    #   event_time  when the decision was due, UTC; only rows before `as_of`
    #   label_time  when its outcome became known, UTC; null while it is not
    #   unit        who is independent of whom, such as the customer: doubt is counted in units
    #   outcome     1.0 or 0.0, what is predicted; null while unknown
    # and the columns of NUMBERS, CATEGORIES, the value model and the guardrails' slices. The
    # machine blanks what was not known at `as_of`. Before the first row, return no rows.
    raise NotImplementedError(
        "load of blank.py is not filled in: return a DataFrame with event_time, label_time, unit, "
        "outcome and the features"
    )


def estimator(model: Mapping[str, Any]) -> Any:
    """Return gradient-boosted trees over ordinal codes of the categories."""
    # works as it is; any scikit-learn classifier will do, and `model` is that section of the YAML
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder

    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)
    columns = make_column_transformer(
        (codes, list(CATEGORIES)), ("passthrough", list(NUMBERS)), verbose_feature_names_out=False
    )
    trees = HistGradientBoostingClassifier(
        max_iter=model["max_iter"],
        max_leaf_nodes=model["max_leaf_nodes"],
        learning_rate=model["learning_rate"],
        categorical_features=list(range(len(CATEGORIES))),
        early_stopping=False,
        random_state=model["seed"],
    )
    return make_pipeline(columns, trees)


def parts(
    action: Floats, outcome: Floats, columns: Columns, parameters: Parameters
) -> dict[str, Floats]:
    """Split the money of a decision into margin and cost."""
    # FILL IN: What a decision is worth once its outcome is known, in named parts that add up to
    # it. Doing nothing should be worth nothing. Here: acting on a row whose outcome is 1 earns a
    # share of its amount. `kpi_gate.decision.value.ready_made` has models that are ready.
    margin = action * outcome * columns["amount"] * parameters["margin_share"]
    return {"margin": margin, "cost": -action * parameters["action_cost"]}


VALUE = ValueModel(
    name="profit",
    parts=parts,
    columns=("amount",),
    # FILL IN: Each number that `parts` reads: unit, lowest, usual and highest, and who says so.
    # The YAML's `value` names exactly these, and says what you believe.
    parameters={
        "margin_share": Parameter(0.05, 0.10, 0.20, unit="share of the amount"),
        "action_cost": Parameter(0.5, 1.0, 2.0, unit="money an action"),
    },
)


def baseline(rows: pd.DataFrame) -> Floats:
    """Return the actions that the business takes without a model."""
    # FILL IN: What it does today: 1 acts, 0 does not. The first model must beat this, so a
    # baseline that is too weak promotes a model that is no better than your people.
    return np.zeros(len(rows))


USE_CASE = UseCase(
    name="blank",
    title="FILL IN: The decision in one line, such as: Term deposits: which clients to call",
    settings=SETTINGS,
    load=load,
    features=(
        *(Feature(name, "number") for name in NUMBERS),
        *(Feature(name, "category") for name in CATEGORIES),
    ),
    # FILL IN: Further columns of the rows that value or baseline read, each by its time: `known` at
    # event_time, or with the outcome, as money spent in the weeks after (`amounts`; the policy then
    # needs `expected` or `amount_estimator`) and whatever else comes later (`known_later`).
    known=(),
    amounts=(),
    known_later=(),
    estimator=estimator,
    value=VALUE,
    baseline=baseline,
    baseline_name="FILL IN: The baseline in words, such as: call everyone",
    limits=("FILL IN: What a reader must know before he believes the money; one sentence each.",),
)
