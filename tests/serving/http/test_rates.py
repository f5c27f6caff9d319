import pytest

from kpi_gate.serving.http import rates
from kpi_gate.serving.http.rates import Rates, shared_table


def test_a_rate_is_a_bucket_of_one_second():
    found = Rates(5.0)
    assert [found.take("a", 0.0) for _ in range(6)] == [0, 0, 0, 0, 0, pytest.approx(0.2)]
    assert found.take("a", 0.25) == 0
    assert found.take("a", 0.25) > 0
    assert found.take("b", 0.25) == 0
    assert [found.take("a", 100.0) for _ in range(6)].count(0) == 5


@pytest.mark.parametrize("per_second", [0.1, 1.0, 7.0, 300.0])
def test_whoever_keeps_to_the_rate_is_never_refused_and_nobody_gets_more(per_second):
    found = Rates(per_second)
    assert not any(found.take("a", place / per_second) for place in range(2_000))
    taken = sum(not found.take("b", place / per_second / 10) for place in range(20_000))
    assert taken <= 2_000 + max(1.0, per_second)


def test_workers_count_together(tmp_path):
    path = tmp_path / "state" / "rates"
    one, other = (Rates(4.0, shared_table(path)) for _ in range(2))
    assert [each.take("a", 0.0) for each in (one, other, one, other)] == [0, 0, 0, 0]
    assert one.take("a", 0.0) == other.take("a", 0.0) == pytest.approx(0.25)
    assert Rates(4.0, shared_table(path)).take("b", 0.0) == 0


def test_a_clock_that_began_anew_lets_nobody_wait_for_the_old_one():
    found = Rates(2.0)
    found.take("a", 1e9)
    assert [found.take("a", 5.0) for _ in range(3)] == [0, 0, pytest.approx(0.5)]
    assert found.take("a", 6.0) == 0


def test_more_callers_than_places_are_all_counted(monkeypatch):
    monkeypatch.setattr(rates, "PLACES", 16)
    found = Rates(1.0)
    for number in range(1_000):
        assert found.take(f"caller {number}", 1.0) == 0
    assert found.take("caller 999", 1.0) > 0
