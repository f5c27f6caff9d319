"""Who is in which arm: a salted hash of the unit, so that it never changes its arm."""

from collections.abc import Callable, Iterable
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

CONTROL, TREATMENT = "control", "treatment"
ARMS = (CONTROL, TREATMENT)
_WHOLE = float(2**64)
_LAST = float(np.nextafter(1.0, 0.0))  # the largest numbers would round up to 1


def bucket_of(salt: str) -> Callable[[object], float]:
    """Return the function that says where a unit falls in [0, 1).

    It is the first 64 bits of `sha256(salt|unit)`: the same in every language, so whoever serves
    can do it too.

    Args:
        salt: Another one in every experiment.
    """
    start = sha256(f"{salt}|".encode())

    def bucket_of_unit(unit: object) -> float:
        one = start.copy()
        one.update(str(unit).encode())
        return min(int.from_bytes(one.digest()[:8], "big") / _WHOLE, _LAST)

    return bucket_of_unit


def bucket(units: Iterable[object], salt: str) -> NDArray[np.float64]:
    """Return where each unit falls in [0, 1).

    Args:
        units: Their names; a number counts as its decimal digits.
        salt: What they are hashed with.
    """
    return np.fromiter(map(bucket_of(salt), units), dtype=np.float64)
