"""What was then beside what is now: value by value, of tables bit by bit, and as a whole."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from kpi_gate.reproduce.sandbox import ReproductionError
from kpi_gate.run.provenance import MODEL, REFIT_MODEL
from kpi_gate.text import clean

if TYPE_CHECKING:
    from rich.table import Table

SIZE = "model_size_mb"
# what follows from the bytes of the candidate's file alone
_DIGESTS = ("lineage.candidate.digest", "refit.measured", "refit.refitted", "refit.promoted")
_FILE = ("candidate's digest", *_DIGESTS, "decision_id", f"files.{MODEL}", f"files.{REFIT_MODEL}")
TIMING = ".latency_"  # part of the name of every measure that is never the same twice
# parts of the record that are shown value by value, in this order; others only where they differ
_IN_FULL = (
    "verdict",
    "refusal",
    "decision_id",
    "candidate's digest",
    "sources",
    "files",
    "comparison",
    "refit comparison",
    "refit",
    "gain",
    "measures",
)


@dataclass(frozen=True)
class Finding:
    """One thing that was compared.

    Attributes:
        what: Its name, as a path into the decision or a column of the comparison.
        then: Its value in the record.
        now: Its value in the reproduction.
        same: Whether both are the same; None where it was not compared.
    """

    what: str
    then: Any
    now: Any
    same: bool | None

    @property
    def group(self) -> str:
        """The part of the record that it belongs to."""
        return self.what.partition(".")[0].partition("[")[0]


@dataclass(frozen=True)
class Reproduction:
    """What came of running a decision again.

    Attributes:
        decision: Its id.
        use_case: The use case.
        findings: Everything that was compared, and what was not.
        notes: What was restored from where, and what could not be.
        warnings: What may explain a difference.
        folder: The scratch folder.
    """

    decision: str
    use_case: str
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    folder: Path

    @property
    def different(self) -> tuple[Finding, ...]:
        """What is not the same now as then."""
        return tuple(finding for finding in self.findings if finding.same is False)

    @property
    def same(self) -> bool:
        """Whether all that was compared is the same."""
        return not self.different

    def sentence(self) -> str:
        """Say the answer in one line."""
        compared = sum(finding.same is not None for finding in self.findings)
        head = f"decision {self.decision} of {self.use_case}"
        if self.same:
            return f"SAME: {head}, all {compared} values that were compared."
        names = [finding.what for finding in self.different]
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""
        return f"DIFFERENT: {head}, {len(names)} of {compared}: {', '.join(names[:5])}{more}."

    def table(self) -> "Table":
        """Render what was compared; parts of the record that are wholly the same are counted."""
        from rich.table import Table
        from rich.text import Text

        table = Table()
        for name in ("what", "then", "now", "same"):
            table.add_column(name, overflow="fold")
        for finding in self._shown():
            mark = {True: "yes", False: "NO", None: "not compared"}[finding.same]
            cells = (finding.what, finding.then, finding.now, mark)
            table.add_row(*(Text(clean(cell)) for cell in cells))  # other people's words: no markup
        return table

    def _shown(self) -> Iterator[Finding]:
        groups: dict[str, list[Finding]] = {}
        for finding in self.findings:
            groups.setdefault(finding.group, []).append(finding)
        for name in _IN_FULL:
            yield from groups.pop(name, [])
        alike: Counter[str] = Counter()
        for name, members in groups.items():
            yield from (member for member in members if not member.same)
            same = sum(member.same is True for member in members)
            alike[name if len(members) > 1 else "single"] += same
        for name, count in alike.items():
            yield Finding(f"{name} ({count} values)", "", "", same=True)

    def as_json(self) -> dict[str, Any]:
        """Return all of it for a program."""
        return {
            "decision": self.decision,
            "use_case": self.use_case,
            "same": self.same,
            "findings": [vars(finding) for finding in self.findings],
            "notes": list(self.notes),
            "warnings": list(self.warnings),
        }


def compare_values(what: str, then: Any, now: Any) -> Finding:
    """Compare two JSON values; numbers are the same only if every bit is."""
    return Finding(what, then, now, json.dumps(then) == json.dumps(now))


def compare_decisions(
    then: Mapping[str, Any], now: Mapping[str, Any], timings: Mapping[str, float | None]
) -> Iterator[Finding]:
    """Compare every value of two decisions.

    Args:
        then: The decision in the ledger.
        now: The decision of the reproduction, judged with the timings of then.
        timings: What the reproduction itself took, by the measure's path; not compared.
    """
    ours, theirs = dict(_leaves(then)), dict(_leaves(now))
    model = "lineage.candidate.digest"
    yield compare_values("candidate's digest", ours.get(model), theirs.get(model))
    for what in dict.fromkeys([*ours, *theirs]):
        if what in timings:
            yield Finding(what, ours.get(what), timings[what], None)
        else:
            missing = "not there"
            yield compare_values(what, ours.get(what, missing), theirs.get(what, missing))


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from _leaves(inner, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list) and value:
        for number, inner in enumerate(value):
            name = inner.get("name") if isinstance(inner, Mapping) else None
            yield from _leaves(inner, f"{path}[{number} {name}]" if name else f"{path}[{number}]")
    else:
        yield path, value


def forgive_bytes(findings: Sequence[Finding]) -> tuple[list[Finding], str]:
    """Take a model for the same if only its file differs, and every score is the same to the bit.

    A file may hold what is never the same twice, such as the seconds that a search took.

    Returns:
        The findings, those of the file no longer as differences; and what to say of it.
    """
    differing = {finding.what for finding in findings if finding.same is False}
    scored = {finding.what for finding in findings if finding.same} & {"comparison.score_candidate"}
    of_the_file = {what for what in differing if what in _FILE or SIZE in what}
    if not scored or not of_the_file or differing != of_the_file:
        return list(findings), ""
    forgiven = [
        replace(finding, same=None) if finding.what in of_the_file else finding
        for finding in findings
    ]
    return forgiven, (
        "the candidate's file has other bytes than then, but every score, action and value of the "
        "comparison is the same to the bit: the model is the same"
    )


def compare_tables(then: Path, now: Path) -> Iterator[Finding]:
    """Compare two comparison tables column by column, bit by bit.

    Raises:
        ReproductionError: If the recorded one cannot be read.
    """
    try:
        ours = pd.read_parquet(then)
    except (OSError, ValueError) as error:  # pyarrow's errors are ValueErrors
        words = " ".join(str(error).split())
        raise ReproductionError(f"the recorded {then.name} cannot be read: {words}") from error
    theirs = pd.read_parquet(now)
    for column in dict.fromkeys([*ours.columns, *theirs.columns]):
        what = f"comparison.{column}"
        if column not in ours or column not in theirs:
            there = [("there" if column in table else "not there") for table in (ours, theirs)]
            yield Finding(what, there[0], there[1], same=False)
        else:
            yield _compare_columns(what, ours[column], theirs[column])


def _compare_columns(what: str, then: pd.Series, now: pd.Series) -> Finding:
    ours, theirs = _bits(then), _bits(now)
    if len(ours) == len(theirs):
        differ = np.flatnonzero(ours != theirs)
        if differ.size:
            row = int(differ[0])
            count = f"{differ.size} of {len(ours)} rows differ, the first is row {row}"
            return Finding(what, f"{then[row]!r}", f"{now[row]!r}; {count}", same=False)
    found = [f"{len(bits)} values, {_digest(bits)}" for bits in (ours, theirs)]
    return Finding(what, found[0], found[1], found[0] == found[1])


def _bits(column: pd.Series) -> Any:
    """Return what can be compared exactly: the bits of numbers, the spelling of the rest."""
    if column.dtype == np.float64:
        return column.to_numpy().view(np.int64)
    return column.map(repr).to_numpy(dtype=object)


def _digest(bits: Any) -> str:
    content = bits.tobytes() if bits.dtype != object else "\n".join(bits).encode()
    return hashlib.sha256(content).hexdigest()[:12]
