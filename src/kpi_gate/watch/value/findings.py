"""What a person must know of the money that a champion has earned, as findings."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial

from kpi_gate.text import finite, number, total
from kpi_gate.watch.finding import Finding, Severity, finding
from kpi_gate.watch.value.realised import Realised

_finding = partial(finding, "value", "model")


def value_findings(realised: Realised) -> tuple[Finding, ...]:
    """Return what was found in the money, warnings first.

    A warning here never stops a promotion: value also falls where customers are poorer, which no
    model helps. Whether a retraining would is what staleness says.
    """
    looks = (_labels, _loss, _promise, _own_past, _earned, _blind)
    found = [told for look in looks for told in look(realised)]
    return tuple(sorted(found, key=lambda told: told.severity != "warning"))


def _labels(realised: Realised) -> Iterator[Finding]:
    labels = realised.labels
    if labels is None or labels.stuck_since is None:
        return
    words = (
        f"No outcome has come since {labels.stuck_since:%Y-%m-%d}, {labels.overdue:,} are due: "
        "what was earned since is not known."
    )
    yield finding("value", "labels", "outcomes", "warning", words, float(labels.overdue), 0.0)


def _earned(realised: Realised) -> Iterator[Finding]:
    since, worth = f"{realised.since:%Y-%m-%d}", realised.worth
    if worth is None:
        words = f"What was earned since {since} is not known: {realised.unknown}."
        yield _finding("realised_value", "note", words)
        return
    daily = "" if realised.per_day is None else f", {total(realised.per_day)} a day"
    words = (
        f"Since {since} {realised.champion or 'the champion'} has earned {worth.words}{daily}; "
        f"outcomes are known for {worth.days} days until {worth.last_day:%Y-%m-%d}."
    )
    yield _finding("realised_value", "note", words, worth.per_decision)


def _promise(realised: Realised) -> Iterator[Finding]:
    gain, lately, promised = realised.gain, realised.gain_lately, realised.promised
    if gain is None or lately is None or promised is None:
        return
    _, upper = lately.at_every_look(gain)
    is_broken = upper < promised
    words = (
        f"It gains {gain.words} over what it replaced, {number(promised)} {realised.unit} were "
        "booked at its promotion"
    )
    words += f"; lately at most {number(upper)} at any look." if is_broken else "."
    severity: Severity = "warning" if is_broken else "note"
    yield _finding("promised_gain", severity, words, lately.per_decision, finite(promised))


def _own_past(realised: Realised) -> Iterator[Finding]:
    now, then = realised.lately, realised.at_gate
    if now is None or then is None:
        return
    upper, lower = now.at_every_look(then)[1], then.at_every_look(now)[0]
    is_lower = upper < lower
    words = (
        f"A decision earns {number(now.per_decision)} {realised.unit} in the last {now.days} days "
        f"with outcomes, {number(then.per_decision)} in the window that promoted the champion"
    )
    words += _less(upper, lower) if is_lower else "."
    severity: Severity = "warning" if is_lower else "note"
    yield _finding("own_past", severity, words, now.per_decision, finite(lower))


def _less(upper: float, lower: float) -> str:
    return (
        f": at most {number(upper)} against at least {number(lower)} at any look. Customers may be "
        "poorer or the model stale; a challenger tells which."
    )


def _loss(realised: Realised) -> Iterator[Finding]:
    loss = realised.loss
    if loss is None:
        return
    day = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=loss.day)
    words = (
        f"Since {day:%Y-%m-%d} a decision earns {number(loss.after)} {realised.unit}, "
        f"{number(loss.before)} in the {loss.days_before} days before"
    )
    words += _less(loss.upper_after, loss.lower_before)
    yield _finding("sudden_loss", "warning", words, loss.after, finite(loss.lower_before))


def _blind(realised: Realised) -> Iterator[Finding]:
    if realised.blind is not None and realised.blind.decisions:
        words = realised.blind.sentence
        yield _finding("blind_window", "note", words, realised.blind.per_decision)
