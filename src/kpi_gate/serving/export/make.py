"""Make an export at promotion: compile, compare with the library, write, and move it into place."""

import json
import os
import shutil
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kpi_gate.files.sync import sync
from kpi_gate.record.model_files import CARD_FILE, MODEL_FILE, Model
from kpi_gate.record.model_files import GOLDEN_FILE as STORED_GOLDEN
from kpi_gate.record.registered import ModelError
from kpi_gate.serving.errors import ExportError
from kpi_gate.serving.export.columns import as_rows, described, unnamed, wire_rows
from kpi_gate.serving.export.equality import difference, mixtures, rule_difference
from kpi_gate.serving.export.program_of import Program, in_short
from kpi_gate.serving.export.reference import Reference
from kpi_gate.serving.manifest import GOLDEN_FILE, MANIFEST_FILE, Manifest, sha256
from kpi_gate.serving.predictor import Predictor, load_export
from kpi_gate.usecase.contract import UseCase

MIXED_GOLDEN = 20  # mixtures among the golden rows: gaps and levels that nobody has seen
FOREST_MB = 200.0  # a larger one takes more memory than it saves
RULED = 500  # rows on which the rule of thumb is compared
Row = dict[str, Any]


def make_export(model: Model, use_case: UseCase, folder: Path, *, version: str) -> Manifest:
    """Write an export of a model, or find the one that is there; one that is broken is made anew.

    Args:
        model: Loaded, verified.
        use_case: Whose model.
        folder: Where to; it appears whole or not at all.
        version: The model's in the registry.

    Raises:
        ExportError: If what is there already is another model's, or a function of the use case
            fails on golden rows.
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
        manifest = _written(model, use_case, scratch, version)
        for path in (*scratch.iterdir(), scratch):
            sync(path)
        broken = folder.with_name(f".{folder.name}.broken-{os.getpid()}")
        if folder.exists() and _standing(folder) is None:  # made anew it is the same
            folder.replace(broken)
        try:
            scratch.replace(folder)
        except OSError:  # another process was faster
            return load_export(folder).manifest
        finally:
            shutil.rmtree(broken, ignore_errors=True)
        sync(folder.parent)
        return manifest
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _written(model: Model, use_case: UseCase, folder: Path, version: str) -> Manifest:
    """Write an export; whatever its owner's functions raise, it says whose it would have been."""
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # of levels that nobody has seen
            return _Export(model, use_case, folder, version).write()
    except (ExportError, ModelError, OSError):
        raise
    except Exception as error:
        words = f"{use_case.name} {version} cannot be exported: {in_short(error)}"
        raise ExportError(words) from error


def _standing(folder: Path) -> Manifest | None:
    """Return the manifest of an export that is whole; None where there is none."""
    try:
        return load_export(folder).manifest
    except ExportError:
        return None


class _Export:
    """An export that is being made."""

    def __init__(self, model: Model, use_case: UseCase, folder: Path, version: str) -> None:
        self.model, self.use_case, self.folder = model, use_case, folder
        self.version, self.reference = version, Reference(model, use_case)
        self.columns = described(model.golden, use_case, model.card.features)

    def write(self) -> Manifest:
        """Write it, compare it with the library, and leave out what differs."""
        program = Program(self.reference, self.folder)
        real = unnamed(wire_rows(as_rows(self.model.golden), self.columns))
        mixed = mixtures(real, self.columns)
        self._write_golden(real, mixed[:MIXED_GOLDEN])
        self._compare(program, real, mixed)
        program.write()
        if not (program.compiled and program.rules):
            for name in (MODEL_FILE, CARD_FILE, STORED_GOLDEN):  # for the model process
                shutil.copyfile(self.model.folder / name, self.folder / name)
        manifest = self._manifest(program)
        manifest.write(self.folder)
        size = load_export(self.folder).nbytes
        manifest = manifest.model_copy(update={"facts": {**manifest.facts, "nbytes": size}})
        manifest.write(self.folder)
        return manifest

    def _compare(self, program: Program, real: Sequence[Row], mixed: Sequence[Row]) -> None:
        """Leave out of the program what does not do as the library does."""
        predictor = Predictor(self._manifest(program), self.folder)
        if program.rules:
            whole = [row for row in mixed if all(value is not None for value in row.values())]
            why = rule_difference(predictor, self.reference, [*real, *whole][:RULED])
            # with gaps and new levels too, unless the owner's own function fails on them
            why = why or rule_difference(predictor, self.reference, mixed[:RULED])
            if why:
                program.leave_out_rule(why)
        if program.compiled:
            try:
                why = difference(predictor, self.reference, [*real, *mixed])
            except Exception as error:  # noqa: BLE001  (a step may meet what it was not made for)
                why = in_short(error)
            if not why and predictor.nbytes > FOREST_MB * 1e6:
                why = f"its trees take {predictor.nbytes / 1e6:,.0f} MB"
            if why:
                program.leave_out_model(why)

    def _write_golden(self, real: Sequence[Row], mixed: Sequence[Row]) -> None:
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
        content = json.dumps(kept, allow_nan=False) + "\n"
        (self.folder / GOLDEN_FILE).write_text(content, encoding="utf-8")

    def _manifest(self, program: Program) -> Manifest:
        use_case, choices = self.use_case, self.use_case.choices
        paths = sorted(path for path in self.folder.iterdir() if path.name != MANIFEST_FILE)
        objective = use_case.settings.objective
        return Manifest(
            use_case=use_case.name,
            version=self.version,
            digest=self.model.card.contender.digest,
            title=use_case.title,
            compiled=program.compiled,
            why=program.why,
            light_rule=program.rules,
            why_heavy_rule=program.why_heavy_rule,
            kpi=objective.kpi,
            unit=objective.unit,
            policy=self.reference.policy,
            columns=self.columns,
            levels=() if choices is None else tuple(map(str, choices.levels)),
            files={path.name: sha256(path) for path in paths},
            facts={"files_bytes": sum(path.stat().st_size for path in paths)},
        )
