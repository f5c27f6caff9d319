"""JSON that people give is read within bounds."""

import pytest

from kpi_gate.errors import ConfigurationError
from kpi_gate.evaluation.claims import read_measures, read_past
from kpi_gate.files.json_file import MOST_BYTES, read_json


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * 500_000, "is nested too deep"),
        ('{"a":' * 100_000, "is nested too deep"),
        ("1" * 100_000, "cannot be read as JSON: Exceeds the limit"),
        ("[1, ", "cannot be read as JSON"),
        ("", "cannot be read as JSON"),
        (" " * (MOST_BYTES + 1), f"holds more than {MOST_BYTES:,} bytes"),
        ('{"a": 1, "b": {"c": 1, "c": 2}}', "'c' is given twice"),
        ("{" + ",".join('"k": 1' for _ in range(90_000)) + "}", "'k' is given twice"),
    ],
)
def test_what_is_no_json_or_too_much_is_named(tmp_path, text, words):
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        read_json(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert words in str(caught.value)
    assert len(str(caught.value)) < 500


def test_a_wide_object_is_read(tmp_path):
    path = tmp_path / "x.json"
    path.write_text("{" + ",".join(f'"k{i}": {i}' for i in range(60_000)) + "}")
    assert len(read_json(path)) == 60_000


@pytest.mark.parametrize(
    ("read", "text", "words"),
    [
        (
            read_measures,
            '{"candidat": {}}',
            "a side is candidate, champion, anchor, not 'candidat'",
        ),
        (read_measures, '{"candidate": {"a": true}}', "candidate.a == True, must be a number"),
        (read_measures, '{"candidate": {"a": [1]}}', "candidate.a == [1], must be a number"),
        (read_measures, '{"candidate": [1]}', "candidate holds [1]"),
        (read_past, '{"gain": 1}', "must be [{gain, standard_error}, ...], holds {'gain': 1}"),
        (read_past, '[{"gain": 1}]', "item 1 is {'gain': 1}"),
        (
            read_past,
            '[{"gain": 1, "standard_error": 1}, {"gain": "x", "standard_error": 1}]',
            "gain 2 == 'x', must be a number",
        ),
    ],
)
def test_a_claim_of_another_form_names_the_place(tmp_path, read, text, words):
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        read(path)
    assert words in str(caught.value)
