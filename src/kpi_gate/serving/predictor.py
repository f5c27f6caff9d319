"""Decide by an export: score, weigh, act; without pandas, scikit-learn or the owner's module."""

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import treelite
from numpy.typing import NDArray

from kpi_gate.serving import golden, wire
from kpi_gate.serving.errors import ExportError
from kpi_gate.serving.light_functions import LightRule, LightValue, read_functions
from kpi_gate.serving.manifest import (
    ARRAYS_FILE,
    GOLDEN_FILE,
    PROGRAM_FILE,
    Manifest,
    sha256,
)
from kpi_gate.serving.program.reading import read_step
from kpi_gate.serving.program.table import Faults, Spec, Step

Floats = NDArray[np.float64]
Rows = Sequence[Mapping[str, Any]]
NEEDS_PROCESS = -1.0  # as an action: ask the process that has the owner's module
BEHIND_A_LINK = 1 << 16  # bytes that an object of Python's takes beside its arrays, about


class Decided(NamedTuple):
    """What is decided on rows; one entry a row.

    Attributes:
        score: Probability of outcome 1; None where there is none.
        action: What to do: 1 or 0, or a bid; before any budget. `NEEDS_PROCESS` where only the
            model process can say.
        propensity: Chance with which the policy takes this action, given the row.
        fault: Why the rule of thumb stands in; empty where the model decided.
        advantage: Money by which acting is worth more than not acting; None where nothing is
            weighed.
    """

    score: list[float | None]
    action: list[float]
    propensity: list[float]
    fault: list[str]
    advantage: list[float | None]


class _Arrays(NamedTuple):
    """The same as arrays; NaN stands for None."""

    score: Floats
    action: Floats
    propensity: Floats
    fault: list[str]
    advantage: Floats


