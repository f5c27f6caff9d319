"""What a compiled model is made of while it is being compiled."""

from typing import Any

import numpy as np
import treelite
from numpy.typing import NDArray

from kpi_gate.serving.program.table import Spec


class NotCompiledError(ValueError):
    """A part of a model has no compiled form; the message names it."""


class Draft:
    """Arrays and trees that steps refer to by name; what is being compiled can be run from it.

    Attributes:
        arrays: By name.
        files: Trees as bytes, by the name of their file.
    """

    def __init__(self) -> None:
        self.arrays: dict[str, NDArray[Any]] = {}
        self.files: dict[str, bytes] = {}

    def keep(self, array: Any) -> str:
        """Take an array of numbers; return its name."""
        name = f"a{len(self.arrays)}"
        self.arrays[name] = np.ascontiguousarray(array, dtype=np.float64)
        return name

    def keep_trees(self, model: treelite.Model) -> str:
        """Take trees; return the name of their file."""
        name = "model.tl" if not self.files else f"model-{len(self.files)}.tl"
        self.files[name] = model.serialize_bytes()
        return name

    def array(self, name: str) -> NDArray[Any]:
        """Return an array."""
        return self.arrays[name]

    def trees(self, name: str) -> treelite.Model:
        """Return trees."""
        return treelite.Model.deserialize_bytes(self.files[name])


def named(part: Any) -> str:
    """Return what a part is called in a sentence."""
    return type(part).__name__


def chained(*steps: Spec) -> Spec:
    """Return steps one after the other as one."""
    flat = [
        inner
        for step in steps
        for inner in (step["steps"] if step["kind"] == "chain" else [step])
        if not (inner["kind"] == "take" and inner.get("places") is None)
    ]
    return flat[0] if len(flat) == 1 else {"kind": "chain", "steps": flat}


NOTHING: Spec = {"kind": "take"}
