"""Write down what an export runs: the compiled model, the value and the rule of thumb."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kpi_gate.decision.value import ready_made
from kpi_gate.decision.value.model import ValueModel
from kpi_gate.serving.export.compiling import compile_number, compile_probability
from kpi_gate.serving.export.draft import Draft, NotCompiledError
from kpi_gate.serving.export.functions import HeavyError, exported
from kpi_gate.serving.export.reference import Reference
from kpi_gate.serving.light_functions import RULE_FILE, VALUE_FILE
from kpi_gate.serving.manifest import ARRAYS_FILE, PROGRAM_FILE
from kpi_gate.serving.program.reading import as_json
from kpi_gate.serving.program.table import Spec

LONGEST = 200  # letters of a reason


class Program:
    """What an export runs, in its folder.

    Attributes:
        why: Why the model is not compiled, in one line; empty where it is.
        why_heavy_rule: Why the rule of thumb is not exported.
    """

    def __init__(self, reference: Reference, folder: Path) -> None:
        """Compile what can be, and write it.

        Args:
            reference: The model and its use case.
            folder: Where to.
        """
        self.why = self.why_heavy_rule = ""
        self._reference, self._use_case, self._folder = reference, reference.use_case, folder
        self._draft = Draft()
        self._said: dict[str, Any] = {
            "features": list(reference.model.card.features),
            "score": None,
            "amounts": {},
            "expected": dict(reference.use_case.expected),
            "parameters": dict(reference.policy.parameters),
            "value": None,
            "rule": None,
        }
        try:
            self._compile()
        except (NotCompiledError, HeavyError) as error:
            self.why = str(error)
        except Exception as error:  # noqa: BLE001  (an estimator may look like one and be none)
            self.why = in_short(error)
        try:
            self._export_rule()
        except (HeavyError, SyntaxError) as error:
            self.why_heavy_rule = str(error)
        if self.why:
            self.leave_out_model(self.why)
        self.write()

    @property
    def compiled(self) -> bool:
        """Whether the model is in it."""
        return self._said["score"] is not None

    @property
    def rules(self) -> bool:
        """Whether the rule of thumb is in it."""
        return self._said["rule"] is not None

    def leave_out_model(self, why: str) -> None:
        """Keep nothing of what would score: the model process does."""
        self.why = why
        self._said.update(score=None, amounts={}, value=None)
        self._draft = Draft()
        for path in (*self._folder.glob("model*.tl"), self._folder / VALUE_FILE):
            path.unlink(missing_ok=True)

    def leave_out_rule(self, why: str) -> None:
        """Keep nothing of the rule of thumb: the model process has it."""
        self.why_heavy_rule = why
        self._said["rule"] = None
        (self._folder / RULE_FILE).unlink(missing_ok=True)

    def write(self) -> None:
        """Write its files."""
        for name, content in self._draft.files.items():
            (self._folder / name).write_bytes(content)
        np.savez(self._folder / ARRAYS_FILE, **self._draft.arrays)  # type: ignore[arg-type]
        (self._folder / PROGRAM_FILE).write_bytes(as_json(self._said) + b"\n")

    def _compile(self) -> None:
        use_case, names = self._use_case, self._said["features"]
        if use_case.choices is not None:
            raise NotCompiledError("its policy chooses among levels")
        estimator = self._reference.model.estimator
        self._said["score"] = compile_probability(estimator, names, self._draft)
        if self._reference.policy.settings.kind == "probability":
            return
        times = use_case.times
        for name in times.late_amounts:
            if name not in times.expected:
                self._said["amounts"][name] = _amount(estimator, name, names, self._draft)
        self._said["value"] = self._export_value(use_case.value)

    def _export_value(self, value: ValueModel) -> Mapping[str, Any]:
        function = getattr(value.parts, "function", value.parts)
        columns, ready = list(value.columns), _ready_made(function)
        try:
            source = exported(function, "value")
        except HeavyError as error:
            if ready:
                return {"ready_made": ready, "function": "", "columns": columns}
            raise HeavyError(f"its value cannot be exported: {error}") from error
        words = f"What an action is worth: {value.name} of {self._use_case.name}."
        self._write_source(VALUE_FILE, words, source)
        return {"ready_made": "", "function": "value", "columns": columns}

    def _export_rule(self) -> None:
        baseline: Any = self._use_case.baseline
        if self._use_case.choices is not None:
            raise HeavyError("it tells the chance of a logged choice")
        source = exported(getattr(baseline, "function", baseline), "rule_of_thumb")
        words = f"What {self._use_case.name} does without a model."
        self._write_source(RULE_FILE, words, source)
        self._said["rule"] = "rule_of_thumb"

    def _write_source(self, name: str, words: str, source: str) -> None:
        (self._folder / name).write_text(f'"""{words}"""\n\n{source}', encoding="utf-8")


def in_short(error: Exception) -> str:
    """Return an error in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:LONGEST]}"


def _amount(estimator: Any, name: str, names: Sequence[str], draft: Draft) -> list[Spec]:
    """Return the steps to an amount as it is expected with outcome 1 and with 0."""
    holders = getattr(estimator, "classifiers", [estimator])
    pairs = []
    for holder in holders:
        if name not in getattr(holder, "amounts", {}):
            raise NotCompiledError(f"it has no model of {name}")
        without, with_it = holder.amounts[name]
        pairs.append([compile_number(m, names, draft) for m in (with_it, without)])
    if len(pairs) == 1:
        return list(pairs[0])
    ones = [1.0] * len(pairs)
    return [
        {"kind": "mean", "steps": list(side), "weights": ones} for side in zip(*pairs, strict=True)
    ]


def _ready_made(function: Any) -> str:
    """Return the name of a ready-made value model whose function this is; empty where none is."""
    for name, found in vars(ready_made).items():
        if isinstance(found, ValueModel) and found.parts is function:
            return name
    return ""
