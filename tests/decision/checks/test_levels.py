import numpy as np
import pytest
from builders import SLICE, evidence, lineage, settings

from kpi_gate.decision.checks.levels import check_levels
from kpi_gate.decision.gate import decide
from kpi_gate.decision.objective import Guardrail
from kpi_gate.decision.verdict import Verdict


def checked(trained, here=("north", "south"), **rail):
    region = np.resize(np.array(here, dtype=object), 600)
    known = None if trained is None else lineage(trained_levels={"region": trained})
    found = evidence(region=region, lineage=known)
    return check_levels(found, Guardrail(**{**SLICE, **rail})), found


HALVES = {"north": 0.5, "south": 0.5}


@pytest.mark.parametrize(
    ("trained", "rail", "passed", "words"),
    [
        (HALVES, {}, True, "every level of region with 1% of the training rows is there"),
        ({**HALVES, "west": 0.01}, {}, False, "no row of region west (1.0% of the training"),
        ({**HALVES, "west": 0.009}, {}, True, "every level"),
        ({**HALVES, "west": 0.009}, {"min_share": 0.005}, False, "no row of region west (0.9%"),
        ({**HALVES, "west": 0.3}, {"min_share": 0.5}, True, "every level"),
        ({**HALVES, "west": 0.3}, {"retired": ("west",)}, True, "every level"),
        (HALVES, {"retired": ("south",)}, True, "back though declared retired: south (300 rows);"),
        ({"north": 1.0}, {}, True, "never trained on: south (300 rows); every level"),
        (None, {}, None, "not checked: nobody says which levels of region"),
        (None, {"levels": {"west": 0.2}}, False, "no row of region west (20.0%"),
        (HALVES, {"levels": {"west": 0.2}}, True, "every level"),  # what was counted is so
    ],
)
def test_a_level_with_a_share_of_the_training_rows_must_be_there(trained, rail, passed, words):
    check, found = checked(trained, **rail)
    assert check.passed is passed
    assert words in check.reason
    decision = decide(found, settings({**SLICE, **rail}))
    assert decision.verdict is (
        Verdict.INSUFFICIENT_EVIDENCE if passed is False else Verdict.PROMOTE
    )
    assert words in " ".join(decision.to_html().split())


def test_many_absent_levels_are_counted():
    check, _ = checked({f"shop {number}": 0.02 for number in range(50)})
    assert "shop 4 (2.0% of the training rows) and 45 more" in check.reason
