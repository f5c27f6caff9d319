"""Make an export at promotion: compile, compare with the library, write, and move it into place."""

import json
import os
import shutil
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kpi_gate.decision.value import ready_made
from kpi_gate.decision.value.model import ValueModel
from kpi_gate.record.model_files import CARD_FILE, MODEL_FILE, Model
from kpi_gate.record.model_files import GOLDEN_FILE as STORED_GOLDEN
from kpi_gate.serving.errors import ExportError
from kpi_gate.serving.export.columns import as_rows, described, wire_rows
from kpi_gate.serving.export.compiling import compile_number, compile_probability
from kpi_gate.serving.export.draft import Draft, NotCompiledError
from kpi_gate.serving.export.equality import difference, mixtures, rule_difference
from kpi_gate.serving.export.functions import HeavyError, exported
from kpi_gate.serving.export.reference import Reference
from kpi_gate.serving.light_functions import RULE_FILE, VALUE_FILE
from kpi_gate.serving.manifest import (
    ARRAYS_FILE,
    GOLDEN_FILE,
    MANIFEST_FILE,
    PROGRAM_FILE,
    Manifest,
    sha256,
)
from kpi_gate.serving.predictor import Predictor, load_export
from kpi_gate.serving.program.reading import as_json
from kpi_gate.serving.program.table import Spec
from kpi_gate.usecase.contract import UseCase

MIXED_GOLDEN = 20  # mixtures among the golden rows: gaps and levels that nobody has seen
FOREST_MB = 200.0  # a larger one takes more memory than it saves
Program = dict[str, Any]


