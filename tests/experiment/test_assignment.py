"""Units keep their arm, and the split is as planned."""

import numpy as np
import pytest

from kpi_gate.experiment.assignment import arms
from kpi_gate.experiment.plan import Plan


def plan(**changed):
    settled = {
        "use_case": "fraud",
        "kpi": "margin",
        "unit": "EUR",
        "horizon_decisions": 1000,
        "control": "1",
        "treatment": "2",
        "salt": "s",
        "minimum_effect": 0.1,
        "weeks": 4,
        "units_per_week": 100,
        "standard_deviation": 1.0,
        "units_per_arm": 100,
    }
    return Plan(**settled | changed)


@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
def test_the_treatment_gets_its_share_and_each_unit_keeps_its_arm(share):
    found = arms(range(20_000), plan(treatment_share=share))
    treated = (found == "treatment").mean()
    assert abs(treated - share) < 4 * np.sqrt(share * (1 - share) / 20_000)
    again = arms(range(19_999, -1, -1), plan(treatment_share=share))
    assert (found == again[::-1]).all()
