"""A file that is never the same twice does not make another model of it."""

import pytest

from kpi_gate.reproduce.comparison import Finding, forgive_bytes

SAME = [
    Finding("verdict", "HOLD", "HOLD", same=True),
    Finding("comparison.score_candidate", "9 values", "9 values", same=True),
]
BYTES = [
    Finding("candidate's digest", "a", "b", same=False),
    Finding("files.candidate/model.skops", "a", "b", same=False),
    Finding("decision_id", "a", "b", same=False),
    Finding("lineage.candidate.digest", "a", "b", same=False),
    Finding("measures.candidate.model_size_mb", 1.0, 1.1, same=False),
]


def test_other_bytes_with_the_same_scores_are_the_same_model():
    findings, words = forgive_bytes([*SAME, *BYTES])
    assert [finding.same for finding in findings] == [True, True, *[None] * len(BYTES)]
    assert "same to the bit" in words


@pytest.mark.parametrize(
    "more",
    [
        [Finding("comparison.score_candidate", "9 values", "9 others", same=False)],
        [SAME[1], Finding("gain.estimate", 1.0, 1.1, same=False)],
        [],
    ],
)
def test_anything_else_that_differs_is_told(more):
    given = [SAME[0], *more, *BYTES]
    assert forgive_bytes(given) == (given, "")
