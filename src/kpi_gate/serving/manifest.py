"""The manifest of an export: what is served, which columns a row has, and its files' hashes."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import PrivateAttr, ValidationError

from kpi_gate.decision.frozen import Frozen
from kpi_gate.learning.policy import Policy
from kpi_gate.serving.errors import ExportError

FORMAT = 1
MANIFEST_FILE = "manifest.json"
PROGRAM_FILE, ARRAYS_FILE, GOLDEN_FILE = "program.json", "arrays.npz", "golden.json"
Role = Literal["feature", "known", "unit", "item", "group"]
Kind = Literal["number", "text", "whole", "truth", "time"]


class Column(Frozen):
    """A column of the rows that are asked about.

    Attributes:
        name: Its name.
        role: `feature` is read by the model, `known` by value, policy or rule of thumb, `group` by
            the policy's budget; `unit` and `item` say whose and what the decision is.
        kind: What it holds: numbers, text, whole numbers, truth values, times.
        required: Whether every row must name it.
        nullable: Whether its value may be null.
        example: A value of the golden rows.
        levels: Of categories those that are known, 50 at most.
        single: Whether its numbers are rounded to single precision, as the model has seen them.
    """

    name: str
    role: Role
    kind: Kind
    required: bool = True
    nullable: bool = True
    example: Any = None
    levels: tuple[Any, ...] = ()
    single: bool = False


class Manifest(Frozen):
    """What an export holds.

    Attributes:
        use_case: Whose model.
        version: Its version in the registry.
        digest: Of the model with its card, as the ledger keeps it.
        format: Of this export.
        title: Of the use case, for people.
        compiled: Whether it is served without scikit-learn.
        why: Why it is not, in one line.
        light_rule: Whether the rule of thumb is served without pandas.
        why_heavy_rule: Why it is not, in one line.
        kpi: What the value adds up to.
        unit: Its unit.
        policy: Turns scores into actions.
        columns: Of a row.
        levels: What can be chosen, where choices were logged.
        files: Hash (SHA-256) of each of its files.
        facts: What was measured when it was made, such as its size; no part of the fingerprint.
    """

    use_case: str
    version: str
    digest: str
    format: int = FORMAT
    title: str = ""
    compiled: bool
    why: str = ""
    light_rule: bool
    why_heavy_rule: str = ""
    kpi: str
    unit: str
    policy: Policy
    columns: tuple[Column, ...]
    levels: tuple[str, ...] = ()
    files: Mapping[str, str]
    facts: Mapping[str, float | str] = {}
    _written: dict[str, Any] | None = PrivateAttr(None)

    @property
    def policy_kind(self) -> str:
        """How scores become actions: `expected_value`, `choice` or `probability`."""
        return self.policy.settings.kind

    def fingerprint(self) -> str:
        """Hash what is served: files, columns and policy, and whose they are.

        Of one that was read it is that of what was written, so that a later version of kpi-gate,
        whose manifests say more, reads the same.
        """
        said = self.model_dump(mode="json") if self._written is None else self._written
        said = {name: what for name, what in said.items() if name != "facts"}
        canonical = json.dumps(said, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()

    def write(self, folder: Path) -> None:
        """Write it into an export's folder: with it the export is whole."""
        path = folder / MANIFEST_FILE
        path.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> "Manifest":
        """Read the manifest of an export.

        Raises:
            ExportError: If it is missing, half-written, or of a later version of kpi-gate.
        """
        path = folder / MANIFEST_FILE
        try:
            said = json.loads(path.read_bytes())
            if isinstance(said, dict) and said.get("format", FORMAT) != FORMAT:
                raise ExportError(
                    f"{path}: format {said['format']!r}, must be {FORMAT}: install the version of "
                    "kpi-gate that wrote it, or promote again"
                )
            manifest = cls.model_validate(said)
            manifest._written = said
            return manifest
        except (OSError, ValidationError, ValueError) as error:
            words = " ".join(str(error).split())[:300]
            raise ExportError(f"{path}: {type(error).__name__}: {words}") from error


def sha256(path: Path) -> str:
    """Return the hash of a file.

    Raises:
        ExportError: If it cannot be read.
    """
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ExportError(f"{path}: {error.strerror or error}") from error
