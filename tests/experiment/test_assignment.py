"""Units keep their arm, in any language, and the split is as planned."""

from hashlib import sha256

import numpy as np
import pytest
from scipy.stats import chi2_contingency, kstest

from kpi_gate.experiment.assignment import arms, bucket
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


def test_a_bucket_is_the_first_64_bits_of_the_hash():
    expected = int(sha256(b"salt|customer 7").hexdigest()[:16], 16) / 2**64
    assert bucket(["customer 7"], "salt") == [expected]
    assert bucket([7], "salt") == bucket(["7"], "salt") == bucket(np.array([7]), "salt")


@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
def test_the_treatment_gets_its_share_and_each_unit_keeps_its_arm(share):
    found = arms(range(20_000), plan(treatment_share=share))
    treated = (found == "treatment").mean()
    assert abs(treated - share) < 4 * np.sqrt(share * (1 - share) / 20_000)
    again = arms(range(19_999, -1, -1), plan(treatment_share=share))
    assert (found == again[::-1]).all()


def test_buckets_are_uniform_and_another_salt_deals_anew():
    first, second = bucket(range(20_000), "one"), bucket(range(20_000), "two")
    assert kstest(first, "uniform").pvalue > 0.001
    table = np.histogram2d(first, second, bins=4)[0]
    assert chi2_contingency(table).pvalue > 0.001
