"""FILL IN: What is decided, about whom? Ask it as a question of the business.

A skeleton: every FILL IN says what to write, and goes when that is written. `make test` tells what
is left.
"""

from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd

from kpi_gate import UseCase


def load(folder: Path, as_of: datetime) -> pd.DataFrame:
    """Return the decisions that were due before `as_of`, one row each."""
    # FILL IN: Read your files from `folder`, data/raw/blank/, or a database. A row needs
    #   event_time  when the decision was due, with its zone
    #   label_time  when its outcome became known; without it, label_delay_days after the event
    #   unit        who is independent of whom, such as the customer: doubt is counted in units
    #   outcome     1.0 or 0.0, what is predicted; null while unknown
    # and the columns that `UseCase` below and the guardrails name.
    raise NotImplementedError("load of blank.py is not filled in")


def money(action, outcome, rows, value):
    """Return what a decision is worth once its outcome is known, in named parts."""
    # FILL IN: What acting earns and costs; `value` is that section of the YAML. Doing nothing
    # should be worth nothing. `kpi_gate.decision.value.ready_made` has models that are ready.
    margin = rows["amount"] * value["margin_share"]
    return {"margin": action * outcome * margin, "cost": -action * value["action_cost"]}


def nobody(rows):
    """Return the actions that the business takes without a model: 1 acts, 0 does not."""
    # FILL IN: What it does today. The first model must beat this.
    return np.zeros(len(rows))


USE_CASE = UseCase(
    title="FILL IN: The decision in one line, such as: Term deposits: which clients to call",
    load=load,
    value=money,
    value_columns=["amount"],  # FILL IN: Columns that the money reads
    numbers=["amount", "age_days"],  # FILL IN: What the model sees, all known at event_time
    categories=["segment"],
    known_later=[],  # FILL IN: Columns of the rows that are known only after event_time
    baseline=nobody,
    limits=["FILL IN: What a reader must know before he believes the money."],
)
