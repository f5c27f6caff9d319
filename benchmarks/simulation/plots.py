"""Drawings of the figures, as SVG for the page and as PNG for the README."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.simulation.figures import Results
from benchmarks.simulation.worlds import WORLDS
from benchmarks.simulation.years import LEDGERS, OURS, RIVALS, RULES, STANDING

# Okabe and Ito (2008); each colour comes with a mark of its own
LOOKS = {
    OURS: ("#0072b2", "o"),
    STANDING: ("#56b4e9", "o"),
    "metric is higher": ("#d55e00", "s"),
    "5 % higher": ("#e69f00", "D"),
    "higher than the stored metric": ("#7f7f7f", "^"),
    "best of eight, reused holdout": ("#cc79a7", "v"),
    "row bootstrap P > .95": ("#009e73", "x"),
}
FLOOR = 0.02  # what never happened is drawn here
NOTHING = dict.fromkeys(("Creator", "Date", "Format", "Type"))  # and so no foreign address
DASHES = ("-", "--", ":")


@contextmanager
def _style() -> Iterator[None]:
    settings: dict[Any, Any] = {
        "axes.axisbelow": True,
        "axes.spines.right": False,
        "axes.spines.top": False,
        "font.family": "sans-serif",
        "font.size": 9,
        "svg.fonttype": "none",
        "svg.hashsalt": "kpi-gate",
    }
    with mpl.rc_context(settings):
        yield


def svg(
    draw: Callable[[Axes, Results], None], results: Results, width: float, height: float
) -> str:
    """Draw onto one axes; return the `<svg>` element."""
    with _style():
        figure = Figure(figsize=(width, height), layout="constrained")
        draw(figure.subplots(), results)
        drawn = io.StringIO()
        figure.savefig(drawn, format="svg", metadata=NOTHING)
    text = drawn.getvalue()
    return text[text.index("<svg") :]


def picture(results: Results, path: Path) -> Path:
    """Draw false promotions and power side by side for the README."""
    with _style():
        figure = Figure(figsize=(11, 4.6), layout="constrained")
        left, right = figure.subplots(1, 2)
        false_promotions(left, results)
        power_curves(right, results)
        figure.savefig(path, format="png", dpi=100, metadata={"Software": None})
    return path


def false_promotions(axes: Axes, results: Results) -> None:
    """Draw false promotions a year by world, one mark a rule."""
    names = [world.name for world in WORLDS]
    for place, rule in enumerate(RULES):
        color, mark = LOOKS[rule]
        rows = [results.row(name, rule) for name in names]
        axes.errorbar(
            [max(row.false, FLOOR) for row in rows],
            np.arange(len(names)) + (place - 3) * 0.1,
            xerr=[2 * row.error for row in rows],
            color=color,
            marker=mark,
            linestyle="none",
            markersize=5,
            label=rule,
        )
    axes.set_xscale("log")
    axes.set_xlim(FLOOR * 0.8, 60)
    axes.set_xticks([0.02, 0.1, 0.2, 1, 5, 20, 50], ["0", ".1", ".2", "1", "5", "20", "50"])
    axes.minorticks_off()
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.grid(axis="x", color="#dde2e7")
    axes.set_title("False promotions a year, of 52 looks (± 2 standard errors)", loc="left")
    axes.legend(fontsize=7, loc="upper left", bbox_to_anchor=(0.0, -0.08), ncols=2, frameon=False)


def power_curves(axes: Axes, results: Results) -> None:
    """Draw P(promote) against the true gain, for every rule and for our ledgers."""
    curves = results.curves["plain"]
    for rule in RIVALS:
        color, mark = LOOKS[rule]
        line: dict[str, Any] = {
            "color": color,
            "marker": mark,
            "markersize": 3,
            "linewidth": 1,
            "label": rule,
        }
        axes.plot(results.gains, curves[rule], **line)
    _our_curves(axes, results, "plain")
    axes.set_title("P(promote) against the true gain", loc="left")


def power_by_world(axes: Axes, results: Results) -> None:
    """Draw the power of our gate in every kind of window, with an empty ledger."""
    for dash, world in zip(DASHES, results.curves, strict=True):
        curve = results.curves[world][f"{OURS}, {next(iter(LEDGERS))}"]
        axes.plot(results.gains, curve, color=LOOKS[OURS][0], linestyle=dash, label=world)
    _power_axes(axes)
    axes.set_title("Our gate by kind of window, ledger empty", loc="left")


def _our_curves(axes: Axes, results: Results, world: str) -> None:
    for dash, name in zip(DASHES, LEDGERS, strict=True):
        label = f"{OURS}, {name}"
        curve = results.curves[world][label]
        axes.plot(results.gains, curve, color=LOOKS[OURS][0], linestyle=dash, label=label)
    _power_axes(axes)


def _power_axes(axes: Axes) -> None:
    axes.axhline(0.8, color="#dde2e7", zorder=0)
    axes.set_ylim(0, 1.02)
    axes.set_xlabel("true gain, in standard errors of one window")
    axes.legend(fontsize=7, loc="lower right", frameon=False)


def honesty(axes: Axes, results: Results) -> None:
    """Draw measured, booked and true gain of what was promoted, where there are true gains."""
    names = [world.name for world in WORLDS if world.spread > 0.1]
    shown = [(name, rule) for name in names for rule in (OURS, RIVALS[0], RIVALS[-1])]
    for shift, color, what in (
        (-0.27, "#c3cad1", "raw"),
        (0.0, "#0072b2", "booked"),
        (0.27, "#1f2933", "true"),
    ):
        heights = [getattr(results.row(*pair), what) or 0.0 for pair in shown]
        axes.bar(np.arange(len(shown)) + shift, heights, 0.25, color=color, label=what)
    labels = [f"{name}\n{rule}" for name, rule in shown]
    axes.set_xticks(range(len(shown)), labels, rotation=40, ha="right", fontsize=7)
    axes.set_title("Mean gain of what was promoted, in standard errors of one window", loc="left")
    axes.legend(frameon=False)
