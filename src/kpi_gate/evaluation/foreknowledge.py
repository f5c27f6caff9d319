"""Measure what each column that is read at the decision knows of the outcomes."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kpi_gate.decision.evidence import KNOWS, SCORE, Foreknowledge
from kpi_gate.learning.leakage import LEAST_EVENTS, auc_of, knowledge
from kpi_gate.learning.windows import Windows, within
from kpi_gate.usecase.contract import UseCase

MOST_ROWS = 20_000  # of a window, the newest
Floats = NDArray[np.float64]


def known_by_columns(
    use_case: UseCase, rows: pd.DataFrame, windows: Windows
) -> list[Foreknowledge]:
    """Return what each column knows of the outcomes of tune and gate rows.

    Columns are features, and whatever else value, policy, rule of thumb and slices read at the
    decision; a role such as `unit` only where it is a feature too.

    Args:
        use_case: Says which columns are read.
        rows: All rows; where a window has too few outcomes of a kind, all of them are looked at.
        windows: Time windows.
    """
    names = [name for name in use_case.times.read_to_decide if name in rows.columns]
    reasons = use_case.settings.validation.leak_exceptions
    seen = rows[[*dict.fromkeys(("event_time", "outcome", *names))]]
    parts = {name: seen[within(rows, getattr(windows, name))] for name in ("tune", "gate")}
    found = {name: knowledge(part, names, MOST_ROWS) for name, part in parts.items()}
    if all(aucs is None for aucs in found.values()):
        found = {"all": knowledge(seen, names, MOST_ROWS)}
    return [
        Foreknowledge(column=name, rows=part, auc=auc, accepted=reasons.get(name, ""))
        for part, aucs in found.items()
        for name, auc in (aucs or {}).items()
    ]


def known_by_the_candidate(
    use_case: UseCase, probability: Floats, gate: pd.DataFrame, columns: list[Foreknowledge]
) -> list[Foreknowledge]:
    """Return what the candidate's scores know of the gate rows; empty of too few outcomes.

    Where a column that knows all is accepted, so is the candidate that reads it.
    """
    reasons = use_case.settings.validation.leak_exceptions
    accepted = next((one.accepted for one in columns if one.auc >= KNOWS and one.accepted), "")
    outcome = gate["outcome"].to_numpy(dtype=float)
    seen = np.isfinite(outcome) & np.isfinite(probability)
    positive = outcome[seen] > 0
    if min(int(positive.sum()), int((~positive).sum())) < LEAST_EVENTS:
        return []
    auc = auc_of(probability[seen], positive).auc
    why = reasons.get(SCORE, accepted)
    return [Foreknowledge(column=SCORE, rows="gate", auc=max(auc, 1 - auc), accepted=why)]
