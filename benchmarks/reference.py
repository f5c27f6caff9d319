"""The reference pages of the documentation, made from what they are about: no list is copied."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import typer

from benchmarks.named_checks import check_names
from benchmarks.yaml_keys import sections, table
from kpi_gate.cli.app import app
from kpi_gate.decision.objective import EstimatorSettings
from kpi_gate.decision.stats.calibration import BUILT_IN
from kpi_gate.decision.value import ready_made
from kpi_gate.decision.value.model import ValueModel
from kpi_gate.decision.verdict import Check, Decision, GainSummary, Verdict
from kpi_gate.record.ledger import KINDS
from kpi_gate.record.ledger_chain import Entry
from kpi_gate.record.ledger_table import rows as ledger_rows
from kpi_gate.report.decision_wording import LEADS, RULES
from kpi_gate.usecase.schema import attributes
from kpi_gate.workspace import Workspace

NAMES = ("check", "rule", "a failure asks for", "looks at", "says")
MADE = "*This page is made from the installed code when the documentation is built.*"


def page(title: str, *parts: str) -> str:
    """Return one page."""
    return "\n\n".join((f"# {title}", *parts, MADE)) + "\n"


def yaml_keys() -> str:
    """Return every key of a use case's YAML: type, default, unit, range and meaning."""
    return page(
        "YAML keys",
        "A use case's YAML stands beside its module. An unknown key is an error. An error names "
        "the file, the line, the key and what is allowed. `kpi-gate schema` prints the same as "
        "JSON schema, for editors. Money is in the currency that `objective.unit` names.",
        *sections(),
    )


def command_line() -> str:
    """Return every command with its options, as the program itself tells them."""
    root: Any = typer.main.get_command(app)
    return page(
        "Command line",
        str(root.help),
        "In a project the program is `.venv/bin/kpi-gate`. Every verb finds the project from any "
        "folder in it. `kpi-gate VERB --help` prints what stands here.",
        *_commands("kpi-gate", root),
        f"## Exit codes\n\n{exit_codes()}",
    )


def _commands(before: str, group: Any) -> Iterator[str]:
    """Yield the commands under the headings that the program's own help has."""
    panels: dict[str, list[tuple[str, Any]]] = {}
    for name, command in group.commands.items():
        panel = getattr(command, "rich_help_panel", None)
        panels.setdefault(panel if isinstance(panel, str) else "", []).append((name, command))
    for panel, commands in panels.items():
        if panel or before == "kpi-gate":
            yield f"## {panel or 'Commands'}"
        for name, command in commands:
            words = f"{before} {name}"
            if hasattr(command, "commands"):
                yield f"### {words}\n\n{_told(command)}"
                yield from _commands(words, command)
            else:
                yield _command(words, command)


def _command(words: str, command: Any) -> str:
    parts = [f"{'####' if words.count(' ') > 1 else '###'} {words}", _told(command)]
    rows = [_parameter(one) for one in command.params if not getattr(one, "hidden", False)]
    if rows:
        parts.append(table(("argument or option", "", "default", "meaning"), rows))
    head, *examples = (getattr(command, "epilog", None) or "").split("\n\n")
    if examples:
        parts.append(f"{head}\n\n" + "\n".join(f"- `{line}`" for line in examples))
    return "\n\n".join(parts)


def _told(command: Any) -> str:
    return inspect.cleandoc(command.help or "").replace("\f", "").replace("\b", "")


def _parameter(found: Any) -> tuple[str, str, str, str]:
    option = found.param_type_name == "option"
    word = found.metavar or found.name.upper()
    takes = "" if not option or getattr(found, "is_flag", False) else f" {word}"
    names = ", ".join(f"`{name}{takes}`" for name in found.opts) if option else f"`{word}`"
    default = found.default
    shown = "" if default in (None, False, (), "") or callable(default) else f"`{default}`"
    needed = "needed" if found.required else ""
    return names, needed, shown, getattr(found, "help", None) or ""


def exit_codes() -> str:
    """Return the exit codes of the commands."""
    leads: dict[str, list[str]] = {}
    for (verdict, _), words in LEADS.items():
        leads.setdefault(verdict, []).append(words)
    rows = [
        (str(verdict.exit_code), verdict.value, "; or ".join(leads.get(verdict.value, [])))
        for verdict in Verdict
    ]
    rows[0] = (*rows[0][:2], "every check passed: the candidate is champion, or waits for approval")
    rows += [
        ("20", "", "`monitor` found something severe"),
        ("2", "", "wrong call or configuration"),
        ("1", "", "anything unexpected; and what a verb checks does not hold"),
    ]
    return table(("code", "verdict", "meaning"), rows)


