"""Models on disk (skops): the same model gives the same bytes, and nothing is unpickled."""

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import AwareDatetime

from kpi_gate import __version__
from kpi_gate.decision.evidence import Contender
from kpi_gate.decision.frozen import Frozen
from kpi_gate.learning.policy import Policy
from kpi_gate.record.model_bytes import canonical
from kpi_gate.record.model_parts import how_to_trust, unstorable_part, without_own_methods
from kpi_gate.record.registered import ModelError
from kpi_gate.record.trusted_types import trusted_by_default

MODEL_FILE, CARD_FILE, GOLDEN_FILE, KEYS_FILE = (
    "model.skops",
    "card.json",
    "golden.parquet",
    "rows.bin",
)


FORMAT = 1  # of the card; what it gains by a later version, an earlier one cannot read


class ModelCard(Frozen):
    """What goes with a model wherever it goes: its policy and what it had seen.

    Attributes:
        contender: Name, digest and cut-offs.
        format: Of the card; one of a lower format is read alike.
        policy: Turns its probabilities into actions; None for a baseline.
        features: Input columns, in order.
        chosen: Name of the variant that was chosen on the tune window.
        variants: How each variant did there.
        trained_rows: Rows of the final fit.
        outcome_rate: Share of positive outcomes among them: the baseline's probability.
        levels: Share of those rows by slice column and level.
        snapshot: Fingerprint of the rows it was trained from.
        trained_at: As-of time of the run that trained it.
    """

    contender: Contender
    format: int = 1
    policy: Policy | None = None
    features: tuple[str, ...] = ()
    chosen: str = ""
    variants: tuple[dict[str, Any], ...] = ()
    trained_rows: int = 0
    outcome_rate: float | None = None
    levels: Mapping[str, Mapping[str, float]] = {}
    snapshot: str = ""
    trained_at: AwareDatetime | None = None

    def write(self, folder: Path) -> None:
        """Write the card into a model's folder."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / CARD_FILE).write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> "ModelCard":
        """Read the card of a model's folder.

        Raises:
            ModelError: If it is missing, half-written, or of a later version of kpi-gate.
        """
        path = folder / CARD_FILE
        try:
            text = path.read_text(encoding="utf-8")
            written = json.loads(text).get("format", 1)
            if written > FORMAT:
                raise ValueError(
                    f"a card of format {written}; kpi-gate {__version__} reads formats up to "
                    f"{FORMAT}: install the version that wrote it, or a later one (make update)"
                )
            return cls.model_validate_json(text)
        except (OSError, ValueError, AttributeError, TypeError) as error:
            raise ModelError(f"{path}: {_one_line(error)}") from error


class Model:
    """A model with what goes with it: each file is read once, when it is asked for.

    Attributes:
        folder: Where its files are.
        trusted: Types that the use case trusts in it.
    """

    def __init__(
        self,
        folder: Path,
        trusted: Sequence[str] = (),
        *,
        card: ModelCard | None = None,
        estimator: Any = None,
    ) -> None:
        self.folder, self.trusted = folder, trusted
        if card is not None:
            self.card = card
        if estimator is not None:
            self.estimator = estimator

    @cached_property
    def card(self) -> ModelCard:
        """Its policy and what it had seen.

        Raises:
            ModelError: If the card is missing or half-written.
        """
        return ModelCard.read(self.folder)

    @cached_property
    def estimator(self) -> Any:
        """The estimator; None for the baseline.

        Raises:
            ModelError: If it cannot be loaded.
        """
        if self.card.contender.is_baseline:
            return None
        return load_model(self.folder / MODEL_FILE, self.trusted)

    @property
    def name(self) -> str:
        """What it is called: its version, or `baseline`."""
        return self.card.contender.name

    @property
    def size_mb(self) -> float:
        """Size of the model file; 0 for the baseline."""
        if self.card.contender.is_baseline:
            return 0.0
        return (self.folder / MODEL_FILE).stat().st_size / 1e6

    @cached_property
    def row_keys(self) -> NDArray[np.uint64]:
        """Keys of the rows that it has seen; none for the baseline."""
        path = self.folder / KEYS_FILE
        return np.frombuffer(path.read_bytes() if path.exists() else b"", dtype=np.uint64)

    @cached_property
    def golden(self) -> pd.DataFrame:
        """Some rows with what it answered on them when it was made.

        Raises:
            OSError: If there are none.
            ValueError: If they are half-written.
        """
        return pd.read_parquet(self.folder / GOLDEN_FILE)


def dump_model(estimator: Any) -> bytes:
    """Serialise an estimator; equal models give equal bytes.

    Raises:
        ModelError: If it holds what cannot be written, such as an open file; it names the part.
    """
    import skops.io

    without_own_methods(estimator)
    try:
        return canonical(skops.io.dumps(estimator))
    except Exception as error:  # skops raises whatever the object's own methods raise
        words = f"{unstorable_part(estimator)} cannot be stored: {_one_line(error)}"
        raise ModelError(words) from error


def store_model(path: Path, content: bytes, trusted: Sequence[str] = ()) -> Any:
    """Write a serialised model; return it as whoever loads it gets it.

    Raises:
        ModelError: If it could not be loaded again.
    """
    path.write_bytes(content)
    return load_model(path, trusted)


def load_model(path: Path, trusted: Sequence[str] = ()) -> Any:
    """Load an estimator, if all its types are trusted.

    Args:
        path: The file.
        trusted: Types that the use case trusts beyond those that every use case may hold.

    Raises:
        ModelError: If the file is missing, half-written, or holds a type that is not trusted.
    """
    try:
        return parse_model(path.read_bytes(), trusted)
    except (ModelError, OSError) as error:
        raise ModelError(f"{path}: {error}") from error


def parse_model(content: bytes, trusted: Sequence[str] = ()) -> Any:
    """Load an estimator from its bytes, if all its types are trusted.

    Raises:
        ModelError: If they are none of a model, or hold a type that is not trusted.
    """
    import skops.io

    held = held_types(content)
    foreign = sorted(held - trusted_by_default() - set(trusted))
    if foreign:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            raise ModelError(how_to_trust(foreign, trusted, archive.read("schema.json")))
    try:
        return skops.io.loads(content, trusted=sorted(held))
    except Exception as error:  # skops raises a different type for every way a file can be broken
        raise ModelError(_one_line(error)) from error


def held_types(content: bytes) -> frozenset[str]:
    """Return the full names of what a stored model holds beyond what skops itself trusts.

    Raises:
        ModelError: If the bytes are none of a model.
    """
    import skops.io

    try:
        return frozenset(skops.io.get_untrusted_types(data=content))
    except Exception as error:  # skops raises a different type for every way a file can be broken
        raise ModelError(_one_line(error)) from error


def _one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
