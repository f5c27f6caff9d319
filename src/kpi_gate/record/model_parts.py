"""Which part of an estimator is in the way of storing it, and what its owner can do."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_PLAIN = (str, bytes, int, float, bool, type(None))
_DEEPEST = 40


def unstorable_part(estimator: Any) -> str:
    """Return where the innermost part is that skops cannot write, such as `Pipeline.steps`."""
    import skops.io

    place, part = type(estimator).__name__, estimator
    for _ in range(_DEEPEST):
        for name, inner in _inside(part):
            if isinstance(inner, _PLAIN):
                continue
            try:
                skops.io.dumps(inner)
            except Exception:  # noqa: BLE001  (skops raises whatever the object's methods raise)
                named = not isinstance(part, Mapping | list | tuple)
                place, part = f"{type(part).__name__}.{name}" if named else place, inner
                break
        else:
            break
    return f"{place} ({type(part).__name__})"


def _inside(part: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(part, Mapping):
        yield from ((str(name), inner) for name, inner in part.items())
    elif isinstance(part, list | tuple):
        yield from ((str(place), inner) for place, inner in enumerate(part))
    else:
        yield from getattr(part, "__dict__", {}).items()


def without_own_methods(part: Any, seen: set[int] | None = None) -> None:
    """Drop a class's own methods where they were set on an instance: they would never end.

    scikit-learn's gradient boosting leaves one behind after early stopping.
    """
    seen = set() if seen is None else seen
    if isinstance(part, (*_PLAIN, type)) or id(part) in seen:
        return
    seen.add(id(part))
    for name, inner in list(_inside(part)):
        own = getattr(type(part), name, None)
        if own is not None and getattr(inner, "__func__", None) is own and inner.__self__ is part:
            delattr(part, name)
        elif hasattr(inner, "__dict__") or isinstance(inner, Mapping | list | tuple):
            without_own_methods(inner, seen)


def how_to_trust(foreign: Sequence[str], trusted: Sequence[str], schema: bytes) -> str:
    """Say what to do about types that are not trusted, in a line that can be copied.

    Args:
        foreign: Their full names.
        trusted: Types that the use case trusts already.
        schema: The schema of the stored model, which tells where they are.
    """
    nameless = [name for name in foreign if not _can_be_named(name)]
    if nameless:
        found = _places(json.loads(schema))
        told = [f"{found.get(name, 'a part')} is {_spelled(name)}" for name in nameless]
        return (
            f"{'; '.join(told)}: no other process can find it. Give a function or class of a "
            "module's top level, and add its full name to UseCase(trusted_types=...)"
        )
    line = ", ".join(f'"{name}"' for name in dict.fromkeys([*trusted, *foreign]))
    return (
        f"it holds {', '.join(foreign)}, which nobody has trusted yet. If you do: "
        f"UseCase(trusted_types=({line},))"
    )


def _can_be_named(name: str) -> bool:
    module, _, own = name.rpartition(".")
    if "<" in name or module == "__main__":
        return False
    return module not in sys.modules or hasattr(sys.modules[module], own)


def _spelled(name: str) -> str:
    return "a lambda" if name.endswith("<lambda>") else f"{name}, made inside a function"


def _places(state: Any, place: str = "") -> dict[str, str]:
    """Return where each type of a schema is first found, as `Owner.attribute`."""
    found: dict[str, str] = {}
    if isinstance(state, list):
        for inner in state:
            found = {**_places(inner, place), **found}
    elif isinstance(state, dict):
        owner = str(state.get("__class__", ""))
        if "__class__" in state:
            found[f"{state.get('__module__')}.{owner}"] = place
        is_object = state.get("__loader__") == "ObjectNode"
        attributes = (
            state["content"].get("content", {}) if is_object and state.get("content") else {}
        )
        for name, inner in (attributes if isinstance(attributes, dict) else {}).items():
            found = {**_places(inner, f"{owner}.{name}"), **found}
        if not is_object:
            for inner in state.values():
                found = {**_places(inner, place), **found}
    return found
