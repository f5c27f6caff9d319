"""Money and shares as people say them: with the digits that they are worth, and no more.

`text.number` writes what was measured, to the last digit that holds; these two are for sentences.
"""

import math

from kpi_gate.text import UNKNOWN, clean, finite, number

_TWO_DIGITS = 3.55  # a spread whose leading digits are below it is written with two of them


def _places(value: float, spread: float | None) -> int:
    """Return the decimals that are worth writing; negative ones are tens, hundreds and so on."""
    if value == 0:
        return 0
    own = 1 - _power(value)
    if spread is None or spread < 1e-300:
        return own
    told = _told(spread)
    return min(max(told, own), told + 1, own + 2)


def _told(spread: float) -> int:
    """Return the decimals that the bounds of an interval are worth, of which this is half."""
    power = _power(spread)
    return (1 if spread / 10.0**power < _TWO_DIGITS else 0) - power


def _power(value: float) -> int:
    return math.floor(math.log10(abs(value))) if 0 < abs(value) < math.inf else 0


def _written(value: float, decimals: int, *, sign: bool) -> str:
    worth = value if abs(value) >= 1e15 else round(value, min(decimals, 9))
    return number(worth, min(max(decimals, 0), 9), sign=sign)


def money(value: object, unit: str, *, spread: float | None = None, sign: bool = False) -> str:
    """Write a sum as people say it, such as `230 EUR`.

    Args:
        value: The sum; what is not finite is written as `not known`.
        unit: Its currency, or whatever the KPI is counted in.
        spread: Half of its interval, which tells the digits that are worth writing; without one
            there are two.
        sign: Whether a positive sum shows its sign.
    """
    known = finite(value)
    if known is None:
        return UNKNOWN
    return f"{_written(known, _places(known, spread), sign=sign)} {clean(unit)}"


def money_range(
    value: object, lower: object, upper: object, unit: str, *, sign: bool = False
) -> str:
    """Write a sum with its interval, such as `230 EUR (-90 to 540)`.

    Args:
        value: The sum.
        lower: Its lower bound; where either bound is not known, no interval is written.
        upper: Its upper bound.
        unit: Its currency.
        sign: Whether a positive sum shows its sign.
    """
    known, low, high = finite(value), finite(lower), finite(upper)
    if known is None or low is None or high is None or not high > low:
        return money(value, unit, sign=sign)
    half = (high - low) / 2
    ends = (_written(end, _told(half), sign=sign) for end in (low, high))
    return f"{money(known, unit, spread=half, sign=sign)} ({' to '.join(ends)})"


def money_over(
    decisions: float, value: float, lower: float | None, upper: float | None, unit: str
) -> str:
    """Write what an amount per decision comes to over so many, as `money_range` with its sign."""
    low, high = (None if end is None else end * decisions for end in (lower, upper))
    return money_range(value * decisions, low, high, unit, sign=True)


def share(value: object, *, beside: float | None = None) -> str:
    """Write a share or a probability as people say it, such as `59 %`.

    What is nearly sure, or nearly never, has one more digit, and is never written as 100 % or 0 %.

    Args:
        value: Between 0 and 1.
        beside: A bound that is written beside it: there are as many digits as tell the two apart.
    """
    known = finite(value)
    if known is None:
        return UNKNOWN
    near = min(known, 1 - known)
    if 0 < near < 0.0005:
        return f"{'<' if known < 0.5 else '>'}{0.1 if known < 0.5 else 99.9} %"
    for decimals in range(1 if 0 < near < 0.01 else 0, 9):
        written = number(known * 100, decimals)
        if beside is None or beside == known or written != number(beside * 100, decimals):
            break
    return f"{written} %"


def over(horizon: str) -> str:
    """Return a horizon as it follows a sum: `a year` as it is, others as `over the campaign`."""
    words = clean(horizon)
    return words if words.startswith(("a ", "an ")) else f"over {words}"
