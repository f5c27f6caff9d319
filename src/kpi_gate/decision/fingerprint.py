"""Fingerprints: of rows by their keys, of a decision by what was judged and by which rules."""

import hashlib
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kpi_gate.decision.evidence import Evidence
from kpi_gate.decision.objective import GateSettings
from kpi_gate.decision.paired_rows import PairedRows
from kpi_gate.decision.stats.calibration import TIMINGS


def fingerprint(keys: NDArray[Any]) -> str:
    """Hash the keys of rows, in their order."""
    return hashlib.sha256(np.ascontiguousarray(keys).tobytes()).hexdigest()[:16]


def decision_id(evidence: Evidence, settings: GateSettings) -> str:
    """Hash what is judged and by which rules; timings are left out, so a replay agrees."""
    rows, known, days = evidence.rows, evidence.foreknowledge, evidence.history
    measures = {
        side: {name: repr(value) for name, value in numbers.items() if name not in TIMINGS}
        for side, numbers in evidence.measures.items()
    }
    lineage = None if evidence.lineage is None else evidence.lineage.model_dump(mode="json")
    content = [
        _arrays(rows),
        {name: digest(["\0".join(map(str, levels))]) for name, levels in rows.slices.items()},
        {name: _hash(*ends) for name, ends in evidence.corners.items()},
        [list(evidence.ranges), list(evidence.faults)],
        {name: repr(value) for name, value in evidence.diagnostics.items()},
        measures,
        lineage,
        settings.model_dump(mode="json"),
        *([] if known is None else [[one.model_dump(mode="json") for one in known]]),
        *([] if days is None else [_hash(days.days, days.sums, days.rows)]),
    ]
    return digest(content)


def _arrays(rows: PairedRows) -> list[str]:
    pairs = [*(rows.bases or ()), "|", *(rows.actions or ())]
    single = [rows.key, rows.time, rows.exposure, rows.at_best]
    given = [rows.unit, rows.day, rows.champion, rows.candidate, *pairs, *single]
    return [_hash(array) for array in given]


def _hash(*arrays: object) -> str:
    return hashlib.sha256(b"".join(map(_bytes, arrays))).hexdigest()


def _bytes(array: object) -> bytes:
    """Return the bytes of numbers; zero has one sign, and objects are spelled."""
    given = np.asarray(array)
    if given.dtype.kind in "iuf":
        return bytes((np.ascontiguousarray(given) + 0).tobytes())
    return repr(given.tolist()).encode()


def digest(content: list[Any]) -> str:
    """Hash JSON-able content; the same content, the same hash."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
