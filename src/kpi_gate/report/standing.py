"""How use cases stand, on a terminal: one block each, whatever its width."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.text import Text

from kpi_gate.report.decision_terminal import TONES, columns
from kpi_gate.text import clean, number

NAME = 10  # columns of a fact's name


def show_standing(found: Iterable[Mapping[str, Any]], console: Console) -> None:
    """Print how use cases stand.

    Args:
        found: The facts of each, as `kpi-gate status --json` prints them.
        console: Where to.
    """
    width = columns(console)
    for facts in found:
        console.print(Text(f"{facts['use_case']}: {clean(facts['title'])}", style="bold"))
        for what, words in _lines(facts):
            text = Text(words)
            if facts["verdict"]:
                text.highlight_words([facts["verdict"]], TONES[facts["verdict"]])
            text.highlight_words(["SEVERE"], "bold red")
            for place, line in enumerate(text.wrap(console, width - NAME - 2)):
                head = Text(f"  {'' if place else what:<{NAME}}", style="dim")
                line.rstrip()
                console.print(head + line, soft_wrap=True)


def _lines(facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    since = f", since {_moment(facts['champion_since'])}" if facts["champion_since"] else ""
    by = f", by decision {facts['champion_decision'][:6]}" if facts["champion_decision"] else ""
    yield "champion", f"{clean(facts['champion'])}{since}{by}"
    if facts["verdict"]:
        known = f"as of {facts['as_of'][:10]}, decision {facts['decision'][:6]}"
        yield "verdict", f"{facts['verdict']} {known}: {clean(facts['reason'])}"
    else:
        yield "verdict", f"none yet: kpi-gate retrain {facts['use_case']}"
    for version in facts["waits_for_approval"]:
        yield "waits", f"{clean(version)} for approval: set its tag `approved_by` in MLflow"
    looks = f"; monitor {_moment(facts['next_monitor'])}" if facts["next_monitor"] else ""
    yield "next tick", f"retrain {_moment(facts['next_retrain'])}{looks}, if it is scheduled"
    span = f"{facts['first_row']} to {facts['last_row']}, {number(facts['rows'], 0)} rows"
    yield "data", f"{span} in the last snapshot" if facts["rows"] else "no snapshot yet"
    yield "health", clean(facts["health"] or "not looked at yet")
    if facts["experiment"]:
        yield "A/B test", clean(facts["experiment"]).removeprefix("experiment ")
    if facts["promotions_wait"]:
        yield "", f"promotions wait: {clean(facts['promotions_wait'])}"


def _moment(iso: str | None) -> str:
    return f"{iso[:10]} {iso[11:16]} UTC" if iso else "never"
