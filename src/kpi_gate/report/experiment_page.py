"""An experiment as one self-contained page: the effect over time, its looks, and what is wrong."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from markupsafe import Markup
from rich.console import Console
from rich.table import Table

from kpi_gate.experiment.plan import ARMS
from kpi_gate.experiment.result import Analysis, ExperimentVerdict, first_fatal
from kpi_gate.render import render
from kpi_gate.report.effect_chart import Level, effect_bars, effect_over_time
from kpi_gate.report.experiment_wording import (
    MEANS,
    TONES,
    effect_in_words,
    fault_in_words,
    next_step,
    schedule_in_words,
    sentence,
    size_in_words,
    worth,
)
from kpi_gate.report.html import digits, fill
from kpi_gate.report.line_chart import Line, line_chart
from kpi_gate.report.numbers import share
from kpi_gate.text import clean, ended, number, places

WIDTH = 100


@render.register(Analysis)
def show(found: Analysis, form: str) -> str:
    """Show an experiment as `sentence`, `text` or `html`.

    Args:
        found: What it came to.
        form: How it is shown.
    """
    return {"sentence": sentence, "text": text, "html": page}[form](found)


def text(found: Analysis) -> str:
    """Return an experiment for the terminal: what came of it, its looks and what is wrong."""
    unit, console = found.plan.unit, Console(width=WIDTH, highlight=False)
    table = Table(box=None, pad_edge=False)
    for name, side in (("look", "left"), ("until", "left"), ("effect a decision", "right")):
        table.add_column(name, justify="right" if side == "right" else "left", no_wrap=True)
    table.add_column("z", justify="right")
    table.add_column("needs", justify="right")
    for look in found.looks:
        effect = effect_in_words(look.effect, unit)
        z, bound = number(look.z, 2, sign=True), number(look.bound, 2)
        table.add_row(
            f"{look.number} of {len(_planned(found))}", f"{look.at:%Y-%m-%d}", effect, z, bound
        )
    with console.capture() as printed:
        console.print(sentence(found))
        if found.looks:
            console.print(table)
        for fault in found.faults:
            console.print(f"{fault.severity}: {fault_in_words(fault)}", markup=False)
        console.print(f"Next: {next_step(found)}", markup=False)
    return printed.get().rstrip()


def page(found: Analysis) -> str:
    """Render an experiment as one HTML page without script or outside resource."""
    plan, effect = found.plan, found.effect
    money = worth(found) if found.verdict is not ExperimentVerdict.INVALID else ""
    return fill(
        "experiment.html",
        found=found,
        plan=plan,
        tone=TONES[found.verdict],
        means=MEANS[found.verdict],
        lead=ended(f"{found.because[:1].upper()}{clean(found.because[1:])}"),
        wrong=first_fatal(found.faults) is not None,
        money=f"{money[:1].upper()}{money[1:]}".replace("-", "−"),
        next=next_step(found),
        arms=list(_arms(found)),
        over_time=_over_time(found),
        bounds=_bounds(found),
        by_week=_by_week(found),
        shown=lambda one: effect_in_words(one, plan.unit).replace("-", "−"),
        effect_words=effect_in_words(effect, plan.unit).replace("-", "−"),
        told=fault_in_words,
        schedule=schedule_in_words(plan, found.started),
        size=size_in_words(plan),
        planned=len(_planned(found)),
    )


def _planned(found: Analysis) -> Sequence[datetime]:
    return found.plan.look_times(found.started)


def _arms(found: Analysis) -> Iterator[tuple[str, str, int | None, str, int | None, float | None]]:
    """Yield (arm, version, units, planned share, decisions, metric) of both arms."""
    planned = found.plan.treatment_share
    shares = {"control": 1 - planned, "treatment": planned}
    for index, arm in enumerate(ARMS):
        units = None if found.split is None else getattr(found.split, arm)
        decisions = None if found.effect is None else found.effect.decisions[index]
        metric = None if found.effect is None else getattr(found.effect, arm)
        yield arm, found.plan.versions[arm], units, share(shares[arm]), decisions, metric


def _over_time(found: Analysis) -> Markup | str:
    """Draw the effect so far with bounds that hold on all days, and the looks on it."""
    looks = [
        (look.at, look.effect.estimate, f"look {look.number}: z {number(look.z, 2, sign=True)}")
        for look in found.looks
    ]
    smallest = found.plan.minimum_effect
    level = Level(f"smallest effect planned for: {digits(smallest)}", smallest)
    return effect_over_time(found.days, found.plan.unit, level, looks)


def _bounds(found: Analysis) -> Markup | str:
    """Draw the effect in standard errors at each look against what it needs."""
    if not found.looks:
        return ""
    seen = [(look.at, look.z) for look in found.looks]
    above = [(look.at, look.bound) for look in found.looks]
    below = [(look.at, -look.bound) for look in found.looks]
    if len(found.looks) == 1:  # a line needs two ends
        seen, above, below = ([(found.started, line[0][1]), *line] for line in (seen, above, below))
    marks = [(look.at, look.z, f"look {look.number}") for look in found.looks]
    lines = [
        Line("", below, "bounds"),
        Line("what a look needs, either way", above, "bounds"),
        Line(f"seen: {number(found.looks[-1].z, 2, sign=True)}", seen, "realised", marks),
    ]
    return line_chart(lines, "Effect at each look against what it needs", "standard errors")


def _by_week(found: Analysis) -> Markup | str:
    """Draw the effect of each week alone."""
    effects = [(f"week {week.number}", week.effect) for week in found.weeks]
    smallest = found.plan.minimum_effect
    return effect_bars(effects, smallest, found.plan.unit, places(smallest, 3))
