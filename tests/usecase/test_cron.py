"""When schedules fire, and which of them are none."""

import asyncio
from datetime import UTC, datetime

import pytest

from kpi_gate.usecase.cron import cron_fault, fires, zone_fault


@pytest.mark.parametrize(
    ("cron", "words"),
    [
        ("61 3 * * *", "bad minute"),
        ("0 3 31 2 *", "bad day-of-month"),
        ("0 3 * *", "must have 5 fields"),
        ("0 0 3 1 * *", "must have 5 fields"),
        ("every day at three o'clock", "bad minute"),
        ("a b c d e", "bad minute"),
        ("@daily", "must have 5 fields"),
        ("0 3 31 2 1", "bad day-of-month"),
        ("0 3 31 4,6 *", "bad day-of-month"),
        ("0 3 LW * *", "a kind of day that Prefect cannot plan"),
        ("0 3 * * 5L", "a kind of day that Prefect cannot plan"),
        ("0 3 29 2 1#1", "a kind of day that Prefect cannot plan"),
    ],
)
def test_a_cron_expression_that_does_not_exist_is_told(cron, words):
    assert words in cron_fault(cron)


def test_sound_names_have_no_fault():
    assert cron_fault("0 3 1,15 * *") == cron_fault("*/5 * * * 1-5") == ""
    assert zone_fault("Europe/Lisbon") == ""


@pytest.mark.parametrize(
    "cron",
    [
        *("0 3 1,15 * *", "*/5 * * * 1-5", "0 3 * * 7", "0 3 L * *", "0 3 29 2 *", "0 3 31 * 1"),
        *("0 3 * jan-mar mon,wed", "0 3 * * mon#1", "5/10 * * * *", "0 3 * * sun-mon"),
    ],
)
def test_what_is_sound_is_planned_by_prefect_at_the_same_moments(cron):
    from prefect.server.schemas.schedules import CronSchedule

    start = datetime(2024, 1, 1, tzinfo=UTC)
    planned = asyncio.run(CronSchedule(cron=cron, timezone="UTC").get_dates(5, start))
    assert cron_fault(cron) == ""
    assert fires(cron, "UTC", start, planned[-1])[:4] == planned[:4]


@pytest.mark.parametrize("timezone", ["Europe/Lisboa", "", "../etc/passwd", "Europe"])
def test_a_time_zone_that_does_not_exist_is_told(timezone):
    assert "is not known" in zone_fault(timezone)


def test_it_fires_by_the_clock_on_the_wall_and_within_a_half_open_range():
    start, end = datetime(2009, 3, 1, 3, tzinfo=UTC), datetime(2009, 5, 1, 2, tzinfo=UTC)
    found = fires("0 3 1 * *", "Europe/Lisbon", start, end)
    assert [f"{moment:%m-%d %H:%M}" for moment in found] == ["03-01 03:00", "04-01 02:00"]


def test_an_hour_that_summer_time_skips_or_repeats_fires_once():
    march = fires(
        "30 2 * * *",
        "Europe/Berlin",
        datetime(2024, 3, 30, tzinfo=UTC),
        datetime(2024, 4, 1, tzinfo=UTC),
    )
    october = fires(
        "30 2 * * *",
        "Europe/Berlin",
        datetime(2024, 10, 26, tzinfo=UTC),
        datetime(2024, 10, 28, tzinfo=UTC),
    )
    assert (len(march), len(october)) == (2, 2)
