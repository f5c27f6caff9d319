"""The schema that editors read says of every field what it means, and what must be there."""

import json

from typer.testing import CliRunner

from kpi_gate.cli.app import app
from kpi_gate.usecase.schema import json_schema


def test_both_calls_print_it():
    shown = [CliRunner().invoke(app, [word]) for word in ("schema", "--schema")]
    assert [result.exit_code for result in shown] == [0, 0], shown
    assert json.loads(shown[0].stdout) == json.loads(shown[1].stdout) == json_schema()


def test_it_asks_for_what_has_no_default_and_explains_the_rest():
    schema = json_schema()
    assert schema["required"] == ["objective", "value", "window"]
    sections = schema["$defs"]
    assert sections["Objective"]["required"] == ["unit", "horizon_decisions", "switch_cost"]
    assert sections["WindowSettings"]["required"] == ["label_delay_days"]
    for name, section in {"Settings": schema, **sections}.items():
        bare = [key for key, field in section["properties"].items() if "description" not in field]
        assert not bare or name in ("Range", "RowCount", "Band"), (name, bare)
    assert sections["Objective"]["properties"]["unit"]["description"].startswith("Currency")
