"""Words of a history, the same on the page and in the terminal."""

from collections.abc import Iterator

from kpi_gate.decision.evidence import BASELINE
from kpi_gate.text import UNKNOWN, clean, number, shorten
from kpi_gate.watch.history.result import History

HOUR, MINUTE = 1 / 24, 1 / 1440


def lead(told: History) -> str:
    """Return the history in a few sentences: who is champion, what was decided, what came of it."""
    if told.fault:
        return " ".join((f"It cannot be loaded: {clean(told.fault).rstrip('.')}.", *_told(told)))
    return " ".join(_told(told))


def _told(told: History) -> Iterator[str]:
    yield _in_use(told)
    if not told.verdicts:
        yield "Nothing was decided yet."
        return
    yield f"{many(sum(told.verdicts.values()), 'decision')}, {_undone(told)}."
    if told.kept is not None:
        yield f"Of the gain that was promised, {share(told.kept)} was realised."
    elif told.promotions:
        yield "What was realised of the promised gain is not known."
    if told.alarms:
        open_ = told.judged("open")
        yield f"{many(len(told.alarms), 'alarm')}, {open_ or 'none'} of them open."


def _in_use(told: History) -> str:
    if told.champion == BASELINE:
        since = "" if told.since is None else f" since {told.since:%Y-%m-%d}"
        return f"The baseline is in use{since}."
    age = "" if told.age_days is None else f", its newest row is {duration(told.age_days)} old"
    return f"{clean(told.champion)} is champion for {duration(told.days_in_use)}{age}."


def _undone(told: History) -> str:
    forced = sum(bool(one.forced) for one in told.promotions)
    words = many(len(told.promotions), "promotion")
    words += f" ({forced} by force)" if forced else ""
    return f"{words}, {many(len(told.rollbacks), 'rollback')}"


def many(count: int, what: str) -> str:
    """Write a count with its noun, in the plural where it is not one."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def duration(days: float | None) -> str:
    """Write a stretch of time in the unit that suits it; it may be negative."""
    if days is None:
        return UNKNOWN
    size = abs(days)
    unit, name = (
        (1.0, "days") if size >= 2 else (HOUR, "hours") if size >= 2 * HOUR else (MINUTE, "minutes")
    )
    return f"{number(round(days / unit, 0 if size / unit >= 10 else 1))} {name}"


def named(version: str) -> str:
    """Return a version, or `the rule of thumb`."""
    return "the rule of thumb" if version in ("", BASELINE) else shorten(clean(version), 24)


def share(value: float | None) -> str:
    """Write a share in whole percents; a dash where it is not known."""
    return "–" if value is None else f"{number(value * 100, 0)} %".replace("-", "−")
