"""What is put is on disk, once, whatever happens to the disk or the process."""

import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from served import NOON, decision, finished_segment

from kpi_gate.serving.errors import LogBusyError
from kpi_gate.serving.log import writer
from kpi_gate.serving.log.hold import hold
from kpi_gate.serving.log.keep import keep
from kpi_gate.serving.log.read import read_log
from kpi_gate.serving.log.records import row_hash
from kpi_gate.serving.log.schema import LOG_SCHEMA
from kpi_gate.serving.log.segment import Segment, segments
from kpi_gate.serving.log.writer import ASK, DecisionLog, open_log


@pytest.fixture
def keepers(monkeypatch):
    """Keep within the process, at once: a process of its own takes a second."""

    class Done:
        stderr = None
        returncode = 0

        def poll(self) -> int:
            return 0

        def wait(self, _: float) -> int:
            return 0

    def start(folder: Path, sql_url: str) -> Done:
        keep(folder, sql_url)
        return Done()

    monkeypatch.setattr(writer, "_start_keeper", start)


def until(true, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.01)


def ids(folder: Path) -> list[str]:
    return read_log(folder)["id"].to_pylist()


def test_what_is_put_is_read_while_it_is_written_and_once_it_is_kept(tmp_path, keepers) -> None:
    log = open_log(tmp_path, worker="a", flush_seconds=0)
    assert log.put([decision(i) for i in range(5)])
    until(lambda: log.state.written == 5)
    live = read_log(tmp_path)
    assert live.schema == LOG_SCHEMA
    assert segments(tmp_path)
    state = log.close()
    assert (state.waiting, state.written, state.dropped, state.fault) == (0, 5, 0, "")
    assert not segments(tmp_path)
    assert read_log(tmp_path) == live
    assert live["time"].to_pylist()[0] == NOON


def test_rows_are_by_utc_day_and_read_from_start_to_before_end(tmp_path, keepers) -> None:
    there = timezone(timedelta(hours=-5))
    late = datetime(2026, 12, 1, 23, tzinfo=there)  # of the next day in UTC
    with open_log(tmp_path, worker="a") as log:
        log.put([decision(1, time=late), decision(2), decision(3)])
    days = sorted(path.name for path in tmp_path.glob("2026-*"))
    assert days == ["2026-12-01", "2026-12-02"]
    assert ids(tmp_path) == ["d2", "d3", "d1"]
    at = NOON + timedelta(seconds=3)
    assert read_log(tmp_path, end=at, columns=["id"])["id"].to_pylist() == ["d2"]
    assert read_log(tmp_path, start=at, columns=["id"])["id"].to_pylist() == ["d3", "d1"]
    assert read_log(tmp_path / "nowhere").schema == LOG_SCHEMA


def test_a_crash_between_the_parquet_and_the_segments_end_doubles_nothing(tmp_path) -> None:
    finished_segment(tmp_path, decision(1), decision(2, time=NOON + timedelta(days=1)))
    [segment] = segments(tmp_path)
    content = segment.read_bytes()
    keep(tmp_path)
    for half in ("both days", "one"):
        segment.write_bytes(content)
        assert ids(tmp_path) == ["d1", "d2"], half
        keep(tmp_path)
        assert ids(tmp_path) == ["d1", "d2"]
        (tmp_path / "2026-12-02" / f"{segment.stem}.parquet").unlink()


def test_a_torn_last_line_is_left_out_and_what_is_no_decision_is_set_aside(tmp_path) -> None:
    finished_segment(tmp_path, decision(1), {"id": "x"}, decision(2, unit=17, action=True))
    [segment] = segments(tmp_path)
    with segment.open("ab") as file:
        file.write(b"no json\n" + json.dumps({"id": "torn"}).encode()[:-2])
    assert ids(tmp_path) == ["d1", "d2"]
    assert keep(tmp_path) == 0
    assert ids(tmp_path) == ["d1", "d2"]
    assert read_log(tmp_path)["unit"].to_pylist()[1] == "17"
    [aside] = (tmp_path / "unreadable").iterdir()
    assert aside.read_text().splitlines() == ['{"id":"x"}', "no json"]


