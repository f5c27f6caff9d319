"""When schedules fire, and which of them are none."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from kpi_gate.usecase.cron import cron_fault, fires, longest_gap_days, next_firing, zone_fault


@pytest.mark.parametrize(
    ("cron", "words"),
    [
        ("61 3 * * *", "out of range"),
        ("0 3 31 2 *", "never fires"),
        ("0 3 * *", "must have 5 fields"),
        ("0 0 3 1 * *", "must have 5 fields"),
        ("every day at three o'clock", "is no cron expression"),
        ("a b c d e", "is no cron expression"),
        ("@daily", "must have 5 fields"),
        ("0 3 31 2 1", "never fires"),
        ("0 3 31 4,6 *", "never fires"),
        ("0 3 LW * *", "is no cron expression"),
        ("0 3 * * 5L", "is no cron expression"),
        ("0 3 29 2 1#1", "never fires"),
        ("H 3 * * *", "by chance"),
        ("r(1-5) 3 * * *", "by chance"),
        ("*/0 3 * * *", "is no cron expression"),
    ],
)
def test_a_cron_expression_that_does_not_exist_is_told(cron, words):
    assert words in cron_fault(cron)


def test_sound_names_have_no_fault():
    assert cron_fault("0 3 1,15 * *") == cron_fault("*/5 * * * 1-5") == ""
    assert zone_fault("Europe/Lisbon") == ""


CHANGES = {  # days on which a clock is moved, both of a year
    "Europe/Berlin": ((2024, 3, 31), (2024, 10, 27)),
    "America/New_York": ((2024, 3, 10), (2024, 11, 3)),
    "Australia/Lord_Howe": ((2024, 4, 7), (2024, 10, 6)),  # by half an hour
    "America/Sao_Paulo": ((2018, 2, 18), (2018, 11, 4)),  # at midnight
    "UTC": ((2024, 3, 31), (2024, 10, 27)),
}
EXPRESSIONS = (
    *("0 3 1,15 * *", "*/20 * * * 1-5", "0 3 * * 7", "0 3 L * *", "0 3 29 2 *", "0 3 31 * 1"),
    *("0 3 * jan-mar mon,wed", "0 3 * * mon#1", "5/20 2-4 * * *", "0 3 * * sun-mon", "30 2 * * *"),
    *("30 2 * * 0", "0 * * * *", "*/15 1-3 * * *", "0 */2 * * *", "0 0 * * *", "30 0,2,23 * * *"),
    *(
        "59 1 * * *",
        "0 2,3 * * 0,6",
        "0 3 */2 * 1",
        "15 1 * * sun",
        "7-59/13 0-3 * * *",
        "0 0 1 * 0",
    ),
)


@pytest.mark.parametrize("timezone", CHANGES)
@pytest.mark.parametrize("cron", EXPRESSIONS)
def test_what_is_sound_is_planned_by_prefect_at_the_same_moments(cron, timezone):
    from prefect.server.schemas.schedules import CronSchedule

    assert cron_fault(cron) == ""
    schedule = CronSchedule(cron=cron, timezone=timezone)
    for changed in CHANGES[timezone]:
        start = datetime(*changed, tzinfo=UTC) - timedelta(hours=18)
        end = start + timedelta(hours=50)
        planned = asyncio.run(schedule.get_dates(start=start, end=end))
        # in UTC: Python holds no moment of a repeated hour equal to one of another zone
        moments = [datetime.fromtimestamp(moment.timestamp(), UTC) for moment in planned]
        assert fires(cron, timezone, start, end) == [moment for moment in moments if moment < end]
        for first in moments[:1]:
            assert fires(cron, timezone, first, first + timedelta(minutes=1)) == [first]


@pytest.mark.parametrize("timezone", ["Europe/Lisboa", "", "../etc/passwd", "Europe"])
def test_a_time_zone_that_does_not_exist_is_told(timezone):
    assert "is not known" in zone_fault(timezone)


def test_it_fires_by_the_clock_on_the_wall_and_within_a_half_open_range():
    start, end = datetime(2009, 3, 1, 3, tzinfo=UTC), datetime(2009, 5, 1, 2, tzinfo=UTC)
    found = fires("0 3 1 * *", "Europe/Lisbon", start, end)
    assert [f"{moment:%m-%d %H:%M}" for moment in found] == ["03-01 03:00", "04-01 02:00"]


def test_the_longest_gap_of_a_schedule_is_in_days():
    assert longest_gap_days("0 3 * * *", "UTC") == 1
    assert longest_gap_days("0 3 * * *", "Europe/Berlin") == pytest.approx(25 / 24)
    assert longest_gap_days("0 3 1 * *", "UTC") == 31
    assert longest_gap_days("*/5 8-17 * * mon-fri", "UTC") == pytest.approx(2 + 14 / 24 + 5 / 1440)
    assert longest_gap_days("0 3 29 2 *", "UTC") == 365


@pytest.mark.parametrize("timezone", CHANGES)
@pytest.mark.parametrize("cron", ["0 3 1,15 * *", "30 2 * * *", "*/15 1-3 * * *"])
def test_the_next_firing_is_the_first_that_is_later(cron, timezone):
    start = datetime(*CHANGES[timezone][0], tzinfo=UTC)
    first = next_firing(cron, timezone, start)
    assert first > start
    assert (
        first == fires(cron, timezone, start + timedelta(seconds=1), start + timedelta(days=32))[0]
    )
    assert next_firing(cron, timezone, first) > first
