"""The link of a use case, for the terminal and as one self-contained page."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from kpi_gate.decision.link_history import Release
from kpi_gate.decision.link_report import LinkReport
from kpi_gate.render import render
from kpi_gate.report import link_charts
from kpi_gate.report.html import fill
from kpi_gate.report.link_charts import UNUSUAL
from kpi_gate.report.numbers import share
from kpi_gate.text import clean, ended, number, places

WIDTH = 100
COLUMNS = ("decision", "known", "offline", "online", "source", "residual")


@render.register(LinkReport)
def show(told: LinkReport, form: str) -> str:
    """Show a link as `text` or `html`."""
    return {"text": text, "html": page}[form](told)


def text(told: LinkReport) -> str:
    """Return a link for the terminal."""
    console = Console(width=WIDTH, highlight=False)
    table = Table(box=None, pad_edge=False)
    for name in COLUMNS:
        table.add_column(name, justify="right" if name == "residual" else "left", overflow="fold")
    for one, far in zip(told.releases, told.residuals, strict=True):
        table.add_row(*map(Text, _cells(one, far)))
    with console.capture() as printed:
        console.print(Text(f"{clean(told.use_case)}: {ended(told.sentence)}"))
        if told.releases:
            console.print(table)
        console.print(Text(f"{needs(told)}."))
        console.print(
            Text(f"Slope: {_slope(told.slope)}; before any release {_slope(told.prior_slope)}.")
        )
        for words in told.left_out:
            console.print(Text(f"Left out: {ended(clean(words))}"))
    return printed.get().rstrip("\n")


def needs(told: LinkReport) -> str:
    """Say what offline gain suffices, and for what."""
    target = f" by more than {number(told.target)} {clean(told.unit)} a decision"
    what = f"for the KPI to rise{target if told.target else ''} with {share(told.confidence)}"
    if told.error is None:
        return "What a gain must be is not known: no candidate was measured yet"
    if told.required_gain is None:
        return f"No offline gain suffices yet {what}"
    much = f"{number(told.required_gain, sign=True)} {clean(told.unit)} a decision"
    belief = ", by belief alone: an experiment must come first" if told.randomised == 0 else ""
    return f"An offline gain of {much} suffices {what}{belief}"


def _slope(ends: tuple[float, float, float]) -> str:
    mean, low, high = (number(round(end, 2)) for end in ends)
    return f"{mean} (90 %: {low} to {high})"


def _cells(one: Release, far: float) -> tuple[str, ...]:
    return (
        f"{clean(one.version)} {clean(one.decision)[:6]}".strip(),
        f"{one.ended:%Y-%m-%d}" if one.ended else "–",
        _measured(one.offline, one.offline_error),
        _measured(one.online, one.online_error),
        _source(one),
        f"{number(far, 1, sign=True)}{' !' if abs(far) > UNUSUAL else ''}",
    )


def _source(one: Release) -> str:
    by = "monitor" if one.source == "realised" else one.source
    return by if one.randomised else f"{by}, not randomised"


def _measured(value: float, error: float) -> str:
    decimals = places(error, 2)
    return f"{number(value, decimals, sign=True)} ± {number(error, decimals)}"


def page(told: LinkReport) -> str:
    """Render a link as one HTML page without script or outside resource."""
    experienced, open_ = told.randomised > 0, told.required_gain is not None
    unusual = sum(abs(far) > UNUSUAL for far in told.residuals)
    return fill(
        "link.html",
        told=told,
        tone="blue" if experienced and open_ else "violet",
        state="LINKED" if experienced and open_ else "NOT LINKED YET",
        means=_means(told),
        lead=ended(f"{told.sentence[:1].upper()}{told.sentence[1:]}"),
        money=needs(told).replace("-", "−"),
        next=_next(told),
        columns=COLUMNS,
        rows=[_cells(*pair) for pair in zip(told.releases, told.residuals, strict=True)],
        unusual=unusual,
        scatter=link_charts.scatter(told),
        slopes=link_charts.slopes(told),
        required=link_charts.required(told),
        residuals=link_charts.residuals(told),
    )


def _means(told: LinkReport) -> str:
    if told.kpi_link == "advisory":
        return "it is shown, and holds nothing up"
    if told.randomised == 0:
        return "an experiment must come before a promotion"
    if told.required_gain is None:
        return "no offline gain may promote by itself"
    return "a gain that is large enough may promote"


def _next(told: LinkReport) -> str:
    name = clean(told.use_case)
    if told.randomised == 0:
        return (
            f"Let an experiment measure a release: kpi-gate experiment plan {name}; one that was "
            f"run elsewhere comes in by kpi-gate experiment import {name}."
        )
    if told.required_gain is None:
        return "Run experiments on further releases; each one narrows what a gain is worth."
    return "Nothing is asked of you: the gate uses it at the next tick."
