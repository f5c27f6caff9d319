"""Who is in which arm of an experiment: the split that whoever serves makes too."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from kpi_gate.experiment.plan import CONTROL, TREATMENT, Plan
from kpi_gate.serving.assignment import bucket


def arms(units: Iterable[object], plan: Plan) -> NDArray[np.str_]:
    """Return the arm of each unit: treatment below the planned share, else control."""
    return np.where(bucket(units, plan.salt) < plan.treatment_share, TREATMENT, CONTROL)
