"""Cron expressions in a time zone: are they sound, and when does Prefect fire them?"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from itertools import islice, pairwise, takewhile
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

FIRINGS = 5_000  # in which the longest gap is looked for
_CLOCK_CHANGE = timedelta(hours=3)  # more than any clock is ever moved by


@cache
def _croniter() -> Any:
    """Return the copy of croniter that Prefect plans with; None where Prefect is not installed.

    It is read from its file: importing it by name imports all of Prefect, which takes seconds.
    """
    try:
        prefect = find_spec("prefect")
    except ImportError:
        return None
    if prefect is None or prefect.origin is None:
        return None
    source = Path(prefect.origin).parent / "_vendor" / "croniter" / "croniter.py"
    spec = spec_from_file_location("_prefect_croniter", source)
    if spec is None or spec.loader is None:
        raise ImportError(f"{source} cannot be imported")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def cron_fault(cron: str) -> str:
    """Say what is wrong with a cron expression of five fields; empty where it is sound."""
    library = _croniter()
    if library is None:  # the gate alone is installed: nothing is ever scheduled there
        return ""
    fields = cron.split()
    if len(fields) != 5:
        return "must have 5 fields: minute, hour, day of month, month, day of week"
    if any(field[0] in "hHrR" for field in fields):
        return "asks for a moment by chance, which Prefect does not plan"
    try:
        first = next(_moments(cron, "UTC", datetime(2024, 1, 1, tzinfo=UTC)), None)
    except library.CroniterError as error:
        return f"is no cron expression: {error}"
    return "" if first else "never fires"


def zone_fault(timezone: str) -> str:
    """Say what is wrong with the name of a time zone; empty where it is known."""
    try:
        ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return "is not known, such as Europe/Lisbon"
    return ""


@cache
def longest_gap_days(cron: str, timezone: str) -> float:
    """Return the longest time between two firings in two years; 365 of one that fires less.

    Of one that fires every few minutes, between its first `FIRINGS`.
    """
    start, end = datetime(2024, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
    fired = takewhile(
        lambda moment: moment < end, _moments(cron, timezone, start - timedelta(minutes=1))
    )
    days = [moment.timestamp() / 86_400 for moment in sorted(islice(fired, FIRINGS))]
    return max((later - sooner for sooner, later in pairwise(days)), default=365.0)


def fires(cron: str, timezone: str, start: datetime, end: datetime) -> list[datetime]:
    """Return the moments in `[start, end)` at which Prefect fires a cron expression, in UTC.

    Args:
        cron: Five fields, read in the time zone; sound by `cron_fault`.
        timezone: Name of the time zone.
        start: Earliest moment, tz-aware.
        end: Moment that is too late, tz-aware.
    """
    early, late = start - _CLOCK_CHANGE, end + _CLOCK_CHANGE
    around = takewhile(lambda moment: moment < late, _moments(cron, timezone, early))
    return sorted({moment for moment in around if start <= moment < end})


def next_firing(cron: str, timezone: str, after: datetime) -> datetime | None:
    """Return when Prefect fires a cron expression next, in UTC; None where nothing plans."""
    if _croniter() is None:
        return None
    later = (moment for moment in _moments(cron, timezone, after) if moment > after)
    return next(later, None)


def _moments(cron: str, timezone: str, after: datetime) -> Iterator[datetime]:
    """Yield when the clock on the wall shows what a cron expression asks for, as Prefect does it.

    An hour that comes twice counts when it first comes; what falls into one that is skipped comes
    an hour earlier, and so may be out of order or there twice.
    """
    library, zone = _croniter(), ZoneInfo(timezone)
    clock = library.croniter(cron, after.astimezone(zone).replace(tzinfo=None), day_or=True)
    while True:
        try:
            wall: datetime = clock.get_next(datetime)
        except library.CroniterBadDateError:  # no other in the next fifty years
            return
        yield min(wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
