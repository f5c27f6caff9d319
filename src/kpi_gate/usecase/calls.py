"""The owner's functions, called so that what they do wrong is a refusal that names the place."""

import sysconfig
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from kpi_gate.errors import ConfigurationError, is_transient
from kpi_gate.usecase.refusal import Refusal

LONGEST = 300  # characters of a message that a sentence quotes
Answers = Callable[[Any, tuple[Any, ...]], str]
_LIBRARY = Path(__file__).parents[1]
_OWNED = str(_LIBRARY / "examples")
_PYTHON = tuple(sysconfig.get_paths()[name] for name in ("stdlib", "purelib", "platlib"))
_CHECKS = {"load": "rows_loadable", "fetch": "rows_fetchable"}


class CodeRefusal(Refusal):
    """A function of the use case fails or answers wrongly."""


@dataclass(frozen=True)
class Guarded:
    """A function of the owner, called with copies and believed only where its answer fits.

    Attributes:
        function: The function.
        role: What it is to the use case, such as `baseline`.
        use_case: Name of the use case.
        answers: (answer, arguments) to what is wrong with the answer; empty where nothing is.
    """

    function: Callable[..., Any]
    role: str
    use_case: str
    answers: Answers

    def __call__(self, *given: Any) -> Any:
        """Call it.

        Raises:
            CodeRefusal: If it raises anything that will not pass by itself, or answers wrongly.
        """
        try:
            answer = self.function(*map(_own, given))
        except (Refusal, ConfigurationError, MemoryError):
            raise
        except Exception as error:  # the owner's code may fail in any way
            if is_transient(error):
                raise
            raise self._refusal(self._told(error, given)) from error
        fault = self.answers(answer, given)
        if fault:
            raise self._refusal(f"{fault} ({self._where(None)})")
        return answer

    def _refusal(self, words: str) -> CodeRefusal:
        fails = (
            f"the rows of {self.use_case} cannot be loaded"
            if self.role == "load"
            else f"{self.role} of {self.use_case} fails"
        )
        return CodeRefusal(_CHECKS.get(self.role, "own_code"), f"{fails}: {words}")

    def _told(self, error: Exception, given: tuple[Any, ...]) -> str:
        words = " ".join(str(error).split())[:LONGEST].removesuffix(".")
        told = f"{type(error).__name__}: {words}" if words else type(error).__name__
        if isinstance(error, KeyError):
            names = [str(name) for value in given for name in _names(value)]
            told += f" is not there; there are {', '.join(names)[:LONGEST]}" if names else ""
        row = _first_row(self.function, given, type(error))
        return f"{told}, in {self._where(error)}{f', at {row}' if row else ''}"

    def _where(self, error: Exception | None) -> str:
        """Return file, line and function: the innermost place in the owner's own code."""
        frames = traceback.extract_tb(error.__traceback__) if error is not None else []
        own = [frame for frame in frames if _is_own(frame.filename)]
        if own:
            return f"{_shown(own[-1].filename)}:{own[-1].lineno}, function {own[-1].name}"
        code = getattr(self.function, "__code__", None)
        if code is None:
            return self.role
        return f"{_shown(code.co_filename)}:{code.co_firstlineno}, function {code.co_name}"


def guard(
    function: Callable[..., Any], role: str, use_case: str, answers: Answers
) -> Callable[..., Any]:
    """Return the function guarded; one that is already is only named anew."""
    bare = function.function if isinstance(function, Guarded) else function
    return Guarded(bare, role, use_case, answers)


def _own(value: Any) -> Any:
    """Return a copy: nothing that a function writes into its arguments goes further."""
    if isinstance(value, pd.DataFrame):
        return value.copy(deep=False)  # pandas copies on write
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, Mapping):
        return {name: _own(inner) for name, inner in value.items()}
    return list(value) if isinstance(value, list) else value


def _names(value: Any) -> list[Any]:
    return list(value) if isinstance(value, pd.DataFrame | Mapping) else []


def _first_row(function: Callable[..., Any], given: tuple[Any, ...], kind: type[Exception]) -> str:
    """Return which row the function fails on, where it fails on that row alone; else nothing."""
    sizes = {len(value) for value in given if isinstance(value, pd.DataFrame | np.ndarray)}
    if len(sizes) != 1 or not max(sizes):
        return ""

    def fails(start: int, end: int) -> bool:
        try:
            function(*(_cut(value, start, end) for value in given))
        except Exception as error:  # noqa: BLE001 - what it raises is the answer
            return type(error) is kind
        return False

    low, high = 0, sizes.pop()
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if fails(low, middle) else (middle, high)
    return row_words(given, low) if fails(low, high) and not fails(0, 0) else ""


def _cut(value: Any, start: int, end: int) -> Any:
    if isinstance(value, pd.DataFrame):
        return value.iloc[start:end]
    if isinstance(value, np.ndarray):
        return value[start:end].copy()
    if isinstance(value, Mapping):
        return {name: _cut(inner, start, end) for name, inner in value.items()}
    return value


def row_words(given: tuple[Any, ...], at: int) -> str:
    """Name a row by its place, and by what is known of it."""
    rows = next((value for value in given if isinstance(value, pd.DataFrame)), None)
    if rows is not None:
        names = [name for name in ("unit", "item", "event_time") if name in rows.columns]
        known = [f"{name} {rows[name].iloc[at]}" for name in names]
    else:
        columns = [v for v in given if isinstance(v, Mapping)][:1]
        numbers = {n: v for c in columns for n, v in c.items() if isinstance(v, np.ndarray)}
        known = [f"{name} {values[at]:g}" for name, values in numbers.items()]
    told = ", ".join(known)
    return f"row {at} ({told})" if told else f"row {at}"


def _is_own(path: str) -> bool:
    # what is compiled names its source, which is no file here: tslibs/tzconversion.pyx
    if path.startswith(_PYTHON) or not Path(path).is_file():
        return False
    return path.startswith(_OWNED) or not path.startswith(str(_LIBRARY))


def _shown(path: str) -> str:
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return "/".join(Path(path).parts[-2:])
