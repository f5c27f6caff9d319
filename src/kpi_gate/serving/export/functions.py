"""Export the owner's functions as source: what they name goes with them, or they stay heavy."""

import ast
import inspect
import math
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import numpy as np

from kpi_gate.serving.light_functions import BUILTINS

MODULES = {"numpy": "np", "math": "math"}
# of numpy: what reads, writes, draws lots or runs something else
FORBIDDEN = frozenset(
    {
        *("load", "save", "savez", "savez_compressed", "loadtxt", "savetxt", "genfromtxt"),
        *("fromfile", "memmap", "tofile", "DataSource", "random", "lib", "ctypeslib", "f2py"),
        *("testing", "dump", "dumps", "frompyfunc", "vectorize", "sys", "os"),
    }
)
MOST_CELLS = 10_000  # of a constant
_Def = ast.FunctionDef | ast.Lambda


class HeavyError(ValueError):
    """A function cannot be exported; the message says what it needs."""


def exported(function: Callable[..., Any], name: str) -> str:
    """Return a module's source that defines the function under a name, and all that it needs.

    Args:
        function: Of the owner, bare.
        name: What it shall be called.

    Raises:
        HeavyError: If it needs more than numpy, math, constants and other such functions.
    """
    source = _Source()
    called = source.add(function)
    lines = [*source.parts.values(), f"{name} = {called}" if called != name else ""]
    return "\n\n".join(part for part in lines if part) + "\n"


class _Source:
    """Collects the source of functions and the constants that they name, in order of need."""

    def __init__(self) -> None:
        self.parts: dict[str, str] = {}
        self._what: dict[str, Any] = {}

    def add(self, function: Any) -> str:
        """Take a function and what it needs; return what it is called."""
        if not inspect.isfunction(function):
            raise HeavyError(f"{type(function).__name__} is no plain function")
        node = _node(function)
        called = (
            function.__name__ if isinstance(node, ast.FunctionDef) else f"lambda_{len(self.parts)}"
        )
        if self._what.get(called) is function:
            return called
        self._claim(called, function)
        _refuse_acts(node, called)
        values = _named(function)
        bound = _bound(node)
        for name in sorted(_free(node) - bound):
            if name == called or name in BUILTINS:
                continue
            if name not in values:
                raise HeavyError(f"{called} names {name}, which is nowhere")
            self._need(name, values[name], called)
        if isinstance(node, ast.Lambda):
            self.parts[called] = f"{called} = {ast.unparse(node)}"
        else:
            self.parts[called] = ast.unparse(node)
        return called

    def _claim(self, name: str, what: Any) -> None:
        if name in self._what and self._what[name] is not what:
            raise HeavyError(f"two things are called {name}")
        self._what[name] = what

    def _need(self, name: str, value: Any, whose: str) -> None:
        if isinstance(value, ModuleType):
            known = MODULES.get(value.__name__)
            if known is None:
                raise HeavyError(f"{whose} needs the module {value.__name__}")
            if known != name:
                self.parts.setdefault(name, f"{name} = {known}")
            return
        if inspect.isfunction(value) and not value.__module__.startswith("numpy"):
            called = self.add(value)
            if called != name:
                self._claim(name, value)
                self.parts[name] = f"{name} = {called}"
            return
        for module, known in ((np, "np"), (math, "math")):
            own = getattr(value, "__name__", "")
            if callable(value) and own not in FORBIDDEN and getattr(module, own, None) is value:
                self.parts[name] = f"{name} = {known}.{own}"
                return
        self._claim(name, value)
        self.parts[name] = f"{name} = {_spelled(value, name)}"


def _node(function: Any) -> _Def:
    """Return a function as its module's file has it, without annotations and decorators."""
    try:
        file = inspect.getsourcefile(function)
        lines, _ = inspect.findsource(function)
    except (OSError, TypeError) as error:
        raise HeavyError(f"the source of {function.__name__} is not there") from error
    tree, code = ast.parse("".join(lines), filename=file or "?"), function.__code__
    found = [
        node
        for node in ast.walk(tree)
        if isinstance(node, _Def) and _first_line(node) == code.co_firstlineno and _same(node, code)
    ]
    if len(found) != 1:
        raise HeavyError(f"the source of {function.__name__} is not to be told apart")
    node = found[0]
    if isinstance(node, ast.FunctionDef):
        if node.decorator_list:
            raise HeavyError(f"{node.name} is decorated")
        node.returns = None
        for argument in _arguments(node):
            argument.annotation = None
    return node


