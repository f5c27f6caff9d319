"""What several commands take from the line, and how they print for programs."""

import json
from datetime import UTC, datetime
from typing import Annotated, Any

import typer


def moment(text: str) -> datetime:
    """Read a date or a time; a naive one is UTC."""
    try:
        read = datetime.fromisoformat(text)
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError):
        words = f"{text!r} is no date; write 2009-07-01 or 2009-07-01T03:00"
        raise typer.BadParameter(words) from None


UseCaseName = Annotated[
    str, typer.Argument(metavar="USE_CASE", help="As `kpi-gate list` names it.")
]
AsOf = Annotated[
    datetime | None,
    typer.Option(parser=moment, metavar="DATE", help="Nothing later is known (UTC); default now."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a program.")]
Reason = Annotated[str, typer.Option(help="Why; it is recorded.")]


def print_json(content: Any) -> None:
    """Print strict JSON."""
    typer.echo(json.dumps(content, indent=2, allow_nan=False))
