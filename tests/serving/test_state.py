"""A return is written once, seen by all, outlives what goes wrong, and ends with a new release."""

from datetime import UTC, datetime, timedelta
from multiprocessing.pool import ThreadPool

import pytest

from kpi_gate.serving.errors import ServingError
from kpi_gate.serving.state import Returns

NOW = datetime(2026, 12, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state" / "fraud.json"


def test_what_one_worker_returns_from_all_others_see(path):
    one, other = Returns(path), Returns(path)
    assert other.active("v2", NOW - HOUR) == frozenset()
    made = one.write("v2", "failure rate: ...", by="host-1", now=NOW)
    assert other.read() == {"v2": made}
    assert one.active("v2", NOW - HOUR) == other.active("v2", None) == {"v2"}
    assert Returns(path).active("v2", NOW - HOUR) == {"v2"}  # after a restart


def test_the_first_of_several_workers_is_kept(path):
    with ThreadPool(6) as pool:
        found = pool.map(
            lambda n: Returns(path).write("v2", f"reason {n}", by=f"{n}", now=NOW), range(6)
        )
    assert len({one.reason for one in found}) == 1
    again = Returns(path)
    again.write("v3", "more", by="x", now=NOW)
    assert set(again.read()) == {"v2", "v3"}


def test_who_promotes_it_anew_knew_of_the_return(path):
    returns = Returns(path)
    returns.write("v2", "harm", by="x", now=NOW)
    assert returns.active("v2", NOW + HOUR) == frozenset()
    assert returns.active("v3", NOW + HOUR) == {"v2"}  # it is in use no more, and not to be dealt
    returns.write("v2", "again", by="x", now=NOW + 2 * HOUR, since=NOW + HOUR)
    assert returns.active("v2", NOW + HOUR) == {"v2"}
    assert returns.read()["v2"].reason == "again"


def test_a_clock_that_is_late_loses_no_return(path):
    returns = Returns(path)
    returns.write("v2", "harm", by="x", now=NOW - HOUR, since=NOW)
    assert returns.active("v2", NOW) == {"v2"}


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"format": 2}', '{"format": 1, "returned": [1]}']
)
def test_a_file_that_cannot_be_read_changes_nothing_and_is_told(path, content):
    returns = Returns(path)
    returns.write("v2", "harm", by="x", now=NOW)
    path.write_text(content)
    assert returns.active("v2", None) == {"v2"}
    assert "fraud.json" in returns.fault
    fresh = Returns(path)
    assert fresh.read() == {}
    assert "fraud.json" in fresh.fault
    fresh.write("v3", "harm", by="x", now=NOW)  # the next return mends it
    assert set(returns.read()) == {"v3"}
    assert returns.fault == ""


def test_a_file_that_is_removed_takes_no_return_back(path):
    returns = Returns(path)
    returns.write("v2", "harm", by="x", now=NOW)
    path.unlink()
    assert returns.active("v2", None) == {"v2"}
    assert "was removed" in returns.fault


def test_what_cannot_be_written_holds_for_the_worker_that_saw_it(tmp_path):
    (tmp_path / "state").write_text("a file where the folder should be")
    returns = Returns(tmp_path / "state" / "fraud.json")
    with pytest.raises(ServingError, match="return from v2 cannot be written"):
        returns.write("v2", "harm", by="x", now=NOW)
    assert returns.active("v2", None) == {"v2"}
    (tmp_path / "state").unlink()
    returns.write("v2", "harm", by="x", now=NOW)
    assert Returns(tmp_path / "state" / "fraud.json").active("v2", None) == {"v2"}


def test_the_oldest_returns_are_forgotten(path, monkeypatch):
    monkeypatch.setattr("kpi_gate.serving.state.MOST_KEPT", 3)
    returns = Returns(path)
    for number in range(5):
        returns.write(f"v{number}", "harm", by="x", now=NOW)
    assert set(returns.read()) == {"v2", "v3", "v4"}
