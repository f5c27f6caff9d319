"""The reference of the documentation tells all that there is, in step with the code."""

import json
import re
from pathlib import Path

import pytest
import typer
import yaml

import kpi_gate
from benchmarks import reference, yaml_keys
from benchmarks.named_checks import check_names
from kpi_gate.cli.app import app
from kpi_gate.decision.stats.calibration import BUILT_IN
from kpi_gate.decision.verdict import Verdict
from kpi_gate.record.ledger import KINDS
from kpi_gate.record.ledger_table import rows
from kpi_gate.usecase.schema import json_schema
from kpi_gate.workspace import Workspace
from tests.golden.facts import GOLDEN

EXAMPLES = Path(kpi_gate.__file__).parent / "examples"


def keys_of(schema):
    sections = {"Settings": schema, **schema["$defs"]}
    return [
        (name, key, found)
        for name, section in sections.items()
        for key, found in section["properties"].items()
    ]


@pytest.fixture(scope="module")
def yaml_page():
    return reference.yaml_keys()


def test_every_key_has_its_row_with_type_default_unit_and_meaning(yaml_page):
    for section, key, found in keys_of(json_schema()):
        unit = yaml_keys.unit_of(section, key, found)
        assert unit != "?", f"{section}.{key} is a number: give it a unit in yaml_keys.py"
        (row,) = _rows_of(yaml_page, section, key)
        assert all(row[1:3]), (section, key)
        assert row[3] == unit
        assert row[5] or section in ("Band", "Range", "RowCount"), f"{section}.{key} is not told"


def _rows_of(page, section, key):
    heading = "## The whole file" if section == "Settings" else f"## {section}\n"
    part = page.partition(heading)[2].partition("\n## ")[0]
    lines = [line.strip("|").split(" | ") for line in part.splitlines() if f"| `{key}` |" in line]
    return [[cell.strip() for cell in line] for line in lines]


def test_a_default_is_the_models(yaml_page):
    assert _rows_of(yaml_page, "Objective", "confidence")[0][2] == "`0.95`"
    assert _rows_of(yaml_page, "Objective", "unit")[0][2] == "needed"
    assert _rows_of(yaml_page, "WindowSettings", "gate_min_rows")[0][2:4] == ["`1000`", "rows"]


def commands(group, before="kpi-gate"):
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{before} {name}")
        else:
            yield f"{before} {name}", command


def test_every_verb_and_option_is_told():
    page = reference.command_line()
    for name, command in commands(typer.main.get_command(app)):
        part = re.search(rf"^#+ {name}\n(.*?)(?=^#)", page, re.MULTILINE | re.DOTALL)
        assert part, name
        for parameter in command.params:
            for option in parameter.opts if parameter.param_type_name == "option" else ():
                assert option in part[1] or getattr(parameter, "hidden", False), (name, option)
    for verdict in Verdict:
        assert f"| {verdict.exit_code} | {verdict} |" in page


def test_every_check_of_the_recorded_decisions_is_told():
    told = [re.sub(r"\{\w+\}", ".+", re.escape(one.name).replace(r"\{", "{").replace(r"\}", "}"))
            for one in check_names()]  # fmt: skip
    said = set()
    for path in GOLDEN.glob("*.json"):
        text = json.loads(path.read_text(encoding="utf-8"))
        said |= {check[0] for checks in _all(text, "checks") for check in checks}
    assert len(said) > 30
    watched = {
        rail["measure"]
        for path in EXAMPLES.glob("*.yaml")
        for rail in yaml.safe_load(path.read_text(encoding="utf-8"))["guardrails"]
        if "measure" in rail
    }
    guardrails = ("slice ", *BUILT_IN, *watched)
    missing = [
        name
        for name in sorted(said)
        if not name.startswith(guardrails)
        and not any(re.fullmatch(pattern, name) for pattern in told)
    ]
    assert missing == []


def _all(content, key):
    if isinstance(content, dict):
        for name, inner in content.items():
            if name == key and isinstance(inner, list):
                yield inner
            yield from _all(inner, key)
    elif isinstance(content, list):
        for inner in content:
            yield from _all(inner, key)


def test_every_column_and_kind_of_the_ledger_is_told():
    page = reference.ledger()
    assert [c.name for c in rows.columns if f"| `{c.name}` |" not in page] == []
    assert [kind for kind in KINDS if f"| `{kind}` | {KINDS[kind]} |" not in page] == []


def test_every_variable_is_told():
    page = reference.environment()
    for name in Workspace.model_fields:
        row = next(line for line in page.splitlines() if f"`KPI_GATE_{name.upper()}`" in line)
        assert row.split("|")[2].strip(), f"{name} is not explained"


def test_every_value_model_is_told():
    page = reference.value_models()
    assert page.count("\n## ") > 5
    assert "Correa Bahnsen" in page