def checks() -> str:
    """Return every check by its name, with its rule and what a failure asks for."""
    rules = table(("rule", "says"), [(rule, words) for rule, words in RULES.items()])
    named = sorted(check_names(), key=lambda one: (one.rule, one.name))
    rows = [(f"`{one.name}`", one.rule, one.asks, one.words, one.reason) for one in named]
    measures = table(("measure", "is"), [(f"`{name}`", is_) for name, is_ in BUILT_IN.items()])
    return page(
        "Check names",
        "A decision lists every check by name, with its number, its bound and its reason. A check "
        "is *ok*, *failed* or *not checked*. What stands in braces is a name of yours; an ellipsis "
        "in a reason stands for a number or a name.",
        f"## The rules\n\n{rules}",
        f"## The checks\n\n{table(NAMES, rows)}",
        "A guardrail is a check of its own name: that of its `measure`, or `slice COLUMN`.",
        f"## Measures that guardrails may name\n\n{measures}",
        f"## What a check holds\n\n{_fields(Check)}",
    )


def ledger() -> str:
    """Return the ledger's table, its kinds of rows, and what a decision's row holds."""
    said = dict(attributes(inspect.cleandoc(Entry.__doc__ or "").partition("Attributes:\n")[2]))
    columns = [
        (
            f"`{column.name}`",
            str(column.type),
            ", ".join(
                word
                for word, holds in (
                    ("primary key", column.primary_key),
                    ("unique", column.unique),
                    ("indexed", column.index),
                )
                if holds
            ),
            said.get(column.name, ""),
        )
        for column in ledger_rows.columns
    ]
    kinds = [(f"`{kind}`", words) for kind, words in KINDS.items()]
    return page(
        "Ledger",
        "The ledger is one SQL table. It is an SQLite file in the home by default, or any database "
        "that SQLAlchemy reaches (`KPI_GATE_LEDGER_URL`). Database triggers refuse to change or "
        "delete a row. `kpi-gate ledger export` writes it as CSV or JSON.",
        f"## Columns\n\n{table(('column', 'type', '', 'meaning'), columns)}",
        f"## Kinds of rows\n\n{table(('kind', 'records'), kinds)}",
        "## A decision\n\nThe body of a row of kind `decision` holds the whole decision under "
        f"`decision`.\n\n{_fields(Decision)}",
        f"### Its gain\n\n{_fields(GainSummary)}",
    )


def _fields(model: type) -> str:
    told = inspect.cleandoc(model.__doc__ or "").partition("Attributes:\n")[2]
    return table(("field", "meaning"), [(f"`{name}`", words) for name, words in attributes(told)])


def environment() -> str:
    """Return every variable that names a place."""
    told = dict(attributes(inspect.cleandoc(Workspace.__doc__ or "").partition("Attributes:\n")[2]))
    rows = [
        (f"`KPI_GATE_{name.upper()}`", told.get(name, ""), f"`{field.default}`"
         if field.default not in (None, "") and "Undefined" not in repr(field.default)
         and "Secret" not in repr(field.default) else "")
        for name, field in Workspace.model_fields.items()
    ]  # fmt: skip
    return page(
        "Environment variables",
        "They only change places, never a decision. What can change a decision is in the YAML.",
        table(("variable", "meaning", "default"), rows),
    )


def value_models() -> str:
    """Return the value models that are ready made, and the estimators."""
    models = [found for found in vars(ready_made).values() if isinstance(found, ValueModel)]
    parts = []
    for model in models:
        columns = ", ".join(f"`{name}`" for name in model.columns) or "none"
        rows = [
            (f"`{name}`", found.unit, f"{found.low:g}", f"{found.base:g}", f"{found.high:g}",
             found.source)
            for name, found in model.parameters.items()
        ]  # fmt: skip
        words = table(("parameter", "unit", "low", "base", "high", "source"), rows)
        parts.append(f"## {model.name}\n\nRow columns: {columns}.\n\n{words}")
    kinds = inspect.cleandoc(EstimatorSettings.__doc__ or "").partition("Attributes:\n")[2]
    kind = dict(attributes(kinds))["kind"]
    return page(
        "Value models and estimators",
        "They are in `kpi_gate.decision.value.ready_made`. The YAML's `value` section names "
        "exactly the parameters.",
        *parts,
        f"## Estimators\n\n`estimator.kind` is {kind}",
    )


PAGES: Mapping[str, Callable[[], str]] = {
    "reference/yaml.md": yaml_keys,
    "reference/cli.md": command_line,
    "reference/checks.md": checks,
    "reference/ledger.md": ledger,
    "reference/environment.md": environment,
    "reference/value_models.md": value_models,
}
