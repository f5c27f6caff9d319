"""A backtest as one self-contained page: what each policy earned, when they parted, and why."""

from itertools import accumulate

from kpi_gate.backtest.result import Backtest, Sweep
from kpi_gate.report.backtest_wording import amount, between, caution, lead, overfit, sweep_rows
from kpi_gate.report.html import fill
from kpi_gate.report.line_chart import Line, line_chart
from kpi_gate.report.numbers import money_range

# the gate is drawn last, on top
DRAWN = ("oracle", "everything", "always", "metric", "never", "baseline", "gate")


def page(found: Backtest, sweep: Sweep | None = None) -> str:
    """Render a backtest, and the what-if table where there is one."""
    changes = ", ".join(f"{key} = {value}" for key, value in found.changes.items())
    return fill(
        "backtest.html",
        found=found,
        lead=lead(found),
        worth=_worth(found),
        caution=caution(found),
        changes=f" · with {changes}" if changes else "",
        figure=_figure(found),
        what_if=sweep_rows(sweep) if sweep else (),
        overfit=overfit(sweep) if sweep else "",
        amount=amount,
        between=between,
    )


def _worth(found: Backtest) -> str:
    over = found.policies["gate"].over_never
    much = money_range(over.estimate, over.lower, over.upper, found.unit, sign=True)
    return f"About {much} over never retraining".replace("-", "−")


def _figure(found: Backtest) -> str:
    """Draw what each policy had earned more than never retraining, net, tick by tick."""
    moments = [tick.as_of for tick in found.ticks] + [found.end]
    never, lines = _net(found, "never"), []
    for name in DRAWN:
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
        lines.append(Line(f"{name}: {amount(more[-1])}", points, name, marks))
    words = "Cumulative net KPI of each policy over never retraining"
    return line_chart(lines, words, found.unit)


def _net(found: Backtest, name: str) -> list[float]:
    """Return what a policy had earned by the end of each period, switching paid."""
    before = ["baseline", *(tick.models[name] for tick in found.ticks)]
    return list(
        accumulate(
            tick.kpi[name] - found.switch_cost * (tick.models[name] != model)
            for tick, model in zip(found.ticks, before, strict=False)
        )
    )
