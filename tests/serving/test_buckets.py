"""Where a unit falls is the same in any language, uniform, and another with another salt."""

from hashlib import sha256

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2_contingency, kstest

from kpi_gate.serving.assignment import bucket, bucket_of


def test_a_bucket_is_the_first_64_bits_of_the_hash():
    expected = int(sha256(b"salt|customer 7").hexdigest()[:16], 16) / 2**64
    assert bucket(["customer 7"], "salt") == [expected]
    assert bucket([7], "salt") == bucket(["7"], "salt") == bucket(np.array([7]), "salt")


@given(st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs"])) | st.integers()))
def test_one_unit_falls_where_it_falls_among_many(units):
    one = bucket_of("s")
    assert [one(unit) for unit in units] == bucket(units, "s").tolist()
    assert all(0 <= one(unit) < 1 for unit in units)


def test_buckets_are_uniform_and_another_salt_deals_anew():
    first, second = bucket(range(20_000), "one"), bucket(range(20_000), "two")
    assert kstest(first, "uniform").pvalue > 0.001
    table = np.histogram2d(first, second, bins=4)[0]
    assert chi2_contingency(table).pvalue > 0.001
