"""The names of the gate's checks, read off the source where they are given."""

import ast
import re
from collections.abc import Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import kpi_gate
from kpi_gate.decision.verdict import Check

SOURCE = Path(kpi_gate.__file__).parent
ANSWERS = {"no_row": "INVALID", "at_least": "INSUFFICIENT_EVIDENCE"}
ANSWERS |= {"at_most": "INSUFFICIENT_EVIDENCE", "not_checked": "nothing"}


MADE = re.compile(
    r"import .*\b(?:Check|Refusal|agreement|invalid|too_little|answers)\b|answers import"
)


class Named(NamedTuple):
    """One name that the source gives.

    Attributes:
        name: The name; what stands in braces is the user's.
        rule: Rule of the gate, V0 to V5.
        asks: Verdict that a failure asks for.
        words: What it is about, from the docstring of where it is named.
        reason: How it gives its reason; what it fills in is an ellipsis.
    """

    name: str
    rule: str
    asks: str
    words: str
    reason: str = ""


def check_names() -> list[Named]:
    """Return every check that the source names, once each."""
    found: dict[str, Named] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        if path.is_relative_to(SOURCE / "proof") or not MADE.search(path.read_text("utf-8")):
            continue  # adversaries, or nothing
        for one in (*_checks(path), *_refusals(path)):
            known = found.get(one.name)
            if known is None or (known.asks == "nothing" and one.asks != "nothing"):
                found[one.name] = one
    return list(found.values())


def _checks(path: Path) -> Iterator[Named]:
    module = ".".join(("kpi_gate", *path.relative_to(SOURCE).with_suffix("").parts))
    for function, call in _calls(path):
        word = call.func.id if isinstance(call.func, ast.Name) else ""
        if word in ANSWERS:
            rule, asks, given = "V0", ANSWERS[word], call.args[0] if call.args else None
        else:
            made = vars(import_module(module)).get(word) if word else None
            terms = made.keywords if isinstance(made, partial) and made.func is Check else {}
            if not terms and made is not Check:
                continue
            said = {key.arg: key.value for key in call.keywords}
            rule = str(terms.get("rule") or ast.literal_eval(said["rule"]))
            asks = ast.unparse(said["failing"]) if "failing" in said else str(terms["failing"])
            given = said.get("name")
        name = _name(given, module)
        if name:
            reason = _reason(call, function)
            yield Named(name, rule, asks.rpartition(".")[2], _words(function), reason)


def _refusals(path: Path) -> Iterator[Named]:
    for function, call in _calls(path):
        if getattr(call.func, "id", "") != "Refusal" or len(call.args) < 2:
            continue
        asks = ast.unparse(call.args[2]) if len(call.args) > 2 else "INVALID"
        name = _name(call.args[0], "")
        if name:
            reason = _said(call.args[1], function, call.lineno)
            yield Named(name, "V0", asks.rpartition(".")[2], _words(function), reason)


def _name(given: ast.expr | None, module: str) -> str:
    """Return a name as it is written: a text, a text with a blank in braces, or a constant."""
    if isinstance(given, ast.Constant):
        return str(given.value)
    if isinstance(given, ast.JoinedStr):
        return "".join(_piece(part, module) for part in given.values)
    if isinstance(given, ast.Name) and given.id.isupper():
        return str(vars(import_module(module))[given.id])
    return ""


def _piece(part: ast.expr, module: str) -> str:
    if isinstance(part, ast.FormattedValue):
        return _name(part.value, module) or "{" + ast.unparse(part.value).rpartition(".")[2] + "}"
    return str(part.value) if isinstance(part, ast.Constant) else ""


def _calls(path: Path) -> Iterator[tuple[ast.AST, ast.Call]]:
    """Yield every call with the function that it stands in."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            for node in ast.walk(function):
                if isinstance(node, ast.Call):
                    yield function, node


def _reason(call: ast.Call, function: ast.AST) -> str:
    """Return the reason that a check is made with, wherever it was put together."""
    said = {key.arg: key.value for key in call.keywords}
    given = said.get("reason") or (call.args[-1] if len(call.args) > 1 else None)
    told = _said(given, function, call.lineno)
    return told if any(letter.isalpha() for letter in told) else ""


def _said(given: ast.expr | None, function: ast.AST, line: int) -> str:
    """Return a text as it is written; a name is followed to where it was last assigned."""
    if isinstance(given, ast.Constant) and isinstance(given.value, str):
        return given.value
    if isinstance(given, ast.JoinedStr):
        return "".join(
            str(part.value) if isinstance(part, ast.Constant) else "…" for part in given.values
        )
    if isinstance(given, ast.IfExp):
        return f"{_said(given.body, function, line)}; or {_said(given.orelse, function, line)}"
    if isinstance(given, ast.Name):
        assigned = [
            node
            for node in ast.walk(function)
            if isinstance(node, ast.Assign) and node.lineno < line
            if any(isinstance(to, ast.Name) and to.id == given.id for to in node.targets)
        ]
        last = max(assigned, key=lambda node: node.lineno, default=None)
        return _said(last.value, function, last.lineno) if last is not None else ""
    return ""


def _words(function: ast.AST) -> str:
    told = ast.get_docstring(function) if isinstance(function, ast.FunctionDef) else ""
    return (told or "").partition("\n\n")[0]