def make_export(model: Model, use_case: UseCase, folder: Path, *, version: str) -> Manifest:
    """Write an export of a model, or find the one that is there; one that is broken is made anew.

    Args:
        model: Loaded, verified.
        use_case: Whose model.
        folder: Where to; it appears whole or not at all.
        version: The model's in the registry.

    Raises:
        ExportError: If what is there already is another model's.
        ModelError: If the model cannot be read.
    """
    there = _standing(folder)
    digest = model.card.contender.digest
    if there is not None:
        if (there.use_case, there.version, there.digest) != (use_case.name, version, digest):
            raise ExportError(
                f"{folder}: it is of {there.use_case} {there.version} ({there.digest[:8]}), not of "
                f"{use_case.name} {version} ({digest[:8]})"
            )
        return there
    scratch = folder.with_name(f".{folder.name}.{os.getpid()}")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # of levels that nobody has seen
            manifest = _Export(model, use_case, scratch, version).write()
        for path in (*scratch.iterdir(), scratch):
            _sync(path)
        broken = folder.with_name(f".{folder.name}.broken-{os.getpid()}")
        if folder.exists() and _standing(folder) is None:  # made anew it is the same
            folder.replace(broken)
        try:
            scratch.replace(folder)
        except OSError:  # another process was faster
            return load_export(folder).manifest
        finally:
            shutil.rmtree(broken, ignore_errors=True)
        _sync(folder.parent)
        return manifest
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _standing(folder: Path) -> Manifest | None:
    """Return the manifest of an export that is whole; None where there is none."""
    try:
        return load_export(folder).manifest
    except ExportError:
        return None


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class _Export:
    """An export that is being made."""

    def __init__(self, model: Model, use_case: UseCase, folder: Path, version: str) -> None:
        self.model, self.use_case, self.folder = model, use_case, folder
        self.version, self.reference = version, Reference(model, use_case)
        self.draft, self.why, self.why_heavy = Draft(), "", ""
        self.columns = described(model.golden, use_case, model.card.features)

    def write(self) -> Manifest:
        """Write it, compare it with the library, and let out what differs."""
        program = self._program()
        real = wire_rows(as_rows(self.model.golden), self.columns)
        mixed = mixtures(real, self.columns)
        self._write_files(program, real, mixed[:MIXED_GOLDEN])
        manifest = self._manifest(program)
        if program["rule"] is not None:
            predictor = Predictor(manifest, self.folder)
            sound = [row for row in mixed if all(value is not None for value in row.values())]
            self.why_heavy = rule_difference(predictor, self.reference, [*real, *sound][:500])
            if self.why_heavy:
                program["rule"] = None
        if manifest.compiled:
            predictor = Predictor(manifest, self.folder)
            try:
                self.why = difference(predictor, self.reference, [*real, *mixed])
            except Exception as error:  # noqa: BLE001  (a step may meet what it was not made for)
                self.why = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
            if not self.why and predictor.nbytes > FOREST_MB * 1e6:
                self.why = f"its trees take {predictor.nbytes / 1e6:,.0f} MB"
        if self.why:
            self._leave_out(program)
        self._write_files(program, real, mixed[:MIXED_GOLDEN])
        if program["score"] is None or program["rule"] is None:
            for name in (MODEL_FILE, CARD_FILE, STORED_GOLDEN):  # for the model process
                shutil.copyfile(self.model.folder / name, self.folder / name)
        manifest = self._manifest(program)
        manifest.write(self.folder)
        size = load_export(self.folder).nbytes
        manifest = manifest.model_copy(update={"facts": {**manifest.facts, "nbytes": size}})
        manifest.write(self.folder)
        return manifest

    def _program(self) -> Program:
        """Return what can be compiled and exported; what cannot is said in `why`."""
        use_case, card = self.use_case, self.model.card
        program: Program = {
            "features": list(card.features),
            "score": None,
            "amounts": {},
            "expected": dict(use_case.expected),
            "parameters": dict(self.reference.policy.parameters),
            "value": None,
            "rule": None,
        }
        try:
            self._compile(program)
        except (NotCompiledError, HeavyError) as error:
            self.why = str(error)
        except Exception as error:  # noqa: BLE001  (an estimator may look like one and be none)
            self.why = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        if self.why:
            self._leave_out(program)
        try:
            self._export_rule(program)
        except (HeavyError, SyntaxError) as error:
            self.why_heavy = str(error)
        return program

    def _leave_out(self, program: Program) -> None:
        """Keep nothing of what would score: the model process does."""
        program.update(score=None, amounts={}, value=None)
        self.draft = Draft()
        for path in self.folder.glob("model*.tl"):
            path.unlink()
        (self.folder / VALUE_FILE).unlink(missing_ok=True)

    def _compile(self, program: Program) -> None:
        use_case, names = self.use_case, list(self.model.card.features)
        if use_case.choices is not None:
            raise NotCompiledError("its policy chooses among levels")
        estimator = self.model.estimator
        program["score"] = compile_probability(estimator, names, self.draft)
        if self.reference.policy.settings.kind == "probability":
            return
        times = use_case.times
        for name in times.late_amounts:
            if name not in times.expected:
                program["amounts"][name] = _amount(estimator, name, names, self.draft)
        program["value"] = self._export_value(use_case.value)

    def _export_value(self, value: ValueModel) -> Mapping[str, Any]:
        function = getattr(value.parts, "function", value.parts)
        columns, ready = list(value.columns), _ready_made(function)
        try:
            source = exported(function, "value")
        except HeavyError as error:
            if ready:
                return {"ready_made": ready, "function": "", "columns": columns}
            raise HeavyError(f"its value cannot be exported: {error}") from error
        words = f'"""What an action is worth: {value.name} of {self.use_case.name}."""'
        (self.folder / VALUE_FILE).write_text(f"{words}\n\n{source}", encoding="utf-8")
        return {"ready_made": "", "function": "value", "columns": columns}

    def _export_rule(self, program: Program) -> None:
        baseline: Any = self.use_case.baseline
        if self.use_case.choices is not None:
            raise HeavyError("it tells the chance of a logged choice")
        source = exported(getattr(baseline, "function", baseline), "rule_of_thumb")
        words = f'"""What {self.use_case.name} does without a model."""'
        (self.folder / RULE_FILE).write_text(f"{words}\n\n{source}", encoding="utf-8")
        program["rule"] = "rule_of_thumb"

    def _write_files(self, program: Program, real: Sequence[Any], mixed: Sequence[Any]) -> None:
        for name, content in self.draft.files.items():
            (self.folder / name).write_bytes(content)
        np.savez(self.folder / ARRAYS_FILE, **self.draft.arrays)  # type: ignore[arg-type]
        (self.folder / PROGRAM_FILE).write_bytes(as_json(program) + b"\n")
        if program["rule"] is None:
            (self.folder / RULE_FILE).unlink(missing_ok=True)
        golden = self.folder / GOLDEN_FILE
        if golden.exists():
            return
        rows = [*real, *mixed] if self.use_case.choices is None else []
        said = self.reference.decide(rows)
        ruled = self.reference.rule(self.reference.frame(rows[: len(real)]))
        kept = {
            "real": min(len(real), len(rows)),
            "rows": rows,
            "score": said.score,
            "action": [None if x != x else x for x in said.action],  # NaN  # noqa: PLR0124
            "advantage": said.advantage,
            "faulty": [bool(words) for words in said.fault],
            "rule": None if np.isnan(ruled).any() else ruled.tolist(),
        }
        golden.write_text(json.dumps(kept, allow_nan=False) + "\n", encoding="utf-8")

    def _manifest(self, program: Program) -> Manifest:
        use_case, choices = self.use_case, self.use_case.choices
        paths = sorted(path for path in self.folder.iterdir() if path.name != MANIFEST_FILE)
        objective = use_case.settings.objective
        return Manifest(
            use_case=use_case.name,
            version=self.version,
            digest=self.model.card.contender.digest,
            title=use_case.title,
            compiled=program["score"] is not None,
            why=self.why,
            light_rule=program["rule"] is not None,
            why_heavy_rule=self.why_heavy,
            kpi=objective.kpi,
            unit=objective.unit,
            policy=self.reference.policy,
            columns=self.columns,
            levels=() if choices is None else tuple(map(str, choices.levels)),
            files={path.name: sha256(path) for path in paths},
            facts={"files_bytes": sum(path.stat().st_size for path in paths)},
        )


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
