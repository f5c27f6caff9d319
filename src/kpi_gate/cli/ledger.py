"""The record at the door: show, verify, export and protect the ledger."""

import csv
import io
import re
import sys
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kpi_gate.cli.call_checks import require_reason, this_workspace
from kpi_gate.cli.options import (
    AsJson,
    Reason,
    as_json_text,
    file_to_write,
    helped,
    print_json,
    working,
)
from kpi_gate.text import mapping
from kpi_gate.usecase.names import require_name

if TYPE_CHECKING:
    from kpi_gate.record.ledger import Entry, Ledger

BROKEN = 1
COLUMNS = (
    *("number", "at", "use_case", "kind", "subject", "verdict", "version", "from"),
    *("asked_by", "approved_by", "approved_seen_at", "forced", "why"),
    *("as_of", "snapshot", "policy_hash", "code", "environment", "run_id", "prefect_run"),
    *("gain_estimate", "gain_lower", "gain_upper", "gain_shrunk", "gain_unit"),
    *("previous_hash", "hash"),
)
_FORMULA = ("=", "+", "-", "@")
_NOTED = re.compile(r"[0-9a-fA-F]{12,64}")

ledger_app = typer.Typer(help="Read and check the append-only record.", no_args_is_help=True)
OneUseCase = Annotated[str | None, typer.Argument(metavar="[USE_CASE]")]


class Format(StrEnum):
    """How an export is written."""

    CSV = "csv"
    JSON = "json"


def show_ledger(
    name: OneUseCase = None,
    as_json: AsJson = False,
) -> None:
    """Show what was decided, promoted and rolled back, by whom and why, oldest first.

    The column `tick` is the moment that a decision is about; `written` is when it was recorded.

    Examples:
        kpi-gate ledger show
        kpi-gate ledger show campaign
    """
    entries = _entries(name, whole=as_json)
    if as_json:
        print_json([entry.as_json() for entry in entries])
        return
    if not entries:
        typer.echo("Nothing is recorded yet; `kpi-gate retrain USE_CASE` records its decision.")
        return
    from rich.console import Console

    from kpi_gate.report.ledger_text import show_rows

    show_rows(entries, Console(highlight=False))


def verify_ledger(
    noted: Annotated[
        str | None,
        typer.Option(metavar="HASH", help="A last hash noted before, 12 digits or more."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check every row, its triggers and what MLflow names; exit code 1 where something is wrong.

    Examples:
        kpi-gate ledger verify
        kpi-gate ledger verify --noted 5d41402abc4b
    """
    from kpi_gate.record.ledger_check import check_ledger

    if noted is not None and not _NOTED.fullmatch(noted):
        raise typer.BadParameter(f"--noted {noted!r}: must be 12 to 64 hex digits of a row's hash")
    with working("checking every row"):
        checked = check_ledger(this_workspace(), noted or "")
    if as_json:
        print_json(checked.as_json())
    else:
        typer.echo("\n".join(checked.faults or checked.told))
    raise typer.Exit(BROKEN if checked.faults else 0)


def key_ledger(reason: Reason = "") -> None:
    """Key the chain from the next row on, with the key at hand; it is recorded.

    Examples:
        kpi-gate ledger key --reason 'an auditor asked for it'
    """
    reason = require_reason(reason, "a key")
    from kpi_gate.release.alias_move import asked_by

    row = _ledger().begin_keying(reason, asked_by())
    typer.echo(f"The chain is keyed from row {row.number} on: keep the key, nothing reads without.")


def export_ledger(
    name: OneUseCase = None,
    form: Annotated[Format, typer.Option("--format", help="JSON holds whole bodies.")] = Format.CSV,
    to: Annotated[Path | None, file_to_write("File to write; default stdout.")] = None,
) -> None:
    """Write one row a ledger row: who, what, when and why; only from a chain that is intact.

    Examples:
        kpi-gate ledger export --to ledger.csv
        kpi-gate ledger export campaign --format json
    """
    entries = _entries(name, whole=True)
    if form is Format.CSV:
        text = _csv(entries)
    else:
        text = as_json_text([entry.as_json() for entry in entries]) + "\n"
    if to is None:
        sys.stdout.write(text)  # as it is: echo takes escape codes out
        return
    to.parent.mkdir(parents=True, exist_ok=True)
    to.write_text(text, encoding="utf-8", newline="")
    typer.echo(f"{to}: {len(entries)} rows")


def protect_ledger(
    reason: Annotated[str, typer.Option(help="Why the rows are right; it is recorded.")] = "",
) -> None:
    """Vouch for the rows where triggers or rows were lost, if the chain is intact; recorded.

    Examples:
        kpi-gate ledger protect --reason 'restored from a backup'
    """
    reason = require_reason(reason, "a protection")
    from kpi_gate.release.alias_move import asked_by

    _ledger().protect(reason, asked_by())
    typer.echo("The ledger is append-only again.")


def migrate_ledger() -> None:
    """Bring the ledger to this version's format after an update; no row is changed.

    Examples:
        kpi-gate ledger migrate
    """
    from kpi_gate.release.alias_move import asked_by

    row = _ledger().migrate(asked_by())
    if row is None:
        typer.echo("The ledger is of this version's format.")
    else:
        typer.echo(f"The rows after {row.number} are of format {row.body['format']}.")


def _entries(name: str | None, *, whole: bool) -> "list[Entry]":
    """Return the rows of a use case, also of one that is gone; of None all.

    Args:
        name: Of the use case.
        whole: Whether all bodies are wanted, so that every row is read anew.

    Raises:
        ConfigurationError: If neither the ledger nor the project knows the name.
    """
    ledger = _ledger()
    read = ledger.whole() if whole else ledger.entries()
    entries = [entry for entry in read if name in (None, entry.use_case)]
    if name is not None and not entries:
        require_name(name)
    return entries


def _ledger() -> "Ledger":
    from kpi_gate.record.ledger import open_ledger

    return open_ledger(this_workspace())


def _csv(entries: Iterable["Entry"]) -> str:
    written = io.StringIO()
    table = csv.DictWriter(written, COLUMNS, lineterminator="\n")
    table.writeheader()
    for entry in entries:
        table.writerow({name: _cell(value) for name, value in _row(entry).items()})
    return written.getvalue()


def _row(entry: "Entry") -> dict[str, Any]:
    """Flatten an entry into the columns; what a kind of row does not have is empty."""
    body = entry.body
    gain = mapping(mapping(body.get("decision")).get("gain"))
    known = {
        **body,
        **vars(entry),
        "at": entry.at.isoformat(),
        "from": body.get("from", body.get("champion")),
        "why": body.get("sentence") or body.get("reason"),
        **{f"gain_{name}": gain.get(name) for name in ("estimate", "lower", "upper", "shrunk")},
        "gain_unit": gain.get("unit"),
    }
    return {name: known.get(name) for name in COLUMNS}


def _cell(value: Any) -> Any:
    """Keep a spreadsheet from taking text for a formula; a number stays a number."""
    if not isinstance(value, str) or not value.lstrip().startswith(_FORMULA):
        return value
    return f"'{value}"


for _name, _verb in (
    *(("show", show_ledger), ("verify", verify_ledger), ("export", export_ledger)),
    *(("key", key_ledger), ("protect", protect_ledger), ("migrate", migrate_ledger)),
):
    _words, _examples = helped(_verb)
    ledger_app.command(_name, help=_words, epilog=_examples)(_verb)
