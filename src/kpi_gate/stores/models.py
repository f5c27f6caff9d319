"""Models on disk (skops): the same model gives the same bytes, and nothing is unpickled."""

import io
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict

from kpi_gate.decision.evidence import Contender
from kpi_gate.learning.policy import Policy

# types outside skops' own list that a model of ours may hold; anything else is not loaded
TRUSTED_TYPES = (
    "functools.partial",
    "kpi_gate.learning.amounts.WithAmounts",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",
    "sklearn.utils.validation.check_array",
)
MODEL_FILE, CARD_FILE, GOLDEN_FILE, KEYS_FILE = (
    "model.skops",
    "card.json",
    "golden.parquet",
    "rows.bin",
)


class ModelError(RuntimeError):
    """A stored model cannot be read, or does not score as it did."""


class ModelCard(BaseModel):
    """What goes with a model wherever it goes: its policy and what it had seen.

    Attributes:
        contender: Name, digest and cut-offs.
        policy: Turns its probabilities into actions; None for a baseline.
        features: Input columns, in order.
        chosen: Name of the variant that was chosen on the tune window.
        variants: How each variant did there.
        trained_rows: Rows of the final fit.
        outcome_rate: Share of positive outcomes among them: the baseline's probability.
        snapshot: Fingerprint of the rows it was trained from.
        trained_at: As-of time of the run that trained it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    contender: Contender
    policy: Policy | None = None
    features: tuple[str, ...] = ()
    chosen: str = ""
    variants: tuple[dict[str, Any], ...] = ()
    trained_rows: int = 0
    outcome_rate: float | None = None
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
            ModelError: If it is missing or half-written.
        """
        path = folder / CARD_FILE
        try:
            return cls.model_validate_json(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ModelError(f"{path}: {_one_line(error)}") from error


def dump_model(estimator: Any) -> bytes:
    """Serialise an estimator; equal models give equal bytes.

    Raises:
        ModelError: If it holds what cannot be written, such as a function of a session.
    """
    import skops.io

    try:
        return _canonical(skops.io.dumps(estimator))
    except Exception as error:  # skops raises whatever the object's own methods raise
        raise ModelError(f"{type(estimator).__name__}: {_one_line(error)}") from error


def store_model(path: Path, content: bytes, trusted: Sequence[str] = ()) -> None:
    """Write a serialised model, and load it once to see that it can be.

    Raises:
        ModelError: If it could not be loaded again.
    """
    path.write_bytes(content)
    load_model(path, trusted)


def load_model(path: Path, trusted: Sequence[str] = ()) -> Any:
    """Load an estimator, if all its types are trusted.

    Args:
        path: The file.
        trusted: Types that the use case trusts beyond those that every use case may hold.

    Raises:
        ModelError: If the file is missing, half-written, or holds a type that is not trusted.
    """
    import skops.io
    import skops.io.exceptions

    try:
        return skops.io.load(path, trusted=[*TRUSTED_TYPES, *trusted])
    except skops.io.exceptions.UntrustedTypesFoundException as error:
        words = f"{path}: {_one_line(error)}. If you trust them: UseCase(trusted_types=...)"
        raise ModelError(words) from error
    except Exception as error:  # skops raises a different type for every way a file can be broken
        raise ModelError(f"{path}: {_one_line(error)}") from error


def _canonical(archive: bytes) -> bytes:
    """Renumber skops' object ids, which are memory addresses, and drop the archive's times."""
    with zipfile.ZipFile(io.BytesIO(archive)) as source:
        schema = source.read("schema.json").decode()
        numbers: dict[str, str] = {}
        for address in re.findall(r'"__id__": (\d+)|"(\d+)\.np[yz]"', schema):
            numbers.setdefault(address[0] or address[1], str(len(numbers)))
        schema = re.sub(
            r'(?<="__id__": )\d+|(?<=")\d+(?=\.np[yz]")', lambda found: numbers[found[0]], schema
        )
        content = {"schema.json": schema.encode()}
        for name in source.namelist():
            stem, _, ending = name.partition(".")
            if name != "schema.json":
                content[f"{numbers.get(stem, stem)}.{ending}"] = source.read(name)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as result:
        for name in sorted(content):
            result.writestr(zipfile.ZipInfo(name), content[name], zipfile.ZIP_DEFLATED)
    return target.getvalue()


def _one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
