"""Who is in which arm: a salted hash of the unit, so that it never changes its arm."""

from collections.abc import Iterable
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from kpi_gate.experiment.plan import CONTROL, TREATMENT, Plan

_WHOLE = float(2**64)
_LAST = float(np.nextafter(1.0, 0.0))  # the largest numbers would round up to 1


def bucket(units: Iterable[object], salt: str) -> NDArray[np.float64]:
    """Return where each unit falls in [0, 1): its first 64 bits of `sha256(salt|unit)`.

    The same in every language, so whoever serves can do it too.

    Args:
        units: Their names; a number counts as its decimal digits.
        salt: That of the experiment.
    """
    start = sha256(f"{salt}|".encode())
    found = []
    for unit in units:
        one = start.copy()
        one.update(str(unit).encode())
        found.append(int.from_bytes(one.digest()[:8], "big") / _WHOLE)
    return np.minimum(np.asarray(found, dtype=np.float64), _LAST)


def arms(units: Iterable[object], plan: Plan) -> NDArray[np.str_]:
    """Return the arm of each unit: treatment below the planned share, else control."""
    return np.where(bucket(units, plan.salt) < plan.treatment_share, TREATMENT, CONTROL)