class Predictor:
    """What an export decides.

    Attributes:
        manifest: Of the export.
        nbytes: Memory that it takes, about.
    """

    def __init__(self, manifest: Manifest, folder: Path) -> None:
        self.manifest, self.nbytes = manifest, BEHIND_A_LINK
        self._folder, self._policy = folder, manifest.policy
        self._margin = manifest.policy.settings.margin
        self._reader = wire.Reader(manifest.columns)
        self._arrays: dict[str, NDArray[Any]] = {}
        self._score: Step | None = None
        self._amounts: dict[str, tuple[Step, Step]] = {}
        self._expected: Mapping[str, str] = {}
        self._value: LightValue | None = None
        self._rule: LightRule | None = None
        self._read()

    @property
    def version(self) -> str:
        """The model's version in the registry."""
        return self.manifest.version

    @property
    def digest(self) -> str:
        """The model's digest."""
        return self.manifest.digest

    def _read(self) -> None:
        program = json.loads((self._folder / PROGRAM_FILE).read_bytes())
        with np.load(self._folder / ARRAYS_FILE, allow_pickle=False) as arrays:
            self._arrays = {name: arrays[name] for name in arrays.files}
        self.nbytes += sum(array.nbytes for array in self._arrays.values())
        self._features: list[str] = program["features"]
        if self.manifest.compiled:
            self._score = self.step(program["score"])
            self._amounts = {
                name: (self.step(pair[0]), self.step(pair[1]))
                for name, pair in program["amounts"].items()
            }
            self._expected = program["expected"]
        self._value, self._rule = read_functions(self._folder, program)

    def array(self, name: str) -> NDArray[Any]:
        """Return an array of the export."""
        return self._arrays[name]

    def trees(self, name: str) -> treelite.Model:
        """Return the trees in a file of the export."""
        content = (self._folder / name).read_bytes()
        self.nbytes += 3 * len(content) // 2  # as measured
        return treelite.Model.deserialize_bytes(content)

    def step(self, spec: Spec) -> Step:
        """Return a step of the export's program."""
        return read_step(spec, self)

    def decide(self, rows: Rows) -> Decided:
        """Decide on rows that have passed the check of the manifest's columns.

        A row that cannot be scored or weighed gets the action of the rule of thumb.
        """
        given = {} if self._score is None else self._reader.arrays(rows)
        found = self._decided(given, len(rows), rows)
        return Decided(
            [None if x != x else x for x in found.score.tolist()],  # NaN  # noqa: PLR0124
            found.action.tolist(),
            found.propensity.tolist(),
            found.fault,
            [None if x != x else x for x in found.advantage.tolist()],  # noqa: PLR0124
        )

    def rule_of_thumb(self, rows: Rows) -> list[float] | None:
        """Return what the business does without a model; None where pandas is needed to say."""
        if self._rule is None:
            return None
        given = self._reader.arrays(rows)
        found = self._ruled(given, len(rows), rows)
        return None if np.isnan(found).any() else found.tolist()

    @property
    def rule_fault(self) -> str:
        """Why the rule of thumb last failed here; empty while it has not."""
        return "" if self._rule is None else self._rule.fault

    @np.errstate(over="ignore", invalid="ignore")  # what is not finite is a fault of its row
    def _decided(self, given: wire.Arrays, count: int, said: Rows) -> _Arrays:
        if self._score is None or not count:
            nothing, ask = np.full(count, np.nan), np.full(count, NEEDS_PROCESS)
            return _Arrays(nothing, ask, np.ones(count), [""] * count, nothing)
        faults: Faults = {}
        inputs = [given[name] for name in self._features]
        score = self._score(inputs, faults)
        amounts = self._expect(inputs, faults)
        if faults:
            score[list(faults)] = np.nan
        sound = np.isfinite(score)
        if not sound.all():
            self._mark(faults, ~sound, given, "the model gives no finite number")
        if self._value is None:
            action, advantage = score.copy(), np.full(count, np.nan)
        else:
            advantage = self._advantage(self._value, score, amounts, given)
            weighed = np.isfinite(advantage)
            if not weighed.all():
                self._mark(faults, sound & ~weighed, given, "the value gives no number")
            action = (advantage > self._margin).astype(np.float64)
        fault = [""] * count
        if faults:
            self._stand_in(action, faults, given, said)
            for row, words in faults.items():
                fault[row] = words
        return _Arrays(score, action, np.ones(count), fault, advantage)

    def _expect(self, inputs: list[Any], faults: Faults) -> dict[str, tuple[Floats, Floats]]:
        """Return what each amount will be, with outcome 1 and with 0."""
        return {
            name: (with_1(inputs, faults), with_0(inputs, faults))
            for name, (with_1, with_0) in self._amounts.items()
        }

    def _advantage(
        self,
        value: LightValue,
        score: Floats,
        amounts: Mapping[str, tuple[Floats, Floats]],
        given: wire.Arrays,
    ) -> Floats:
        with_1, with_0 = {}, {}
        for name in value.columns:
            if name in amounts and name not in self._expected:
                with_1[name], with_0[name] = amounts[name]
            else:
                with_1[name] = with_0[name] = given[self._expected.get(name, name)]
        return value.advantage(score, with_1, with_0)

    def _mark(
        self, faults: Faults, wrong: NDArray[np.bool_], given: wire.Arrays, words: str
    ) -> None:
        """Say of each row why it has no number, and what of it is null."""
        for row in np.flatnonzero(wrong).tolist():
            missing = [name for name, column in given.items() if _is_gap(column[row])]
            null = f"; null is {', '.join(missing)}" if missing else ""
            faults[row] = f"{faults.get(row, words)}{null}"

    def _stand_in(self, action: Floats, faults: Faults, given: wire.Arrays, said: Rows) -> None:
        """Put the rule of thumb's action where the model has none."""
        rows = np.array(sorted(faults), dtype=np.intp)
        action[rows] = NEEDS_PROCESS
        if self._rule is not None:
            ruled = self._ruled(given, len(action), said)[rows]
            action[rows] = np.where(np.isnan(ruled), NEEDS_PROCESS, ruled)

    def _ruled(self, given: wire.Arrays, count: int, said: Rows) -> Floats:
        assert self._rule is not None  # noqa: S101  (for the types)
        seen = wire.as_pandas_has_them(self.manifest.columns, given)
        seen["event_time"] = wire.event_times(said)
        return self._rule.actions(seen, count)

    @cached_property
    def golden(self) -> Mapping[str, Any]:
        """The golden rows: `rows` as they come over the wire, and what was said of them."""
        found: Mapping[str, Any] = json.loads((self._folder / GOLDEN_FILE).read_bytes())
        return found

    @property
    def golden_scores(self) -> list[float]:
        """Scores of the golden rows that have one."""
        return [score for score in self.golden["score"] if score is not None]

    @property
    def golden_advantages(self) -> list[float]:
        """What acting was worth more on the golden rows; a budget begins from these."""
        real = self.golden["advantage"][: self.golden["real"]]
        return [advantage for advantage in real if advantage is not None]

    def recheck(self) -> str:
        """Decide on the golden rows again; return what differs, empty where nothing does."""
        return golden.difference(self)


def _is_gap(value: Any) -> bool:
    return value is None or value != value  # NaN and NaT  # noqa: PLR0124


def load_export(folder: Path, *, fingerprint: str = "") -> Predictor:
    """Load an export, and believe it only if it is whole and decides as when it was made.

    Args:
        folder: Of the export.
        fingerprint: What the ledger says that its manifest's is; by default nobody says.

    Raises:
        ExportError: If it cannot be read, is not the one of the fingerprint, or its golden rows
            are decided otherwise.
    """
    manifest = Manifest.read(folder)
    if fingerprint and manifest.fingerprint() != fingerprint:
        raise ExportError(
            f"{folder}: its fingerprint is {manifest.fingerprint()[:16]}, the ledger's is "
            f"{fingerprint[:16]}: it is not the export that was promoted; promote again"
        )
    for name, expected in manifest.files.items():
        if Path(name).name != name:
            raise ExportError(f"{folder}: {name!r} is no file of an export")
        if sha256(folder / name) != expected:
            raise ExportError(f"{folder / name}: it was changed since the export was made")
    try:
        predictor = Predictor(manifest, folder)
        fault = predictor.recheck()
    except ExportError:
        raise
    except Exception as error:  # whoever wrote a file may have written anything
        words = " ".join(str(error).split())[:300]
        raise ExportError(f"{folder}: {type(error).__name__}: {words}") from error
    if fault:
        raise ExportError(f"{folder}: {fault}")
    return predictor
