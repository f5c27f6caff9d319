"""What the registry's names mean, and what the ledger says of a registered version."""

from collections.abc import Mapping
from dataclasses import dataclass

CHAMPION, CANDIDATE, ANCHOR = "champion", "candidate", "anchor"


class ModelError(RuntimeError):
    """A stored model cannot be read, or does not score as it did."""


@dataclass(frozen=True)
class Judged:
    """What the ledger says of a registered version: MLflow's files and tags are held against it.

    Attributes:
        decision: Id of the decision that registered it.
        digest: Digest of its model with its card.
        evidence_end: End of the gate window, ISO 8601: earlier rows were used up by it.
        files: SHA-256 of each of its files by name; empty in ledgers from before they were kept.
    """

    decision: str
    digest: str
    evidence_end: str
    files: Mapping[str, str]
