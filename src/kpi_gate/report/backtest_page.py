"""A backtest as one self-contained page: what each policy earned, when they parted, and why."""

from collections.abc import Mapping
from itertools import accumulate

from kpi_gate.backtest.result import Backtest, Sweep
from kpi_gate.report.backtest_wording import amount, between, caution, lead, overfit, sweep_rows
from kpi_gate.report.html import fill
from kpi_gate.report.line_chart import Line, line_chart

# colours that are told apart with every colour vision (Okabe and Ito 2008); each has a dash too
LOOK: Mapping[str, tuple[str, str, float]] = {
    "oracle": ("#009e73", "2 3", 1.5),
    "everything": ("#e69f00", "1 3", 1.5),
    "always": ("#d55e00", "7 3", 2),
    "metric": ("#cc79a7", "4 2", 2),
    "never": ("#7a858f", "", 1.5),
    "baseline": ("#56b4e9", "6 2", 1.5),
    "gate": ("#0072b2", "", 3),
}


def page(found: Backtest, sweep: Sweep | None = None) -> str:
    """Render a backtest, and the what-if table where there is one."""
    changes = ", ".join(f"{key} = {value}" for key, value in found.changes.items())
    return fill(
        "backtest.html",
        found=found,
        lead=lead(found),
        caution=caution(found),
        changes=f" · with {changes}" if changes else "",
        figure=_figure(found),
        what_if=sweep_rows(sweep) if sweep else (),
        overfit=overfit(sweep) if sweep else "",
        look=LOOK,
        amount=amount,
        between=between,
    )


def _figure(found: Backtest) -> str:
    """Draw what each policy had earned more than never retraining, net, tick by tick."""
    moments = [tick.as_of for tick in found.ticks] + [found.end]
    never, lines = _net(found, "never"), []
    for name, (colour, dash, width) in LOOK.items():
        more = [
            0.0,
            *(ours - theirs for ours, theirs in zip(_net(found, name), never, strict=True)),
        ]
        marks = [
            (made.as_of, more[moments.index(made.as_of)], f"promotion of {made.as_of:%Y-%m-%d}")
            for made in found.policies["gate"].history
            if name == "gate"
        ]
        points = list(zip(moments, more, strict=True))
        lines.append(Line(name, points, colour, dash, width, marks))
    return line_chart(lines, "Cumulative net KPI of each policy over never retraining")


def _net(found: Backtest, name: str) -> list[float]:
    """Return what a policy had earned by the end of each period, switching paid."""
    before = ["baseline", *(tick.models[name] for tick in found.ticks)]
    return list(
        accumulate(
            tick.kpi[name] - found.switch_cost * (tick.models[name] != model)
            for tick, model in zip(found.ticks, before, strict=False)
        )
    )
