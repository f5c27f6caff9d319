"""Cron expressions in a time zone: are they sound, and when do they fire?"""

from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


def cron_fault(cron: str) -> str:
    """Say what is wrong with a cron expression of five fields; empty where it is sound."""
    try:
        from cronsim import CronSim, CronSimError
    except ImportError:  # the gate alone is installed: nothing is ever scheduled there
        return ""
    fields = cron.upper().split()
    if len(fields) != 5:
        return "must have 5 fields: minute, hour, day of month, month, day of week"
    day, weekday = fields[2], fields[4]
    try:
        for days in (weekday, "*"):  # Prefect needs the day of the month to exist in any case
            next(CronSim(" ".join([*fields[:4], days]), datetime(2024, 1, 1, tzinfo=UTC)))
    except CronSimError as error:
        return f"is no cron expression: {str(error).lower()}"
    except StopIteration:
        return "never fires"
    if "W" in day or "L" in weekday or ("#" in weekday and day != "*"):
        return "asks for a kind of day that Prefect cannot plan"
    return ""


def zone_fault(timezone: str) -> str:
    """Say what is wrong with the name of a time zone; empty where it is known."""
    try:
        ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return "is not known, such as Europe/Lisbon"
    return ""


def longest_gap_days(cron: str, timezone: str) -> float:
    """Return the longest time between two firings in two years; 365 of one that fires less."""
    start, end = datetime(2024, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
    fired = fires(cron, timezone, start, end)
    gaps = [(later - sooner).total_seconds() / 86_400 for sooner, later in pairwise(fired)]
    return max(gaps, default=365.0)


def fires(cron: str, timezone: str, start: datetime, end: datetime) -> list[datetime]:
    """Return the moments in `[start, end)` at which a cron expression fires, in UTC.

    Args:
        cron: Five fields, read in the time zone; sound by `cron_fault`.
        timezone: Name of the time zone.
        start: Earliest moment, tz-aware.
        end: Moment that is too late, tz-aware.
    """
    from cronsim import CronSim

    # it answers with what comes after: a minute earlier, the start itself may be a tick
    first = start.timestamp() - 60
    zone = ZoneInfo(timezone)
    found = []
    for moment in CronSim(cron, datetime.fromtimestamp(first, zone)):
        if moment >= end:
            break
        if moment >= start:
            found.append(moment.astimezone(UTC))
    return found