def test_a_segment_that_is_written_is_not_kept_until_it_is_let_go(tmp_path) -> None:
    held = Segment(tmp_path, "one")
    held.append(b'{"id":"a"}\n', 1)
    assert keep(tmp_path) == 1
    held.close()
    assert keep(tmp_path) == 0
    assert not segments(tmp_path)


def test_a_segment_ends_when_it_is_full_or_asked_for(tmp_path, keepers, monkeypatch) -> None:
    monkeypatch.setattr(writer, "TICK_SECONDS", 0.05)
    log = open_log(tmp_path, worker="a", rotate_rows=3, flush_seconds=0)
    log.put([decision(i) for i in range(4)])
    until(lambda: log.state.written == 4 and not segments(tmp_path))
    log.put([decision(4)])
    until(lambda: log.state.written == 5)
    assert segments(tmp_path)
    (tmp_path / ASK).touch()
    until(lambda: not segments(tmp_path))
    log.close()
    assert ids(tmp_path) == [f"d{i}" for i in range(5)]


def test_a_row_is_logged_as_its_hash_and_only_what_is_allowed_in_clear(tmp_path, keepers) -> None:
    row = {"name": "Ada", "age": 36, "balance": None}
    with open_log(tmp_path, worker="a", values=["age", "balance", "gone"]) as log:
        log.put([decision(1, row=row)])
    with open_log(tmp_path, worker="b") as log:
        log.put(
            [
                decision(
                    2, time=(NOON + timedelta(hours=1)).isoformat(), row=dict(reversed(row.items()))
                )
            ]
        )
    found = read_log(tmp_path).to_pylist()
    assert found[0]["row"] == '{"age":36,"balance":null}'
    assert found[1]["row"] is None
    assert {one["time"] for one in found} == {
        NOON + timedelta(seconds=1),
        NOON + timedelta(hours=1),
    }
    assert found[0]["row_hash"] == found[1]["row_hash"] == row_hash(row)
    everything = b"".join(path.read_bytes() for path in tmp_path.rglob("*.parquet"))
    assert b"Ada" not in everything


