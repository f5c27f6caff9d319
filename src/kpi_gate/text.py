"""Words and numbers as people read them, alike in the terminal, in Markdown and on pages."""

import math
import re
from collections.abc import Mapping, Sequence
from numbers import Real

UNKNOWN = "not known"


def clean(text: object) -> str:
    """Return one line of printable text: other people's words go to terminals and pages."""
    return " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())


def failure(error: BaseException) -> str:
    """Return the type and the message of an error on one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def ended(words: str) -> str:
    """Return words as a sentence: one mark at its end, whatever was there; nothing of nothing."""
    bare = re.sub(r"[\s.,;:!?…]+$", "", words)
    tail = words[len(bare) :]
    mark = next((mark for mark in "?!…" if mark in tail), "…" if "..." in tail else ".")
    return f"{bare}{mark}" if bare else ""


def last_line(text: str) -> str:
    """Return the last line of what a process said; that is where its fault is."""
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return lines[-1].removeprefix("kpi-gate: ") if lines else "it said nothing"


def shorten(text: str, width: int) -> str:
    """Cut a text to `width` characters."""
    return text if len(text) <= width else f"{text[: width - 3].rstrip()}..."


def finite(value: object) -> float | None:
    """Return the value as a float; None for anything that is not a finite number."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def mapping(value: object) -> Mapping[str, object]:
    """Return a mapping as it is, anything else as an empty one: notes are free-form."""
    return value if isinstance(value, Mapping) else {}


def sequence(value: object) -> Sequence[object]:
    """Return a list or tuple as it is, anything else as an empty one: notes are free-form."""
    return value if isinstance(value, list | tuple) else ()


def places(scale: float | None, significant: int = 4) -> int:
    """Return the decimals with which `scale` shows so many significant digits."""
    if scale is None or not 1e-12 <= abs(scale) < math.inf:
        return 2
    return min(max(significant - 1 - math.floor(math.log10(abs(scale))), 0), 9)


def number(value: object, decimals: int | None = None, *, sign: bool = False) -> str:
    """Write a number with thousands separators; by default with 4 significant digits.

    Args:
        value: The number; what is not finite is written as `not known`.
        decimals: Fixed decimals, so that a column lines up.
        sign: Whether a positive number shows its sign.
    """
    known = finite(value)
    if known is None:
        return UNKNOWN
    plus = "+" if sign and known > 0 else ""
    if known and not 1e-6 <= abs(known) < 1e15:
        return f"{plus}{known:.3g}"
    if decimals is None:
        text = f"{known:z,.{places(known)}f}"
        return plus + (text.rstrip("0").rstrip(".") if "." in text else text)
    return f"{plus}{known:z,.{decimals}f}"


def percent(value: object) -> str:
    """Write a share as a percentage."""
    known = finite(value)
    if known is None:
        return UNKNOWN
    if 0.9995 <= known < 1:
        return ">99.9%"
    return f"{number(known * 100, 1).removesuffix('.0')}%"


def total(value: object, *, sign: bool = False) -> str:
    """Write money over the horizon: whole units, or 4 significant digits of a small amount."""
    known = finite(value)
    return number(known, 0 if known is not None and abs(known) >= 100 else None, sign=sign)