def _first_line(node: _Def) -> int:
    decorators = getattr(node, "decorator_list", [])
    return decorators[0].lineno if decorators else node.lineno


def _same(node: _Def, code: Any) -> bool:
    """Tell functions that begin on one line apart, by name and by what they compile to."""
    if isinstance(node, ast.FunctionDef):
        return bool(node.name == code.co_name)
    if code.co_name != "<lambda>":
        return False
    again = compile(ast.Expression(node), "?", "eval").co_consts[0]
    # of a closure the names are cells, so its code differs: what it reads tells enough
    return bool(_reads(again) == _reads(code))


def _reads(code: Any) -> tuple[Any, ...]:
    names = {*code.co_names, *code.co_freevars}
    return names, code.co_varnames, [c for c in code.co_consts if not hasattr(c, "co_code")]


def _arguments(node: _Def) -> list[ast.arg]:
    given = node.args
    extra = [one for one in (given.vararg, given.kwarg) if one is not None]
    return [*given.posonlyargs, *given.args, *given.kwonlyargs, *extra]


def _named(function: Any) -> Mapping[str, Any]:
    """Return what a function's free names stand for."""
    cells = function.__closure__ or ()
    inner = {
        name: cell.cell_contents
        for name, cell in zip(function.__code__.co_freevars, cells, strict=True)
    }
    return {**function.__globals__, **inner}


def _bound(node: _Def) -> set[str]:
    inside = {
        one.arg for found in ast.walk(node) if isinstance(found, _Def) for one in _arguments(found)
    }
    stored = {
        found.id
        for found in ast.walk(node)
        if isinstance(found, ast.Name) and not isinstance(found.ctx, ast.Load)
    }
    local = {
        found.name
        for found in ast.walk(node)
        if isinstance(found, ast.FunctionDef) and found is not node
    }
    return inside | stored | local


def _free(node: _Def) -> set[str]:
    for found in ast.walk(node):  # annotations of what is assigned within name types
        if isinstance(found, ast.AnnAssign):
            found.annotation = ast.Constant(None)
    return {found.id for found in ast.walk(node) if isinstance(found, ast.Name)}


def _refuse_acts(node: _Def, whose: str) -> None:
    for found in ast.walk(node):
        if isinstance(found, ast.Import | ast.ImportFrom | ast.Global | ast.Nonlocal | ast.Await):
            raise HeavyError(f"{whose} imports, or writes beyond itself")
        if isinstance(found, ast.Attribute):
            name = found.attr
            if name in FORBIDDEN or (name.startswith("__") and name.endswith("__")):
                raise HeavyError(f"{whose} uses .{name}")


def _spelled(value: Any, name: str) -> str:
    """Return a constant as source."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, np.ndarray):
        if value.size > MOST_CELLS or value.dtype.kind not in "biufU":
            raise HeavyError(f"{name} is too large an array")
        return f"np.array({_spelled(value.tolist(), name)}, dtype={value.dtype.str!r})"
    if isinstance(value, float) and not math.isfinite(value):
        return f"float({str(value)!r})"
    if value is None or isinstance(value, bool | int | float | str):
        return repr(value)
    if isinstance(value, Mapping):
        pairs = (f"{_spelled(k, name)}: {_spelled(v, name)}" for k, v in value.items())
        return f"{{{', '.join(pairs)}}}"
    return _spelled_several(value, name)


def _spelled_several(values: Any, name: str) -> str:
    if not isinstance(values, list | tuple | set | frozenset) or len(values) > MOST_CELLS:
        raise HeavyError(f"{name} is a {type(values).__name__}, no constant")
    inner = [_spelled(one, name) for one in values]
    if isinstance(values, tuple):
        return f"({', '.join(inner)}{',' if len(inner) == 1 else ''})"
    if isinstance(values, list):
        return f"[{', '.join(inner)}]"
    return f"{type(values).__name__}([{', '.join(sorted(inner))}])"
