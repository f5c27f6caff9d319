"""What several commands take from the line, and how they print and end."""

import inspect
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from kpi_gate.cli.call_checks import require_file_target
from kpi_gate.usecase.names import require_name

if TYPE_CHECKING:
    from kpi_gate.decision.verdict import Decision
    from kpi_gate.run.context import Run
    from kpi_gate.usecase.refusal import Refusal


def helped(verb: Callable[..., Any]) -> tuple[str, str]:
    """Return the help of a verb and, apart from it, its examples, a line each."""
    words, _, examples = (inspect.getdoc(verb) or "").partition("\n\nExamples:\n")
    lines = [line.strip() for line in examples.splitlines()]
    words = re.sub(r"(?<!\n)\n(?!\n)", " ", words)  # typer would break lines where they break here
    return words, "\n\n".join(["Examples:", *lines])


def moment(text: str) -> datetime:
    """Read a date or a time; a naive one is UTC."""
    try:
        read = datetime.fromisoformat(text)
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError):
        words = f"{text!r} is no date; write 2009-07-01 or 2009-07-01T03:00"
        raise typer.BadParameter(words) from None


def at(*names: str, words: str) -> Any:
    """Return an option that is a date or a time."""
    return typer.Option(*names, parser=moment, metavar="DATE", help=words)


def file_to_write(words: str) -> Any:
    """Return an option that names a file to write, which must be possible there."""
    return typer.Option(help=words, callback=require_file_target)


UseCaseName = Annotated[
    str,
    typer.Argument(metavar="USE_CASE", help="As `kpi-gate list` names it.", callback=require_name),
]
AsOf = Annotated[datetime | None, at(words="Nothing later is known (UTC); default now.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a program.")]
Whole = Annotated[bool, typer.Option("--all", help="Show the checks that passed, too.")]
Html = Annotated[Path | None, file_to_write("Write the page here too.")]
Reason = Annotated[str, typer.Option(help="Why; it is recorded.")]


def as_json_text(content: Any) -> str:
    """Return strict JSON."""
    return json.dumps(content, indent=2, allow_nan=False)


def print_json(content: Any) -> None:
    """Print strict JSON."""
    typer.echo(as_json_text(content))


def write_page(path: Path, html: str) -> None:
    """Write a page into a folder that need not be there yet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(html, encoding="utf-8")


def print_decision(
    decision: "Decision",
    as_json: bool,
    more: dict[str, Any] | None = None,
    *,
    whole: bool = False,
    after: Iterable[str] = (),
) -> None:
    """Print a decision: in short, or whole; or JSON with what else there is to say."""
    if as_json:
        print_json({**decision.model_dump(mode="json"), **(more or {})})
        return
    from kpi_gate.report.decision_terminal import show_decision

    show_decision(decision, whole=whole, after=after)


def end_with(decision: "Decision", as_json: bool, *, whole: bool = False) -> NoReturn:
    """Print a decision, and end with the exit code of its verdict."""
    print_decision(decision, as_json, whole=whole)
    raise typer.Exit(decision.verdict.exit_code) from None


def refuse(run: "Run", refusal: "Refusal", as_json: bool) -> NoReturn:
    """Print what a refusal comes to, and end with the exit code of its verdict."""
    end_with(run.refuse(refusal), as_json)


@contextmanager
def working(words: str) -> Iterator[Callable[[str], None]]:
    """Show on a terminal that something is at work, and on what; it is told of each new part."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console

    with Console(stderr=True).status(f"{words} ...") as status:
        yield lambda part: status.update(f"{words}: {part} ...")
