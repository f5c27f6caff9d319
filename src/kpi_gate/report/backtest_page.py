"""A backtest as one self-contained page: what each policy earned, when they parted, and why."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from itertools import accumulate

from kpi_gate.backtest.result import Backtest, Bounds, Sweep, TickResult
from kpi_gate.report.backtest_wording import amount, lead, overfit, sweep_rows
from kpi_gate.report.document import document, section
from kpi_gate.report.line_chart import Line, line_chart

# colours that are told apart with every colour vision (Okabe and Ito 2008); each has a dash too
LOOK: Mapping[str, tuple[str, str, float]] = {
    "oracle": ("#009e73", "2 3", 1.5),
    "unheld": ("#e69f00", "1 3", 1.5),
    "always": ("#d55e00", "7 3", 2),
    "metric": ("#cc79a7", "4 2", 2),
    "never": ("#7a858f", "", 1.5),
    "gate": ("#0072b2", "", 3),
}
CELLS = """.n { white-space: nowrap; } td { vertical-align: top; } .why { width: 46%; }
td b { overflow-wrap: normal; }"""


def page(found: Backtest, sweep: Sweep | None = None) -> str:
    """Render a backtest, and the what-if table where there is one."""
    body = (
        _header(found),
        section(f"{found.unit} more than never retraining", _figure(found)),
        section("Policies", _policies(found)),
        section("What if", _what_if(sweep)) if sweep else "",
        section("Promotions of the gate, and what came of them", _promotions(found)),
        section("Tick by tick", _ticks(found)),
        section("How to read this", _notes(found)),
    )
    return document(f"Backtest: {found.title}", body, CELLS)


def _header(found: Backtest) -> str:
    changes = ", ".join(f"{key} = {value}" for key, value in found.changes.items())
    told = f" · with {escape(changes)}" if changes else ""
    return (
        f'<header style="--tone: #0072b2"><div class="title">{escape(found.title)} · '
        f"{found.start:%Y-%m-%d} to {found.end:%Y-%m-%d} UTC · {len(found.ticks)} ticks{told}</div>"
        f'<h1>BACKTEST</h1><p class="lead">{escape(lead(found))}</p></header>'
    )


def _table(head: Sequence[str], rows: Iterator[Sequence[str]], css: Sequence[str] = ()) -> str:
    classes = [*css, *[""] * len(head)]
    top = "".join(f'<th class="{c}">{escape(h)}</th>' for h, c in zip(head, classes, strict=False))
    body = "".join(
        "<tr>"
        + "".join(f'<td class="{c}">{x}</td>' for x, c in zip(row, classes, strict=False))
        + "</tr>"
        for row in rows
    )
    return f"<table><tr>{top}</tr>{body}</table>"


def _policies(found: Backtest) -> str:
    head = (
        "policy",
        "",
        found.kpi,
        "more than never",
        "regret",
        "promotions",
        "false",
        "switching",
    )
    css = ("", "", "n", "n", "n", "n", "n", "n")
    rows = (
        (
            f'<b style="color: {LOOK[name][0]}">{name}</b>',
            escape(policy.words),
            f"{amount(policy.kpi)}<br>{_range(policy.lower, policy.upper)}",
            f"{amount(policy.over_never.estimate, sign=True)}<br>{_bounds(policy.over_never)}",
            amount(policy.regret),
            str(policy.promotions),
            str(policy.false_promotions),
            amount(policy.switching),
        )
        for name, policy in found.shown.items()
    )
    return _table(head, rows, css)


def _bounds(bounds: Bounds) -> str:
    return _range(bounds.lower, bounds.upper)


def _range(lower: float | None, upper: float | None) -> str:
    known = lower is not None and upper is not None
    words = f"{amount(lower)} to {amount(upper)}" if known else "no interval"
    return f'<span class="note">{words}</span>'


def _promotions(found: Backtest) -> str:
    head = ("as of", "until", "promoted", "in place of", "earned more", "afterwards")
    rows = (
        (
            f"{made.as_of:%Y-%m-%d}",
            f"{made.until:%Y-%m-%d}",
            escape(made.promoted),
            escape(made.replaced),
            f"{amount(made.gained.estimate, sign=True)} {_bounds(made.gained)}",
            {None: "not known", True: '<b class="bad">✗ false</b>', False: "✓ right"}[made.false],
        )
        for made in found.policies["gate"].history
    )
    return _table(head, rows, ("", "", "", "", "n", "")) if found.policies["gate"].history else ""


def _ticks(found: Backtest) -> str:
    names = list(found.policies)
    head = ("as of", "decisions", *names, "forgone", "the gate")
    rows = (
        (
            f"{tick.as_of:%Y-%m-%d}",
            _count(tick),
            *(amount(tick.kpi[name]) for name in names),
            amount(tick.forgone, sign=True) if tick.forgone else "",
            f'<span class="note">{escape(tick.sentence)}</span>',
        )
        for tick in found.ticks
    )
    css = ("n", "n", *["n"] * len(names), "n", "why")
    return _table(head, rows, css)


def _count(tick: TickResult) -> str:
    open_ = tick.decisions - tick.settled
    return f"{tick.decisions:,}" + (f" ({open_:,} not settled)" if open_ else "")


def _what_if(sweep: Sweep) -> str:
    head, rows = sweep_rows(sweep)
    cells = (tuple(escape(cell) for cell in row) for row in rows)
    css = ("", *["n"] * (len(head) - 1))
    return _table(head, iter(cells), css) + f"<p>{escape(overfit(sweep))}</p>"


def _notes(found: Backtest) -> str:
    lines = (
        "At every tick only what was known then is seen; what a model earned is counted with the "
        "outcomes that became known later; days that it cannot score are the baseline's. Bounds "
        "are one-sided, clustered by unit and by day.",
        "All policies begin with the same model. The gate runs the steps of a retraining; only how "
        "long scoring takes is not measured, since today's machine says nothing of then.",
        "With `--unheld` a line more: models that have seen everything known at the tick, so that "
        "nothing is left to judge them by. What it earns more than `always` is the price of proof.",
        "A promotion is false if the model earned nothing more, or less, than the one before would "
        "have while it stayed. The oracle picks, period by period, from every model that any of "
        "them has used so far, and the gate's candidate of that tick.",
        f"Candidates that had to wait would have earned {amount(found.waiting_cost)} {found.unit} "
        f"more, and lost {amount(found.waiting_saved)} {found.unit}, until the tick after.",
        "One history is one draw: what was best on it need not be best on the next.",
    )
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"


def _figure(found: Backtest) -> str:
    """Draw what each policy had earned more than never retraining, tick by tick."""
    moments = [tick.as_of for tick in found.ticks] + [found.end]
    lines = []
    for name, (colour, dash, width) in LOOK.items():
        if name not in found.shown:
            continue
        more = [0.0, *accumulate(_earned(tick, name) - tick.kpi["never"] for tick in found.ticks)]
        marks = [
            (made.as_of, more[moments.index(made.as_of)], f"promotion of {made.as_of:%Y-%m-%d}")
            for made in found.policies["gate"].history
            if name == "gate"
        ]
        points = list(zip(moments, more, strict=True))
        lines.append(Line(name, points, colour, dash, width, marks))
    drawing = line_chart(lines, "Cumulative KPI of each policy over never retraining")
    return f'{drawing}<p class="note">Circles: promotions of the gate.</p>'


def _earned(tick: TickResult, name: str) -> float:
    return tick.kpi.get(name, tick.nothing_held_back or 0.0)
