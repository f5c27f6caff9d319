"""What was given, in few letters: a message never repeats a whole file."""

from reprlib import Repr
from typing import Any

LONGEST = 80
_SHORT = Repr()
_SHORT.maxlevel = 2
_SHORT.maxstring = _SHORT.maxother = LONGEST


def shorten(value: Any, *, quoted: bool = True) -> str:
    """Return a value as a message shows it, at most about 80 letters of each part.

    Args:
        value: What was given.
        quoted: Whether text is shown as Python writes it; else as it is.
    """
    if quoted or not isinstance(value, str):
        return _SHORT.repr(value)
    line = "".join(letter if letter.isprintable() else " " for letter in value[: LONGEST * 3])
    return line if len(value) <= LONGEST * 3 else f"{line}…"
