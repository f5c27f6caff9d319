"""A staggered rollout as one self-contained page: the effect before and after the treatment."""

from collections.abc import Iterator

from kpi_gate.experiment.rollout import PLAIN, Rollout
from kpi_gate.render import render
from kpi_gate.report.decision_charts import Estimate, gain_figure
from kpi_gate.report.html import fill
from kpi_gate.report.numbers import money_over, money_range
from kpi_gate.text import clean, number, places

AFTER = 0.05  # a p-value below it says that trends differed before


@render.register(Rollout)
def show(found: Rollout, form: str) -> str:
    """Show a rollout as `sentence` or `html`.

    Args:
        found: What it shows.
        form: How it is shown.
    """
    return {"sentence": sentence, "html": page}[form](found)


def sentence(found: Rollout) -> str:
    """Say what a rollout shows, in one sentence."""
    told = money_range(found.estimate, found.lower, found.upper, found.unit, sign=True)
    words = f"about {told} a decision, from {found.treated} of {found.units} units"
    return "; ".join((words, *map(clean, found.warnings))) + "."


def page(found: Rollout) -> str:
    """Render a rollout as one HTML page without script or outside resource."""
    said = sentence(found)
    return fill(
        "rollout.html",
        found=found,
        tone="amber" if found.warnings else "blue",
        lead=f"{said[:1].upper()}{said[1:]}".replace("-", "−"),
        money=_over_horizon(found),
        figure=gain_figure(list(_rows(found)), 0.0, clean(found.unit), _decimals(found)),
        before_after=money_range(*found.before_after, found.unit, sign=True).replace("-", "−"),
        plain=PLAIN,
        trends=_trends(found),
    )


def _decimals(found: Rollout) -> int:
    return places(found.standard_error or abs(found.estimate) / 100, 2)


def _rows(found: Rollout) -> Iterator[Estimate]:
    last = max(period.after for period in found.periods)
    first = min(period.after for period in found.periods)
    for one in found.periods:
        many = abs(one.after)
        name = (
            "the first with it"
            if one.after == 0
            else f"{many} {'after' if one.after > 0 else 'before'}"
        )
        if one.after in {first, last} and many > 1:
            name += " or more"
        yield Estimate(name, one.estimate, one.lower, one.upper)


def _over_horizon(found: Rollout) -> str:
    if found.horizon_decisions is None:
        return ""
    ends = found.estimate, found.lower, found.upper
    told = money_over(found.horizon_decisions, *ends, found.unit)
    return f"About {told} over {number(found.horizon_decisions, 0)} decisions".replace("-", "−")


def _trends(found: Rollout) -> str:
    if found.pre_trend is None:
        return "Whether trends were alike before the treatment cannot be seen."
    chance = f"p {number(found.pre_trend, 3)}"
    if found.pre_trend < AFTER:
        return f"Trends differed before the treatment already ({chance})."
    return f"Before the treatment no difference in trends is seen ({chance})."