@contextmanager
def full_disk():
    """No file of this process may grow beyond 2,000 bytes, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_told_and_what_waits_is_written_when_it_has_room(
    tmp_path, keepers, monkeypatch
) -> None:
    monkeypatch.setattr(writer, "TICK_SECONDS", 0.05)
    log = open_log(tmp_path, worker="a", flush_seconds=0, most_waiting=50)
    with full_disk():
        log.put([decision(i) for i in range(30)])  # a part of it would fit
        until(lambda: log.state.fault)
        assert log.state.waiting == 30
        assert log.state.oldest_waiting_seconds > 0
        assert str(tmp_path) in log.state.fault
        assert log.put([decision(i) for i in range(30, 50)])
        assert not log.put([decision(50)])
    until(lambda: log.state.written == 50)
    state = log.close()
    assert (state.fault, state.dropped, state.waiting) == ("", 1, 0)
    assert ids(tmp_path) == [f"d{i}" for i in range(50)]


def test_a_disk_that_stays_full_does_not_hold_up_the_end(tmp_path, keepers, monkeypatch) -> None:
    monkeypatch.setattr(writer, "TICK_SECONDS", 0.05)
    log = open_log(tmp_path, worker="a", flush_seconds=0)
    with full_disk():
        log.put([decision(i) for i in range(30)])
        assert log.close(seconds=0.2).waiting == 30
        until(lambda: not log._thread.is_alive())


def test_an_answer_counts_as_written_only_once_it_is_synced(tmp_path, keepers, monkeypatch) -> None:
    monkeypatch.setattr(writer, "TICK_SECONDS", 0.05)
    away, synced = threading.Event(), os.fdatasync

    def sync(file: int) -> None:
        if not away.is_set():
            raise OSError(5, "Input/output error")
        synced(file)

    monkeypatch.setattr(os, "fdatasync", sync)
    log = open_log(tmp_path, worker="a", flush_seconds=0)
    log.put([decision(1)])
    until(lambda: log.state.fault)
    assert log.state.written == 0
    away.set()
    log.close()
    assert ids(tmp_path) == ["d1"]


def test_what_is_no_json_is_dropped_alone_and_told(tmp_path, keepers) -> None:
    log = open_log(tmp_path, worker="a")
    log.put([decision(1), decision(2, unit="\ud800"), decision(3, time=datetime(2026, 1, 1))])  # noqa: DTZ001
    log.put([decision(4)])
    state = log.close()
    assert (state.written, state.dropped) == (2, 2)
    assert "no JSON" in state.fault
    assert ids(tmp_path) == ["d1", "d4"]


def test_a_folder_that_is_removed_is_told_and_made_anew(tmp_path, keepers, monkeypatch) -> None:
    monkeypatch.setattr(writer, "TICK_SECONDS", 0.05)
    log = open_log(tmp_path, worker="a", flush_seconds=0)
    log.put([decision(1)])
    until(lambda: log.state.written == 1)
    segments(tmp_path)[0].unlink()
    log.put([decision(2)])
    until(lambda: log.state.written == 2)
    assert "removed" in log.state.fault
    log.close()
    assert ids(tmp_path) == ["d2"]


def test_one_server_a_folder(tmp_path) -> None:
    with hold(tmp_path), pytest.raises(LogBusyError, match="another server"), hold(tmp_path):
        pass
    with hold(tmp_path):
        pass


def test_files_are_for_their_owner_alone(tmp_path, keepers) -> None:
    log = open_log(tmp_path / "log", worker="a", flush_seconds=0)
    log.put([decision(1)])
    until(lambda: log.state.written == 1)
    paths = segments(tmp_path / "log")
    modes = {oct(path.stat().st_mode & 0o777) for path in paths}
    log.close()
    modes |= {oct(p.stat().st_mode & 0o777) for p in (tmp_path / "log").rglob("*.parquet")}
    assert modes == {"0o600"}


SERVER = """
import sys, time
from pathlib import Path
from kpi_gate.serving.log.writer import open_log
number, log = 0, open_log(Path(sys.argv[1]), worker="killed")
while True:
    log.put([{
        "id": str(number), "time": time.time_ns() // 1000, "unit": "u", "arm": "champion",
        "policy_version": "v1", "score": 0.5, "action": 1.0, "propensity": 1.0, "exposed": True,
        "rule_of_thumb": False, "row_hash": "0",
    }])
    state = log.state
    print(number, time.monotonic(), state.written, state.oldest_waiting_seconds, flush=True)
    number += 1
    time.sleep(0.0005)
"""


@pytest.mark.slow
def test_kill_9_loses_no_decision_but_those_of_the_last_100_ms(tmp_path) -> None:
    """The bound is of a disk that answers: what this one made decisions wait beyond is granted."""
    path = tmp_path / "answered"
    with path.open("wb") as answered:
        server = subprocess.Popen(
            [sys.executable, "-c", SERVER, str(tmp_path / "log")], stdout=answered
        )
        until(lambda: path.stat().st_size > 20_000, seconds=60)
        server.send_signal(signal.SIGKILL)
        killed = time.monotonic()
        server.wait()
    lines = [line.split() for line in path.read_text().splitlines()[:-1]]
    bound = max(0.1, *(float(waited) for _, _, _, waited in lines))
    written = int(lines[-1][2])
    due = {number for number, at, _, _ in lines if float(at) < killed - bound}
    live = set(ids(tmp_path / "log"))
    assert written > 0
    assert live >= due | {str(number) for number in range(written)}
    assert keep(tmp_path / "log") == 0  # as the next start does
    kept = ids(tmp_path / "log")
    assert len(kept) == len(set(kept))
    assert set(kept) == live


@pytest.mark.slow
def test_a_process_of_its_own_keeps_what_the_server_let_go(tmp_path) -> None:
    log: DecisionLog = open_log(tmp_path, worker="a")
    log.put([decision(1)])
    assert log.close(seconds=60).fault == ""
    assert not segments(tmp_path)
    assert ids(tmp_path) == ["d1"]
