"""A holdback as one self-contained page: what all promotions have been worth together."""

from kpi_gate.experiment.holdback import Holdback
from kpi_gate.experiment.result import first_fatal
from kpi_gate.render import render
from kpi_gate.report.effect_chart import Level, effect_bars, effect_over_time
from kpi_gate.report.experiment_wording import fault_in_words
from kpi_gate.report.html import digits, fill
from kpi_gate.report.numbers import money_over, money_range, over, share
from kpi_gate.text import clean, ended, number, places


@render.register(Holdback)
def show(found: Holdback, form: str) -> str:
    """Show a holdback as `sentence` or `html`.

    Args:
        found: What it came to.
        form: How it is shown.
    """
    return {"sentence": sentence, "html": page}[form](found)


def sentence(found: Holdback) -> str:
    """Say what a holdback shows, in one sentence."""
    since = f"{found.started:%Y-%m-%d}"
    if fatal := first_fatal(found.faults):
        return ended(f"nothing may be concluded from this log: {clean(fatal.reason)}")
    effect, many = found.effect, len(found.wins)
    if effect is None:
        return f"too few units have come since {since} to say anything."
    told = money_range(effect.estimate, effect.lower, effect.upper, found.unit, sign=True)
    count = f"{many} promotion{'' if many == 1 else 's'}"
    words = f"{count} since {since} were worth about {told} a decision over {clean(found.frozen)}"
    if found.arrived is None:
        return ended(words)
    booked = number(found.booked, places(found.booked, 2), sign=True)
    return ended(f"{words}; {booked} was booked, of which {share(found.arrived)} arrived")


def page(found: Holdback) -> str:
    """Render a holdback as one HTML page without script or outside resource."""
    said = sentence(found)
    wins = [
        (win.at, found.booked, f"{clean(win.version)}, booked {digits(win.booked, sign=True)}")
        for win in found.wins
    ]
    booked = Level(
        f"booked for the same decisions: {digits(found.booked, sign=True)}", found.booked
    )
    return fill(
        "holdback.html",
        found=found,
        tone="violet" if found.invalid else "blue",
        lead=f"{said[:1].upper()}{said[1:]}",
        money=_over_horizon(found),
        over_time=effect_over_time(found.days, found.unit, booked, wins),
        by_month=_by_month(found),
        told=fault_in_words,
    )


def _over_horizon(found: Holdback) -> str:
    effect = found.effect
    if effect is None or found.invalid:
        return ""
    ends = effect.estimate, effect.lower, effect.upper
    told = money_over(found.horizon_decisions, *ends, found.unit)
    return f"About {told} {over(found.horizon)}".replace("-", "−")


def _by_month(found: Holdback) -> str:
    effects = [(f"from {one.start}", one.effect) for one in found.months]
    errors = [effect.standard_error for _, effect in effects if effect is not None]
    return effect_bars(effects, found.booked, found.unit, places(min(errors, default=None), 2))
