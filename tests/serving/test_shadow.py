"""A shadow's records are handed on exactly once, whatever the shadow does."""

from threading import Event
from types import SimpleNamespace

from kpi_gate.serving.shadow import Shadow


def scored(version, rows):
    return SimpleNamespace(score=[row["x"] / 10 for row in rows], action=[1.0] * len(rows))


def ended(decide, records, log=None, **changed):
    """Put records in, close, and return what was logged and what became of them."""
    logged = []
    shadow = Shadow(decide, log or logged.extend, **{"patience_seconds": 5.0} | changed)
    taken = [shadow.put("v3", record, {"x": record["id"]}) for record in records]
    shadow.close()
    return logged, shadow.state, taken


def test_each_record_gets_the_shadows_score_and_is_logged_once():
    records = [{"id": number} for number in range(200)]
    logged, state, taken = ended(scored, records)
    assert all(taken)
    assert [one["id"] for one in logged] == list(range(200))
    assert {one["shadow_version"] for one in logged} == {"v3"}
    assert [one["shadow_score"] for one in logged] == [number / 10 for number in range(200)]
    assert (state.scored, state.waiting, state.fault) == (200, 0, "")


def test_a_broken_shadow_costs_no_row_and_tells_no_value():
    def broken(version, rows):
        raise ValueError(f"cannot score {rows[0]}")

    records = [{"id": number} for number in range(5)]
    for decide in (broken, lambda *_: None, lambda *_: SimpleNamespace(score=[], action=[])):
        logged, state, _ = ended(decide, [dict(one) for one in records])
        assert logged == records
        assert (state.scored, state.failed) == (0, 5)
        assert state.fault in ("", "v3: ValueError")


def test_a_full_queue_drops_and_counts_and_never_waits():
    begun, go = Event(), Event()

    def slow(version, rows):
        begun.set()
        assert go.wait(10)
        return scored(version, rows)

    logged = []
    shadow = Shadow(slow, logged.extend, most_waiting=3, patience_seconds=5.0)
    assert shadow.put("v3", {"id": 0}, {"x": 0})
    assert begun.wait(10)
    taken = [shadow.put("v3", {"id": number}, {"x": number}) for number in range(1, 6)]
    assert taken == [True, True, True, False, False]
    go.set()
    shadow.close()
    assert [one["id"] for one in logged] == [0, 1, 2, 3]
    assert shadow.state.dropped == 2
    assert not shadow.put("v3", {"id": 9}, {"x": 9})  # after the end


def test_what_waited_too_long_is_logged_as_it_is():
    logged, state, _ = ended(scored, [{"id": 1}], patience_seconds=-1.0)
    assert logged == [{"id": 1}]
    assert (state.late, state.scored) == (1, 0)


def test_a_log_that_refuses_stops_nothing():
    seen = []

    def log(records):
        seen.extend(records)
        raise OSError("full")

    _, state, _ = ended(scored, [{"id": 1}], log=log)
    assert len(seen) == 1
    assert state.fault == "the log: OSError"


def test_two_shadows_in_one_batch_are_each_asked_once():
    asked, logged = [], []

    def decide(version, rows):
        asked.append((version, len(rows)))
        return scored(version, rows)

    shadow = Shadow(decide, logged.extend, patience_seconds=5.0)
    for number, version in enumerate(["v3", "v4"] * 4):
        shadow.put(version, {"id": number}, {"x": number})
    shadow.close()
    assert sum(count for _, count in asked) == len(logged) == 8
    assert {one["shadow_version"] for one in logged} == {"v3", "v4"}
