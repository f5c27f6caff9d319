"""A return is asked to be recorded until it is, by one worker first."""

import asyncio
import sys
from datetime import UTC, datetime

import pytest

from kpi_gate.serving import returning
from kpi_gate.serving.returning import Recorder
from kpi_gate.serving.state import Return

WHEN = datetime(2026, 12, 1, tzinfo=UTC)


def came_back(by="w"):
    return Return(version="v2", at=WHEN, reason="failure rate: 9%", by=by)


@pytest.fixture
def recorder(tmp_path, monkeypatch):
    """Return a recorder whose process writes what it was asked, and fails where it is told to."""
    (tmp_path / "recording.py").write_text(
        "import pathlib, sys\n"
        "with open('asked', 'a') as file: print(sys.argv[1:], file=file)\n"
        "sys.exit('a retrain is at work' if pathlib.Path('busy').exists() else 0)\n"
    )
    monkeypatch.setattr(returning, "_RECORDER", "recording")
    return Recorder(tmp_path, "fraud", "w")


def asked(recorder):
    path = recorder._root / "asked"
    return path.read_text().splitlines() if path.exists() else []


async def ended(recorder):
    if recorder._task is not None:
        await recorder._task


@pytest.mark.slow
def test_the_worker_that_saw_it_asks_at_once_and_once(recorder):
    async def course():
        for _ in range(5):
            recorder.follow(came_back())
        await ended(recorder)
        recorder.follow(came_back())
        await ended(recorder)

    asyncio.run(course())
    assert asked(recorder) == ["['fraud', 'v2', 'failure rate: 9%']"]
    assert recorder.fault == ""


@pytest.mark.slow
def test_what_failed_is_told_and_asked_again(recorder, monkeypatch):
    async def course():
        recorder.follow(came_back())
        await ended(recorder)
        assert recorder.fault.endswith("is not recorded: a retrain is at work")
        (recorder._root / "busy").unlink()
        recorder._due = 0.0
        recorder.follow(came_back())
        await ended(recorder)
        assert recorder.fault == ""
        recorder.follow(None)

    (recorder._root / "busy").touch()
    asyncio.run(course())
    assert len(asked(recorder)) == 2


def test_the_others_leave_it_to_the_one_that_saw_it(recorder, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(returning.time, "monotonic", lambda: clock[0])
    begun = []

    async def record(returned):
        begun.append(clock[0])

    monkeypatch.setattr(recorder, "_record", record)

    async def course():
        for moment in (0.0, 4.9, 26.0, 27.0):
            clock[0] = moment
            recorder.follow(came_back(by="another"))
            await ended(recorder)
        recorder.follow(None)  # on record by now
        clock[0] = 1_000.0
        recorder.follow(None)

    asyncio.run(course())
    assert begun == [26.0]


def test_it_starts_the_module_that_is_there():
    assert returning._RECORDER == "kpi_gate.orchestration.serving_return"
    assert sys.executable
