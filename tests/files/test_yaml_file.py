"""One reader of YAML: what would grow is refused before it is built, what is unclear is told."""

import os
import re
import socket
from datetime import date

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from kpi_gate.errors import ConfigurationError
from kpi_gate.files.yaml_bounds import MOST_DEPTH, MOST_LETTERS, MOST_VALUES
from kpi_gate.files.yaml_file import MOST_BYTES, parse_yaml, read_mapping

NESTED = {
    "in lists": ("[x]", "[{}]", "*a{}"),
    "in values": ("{k: x}", "{{{}}}", "k{1}: *a{0}"),
    "in keys": ("[x]", "{{? [{}] : 1}}", "*a{}"),
    "in merges": ("{k: x}", "{{<<: [{}]}}", "*a{}"),
}


def nested(kind, levels, width):
    """Write a document whose size is `width ** levels` with its aliases written out."""
    first, whole, item = NESTED[kind]
    lines = [f"a0: &a0 {first}"]
    for level in range(1, levels):
        items = ", ".join(item.format(level - 1, number) for number in range(width))
        lines.append(f"a{level}: &a{level} {whole.format(items)}")
    return "\n".join(lines)


def complaint(text):
    with pytest.raises(ConfigurationError) as caught:
        parse_yaml(text, "x.yaml")
    message = str(caught.value)
    assert message.startswith("x.yaml: ")
    assert len(message) < 600  # a message never writes a bomb out
    return message


def size(content):
    """Count the values with every alias written out."""
    if isinstance(content, dict):
        return 1 + sum(size(key) + size(value) for key, value in content.items())
    return 1 + sum(map(size, content)) if isinstance(content, list | tuple) else 1


@pytest.mark.parametrize("kind", NESTED)
def test_aliases_that_multiply_are_refused_where_they_do(kind):
    message = complaint(nested(kind, 20, 10))
    assert f"holds more than {MOST_VALUES:,} values with its aliases written out" in message
    assert "x.yaml: line " in message


@given(st.sampled_from(sorted(NESTED)), st.integers(1, 9), st.integers(1, 9))
@settings(max_examples=60)
def test_what_is_read_is_small_also_with_its_aliases_written_out(kind, levels, width):
    try:
        content = parse_yaml(nested(kind, levels, width), "x.yaml").content
    except ConfigurationError:
        return
    assert size(content) <= MOST_VALUES


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * 100_000, f"line 1: is nested more than {MOST_DEPTH} levels deep"),
        ("{a: " * 30_000, f"is nested more than {MOST_DEPTH} levels deep"),
        ("- " * 60_000, f"is nested more than {MOST_DEPTH} levels deep"),
        ("? " * 60_000, f"is nested more than {MOST_DEPTH} levels deep"),
        ("a: &a [*a]", "line 1: *a holds itself"),
        ("a: &a {b: [*a]}", "*a holds itself"),
        ("a: *b", "*b has no anchor before it"),
        (
            "a: &a " + "z" * 100_000 + "\nb: [" + "*a," * 5_000 + "]",
            f"holds more than {MOST_LETTERS:,} letters",
        ),
        ("\n".join(f"k{i}: 1" for i in range(9_000)), f"holds more than {MOST_VALUES:,} values"),
        ("x: " + "y" * MOST_BYTES, "must hold at most that"),
        ("a: 1\n---\nb: 2", "line 2: begins a second document (---)"),
        ("a: 1\nb: 2\na: 3", "line 3: key 'a' is given twice"),
        ("a: {<<: {b: 1}, <<: {c: 1}}", "key '<<' is given twice"),
        ("? [1, 2]\n: 3", "line 1: key [1, 2] is no name"),
        ("a: !!python/object/apply:os.system [x]", "tag tag:yaml.org,2002:python"),
        ("a: !!binary aGk=", "tag tag:yaml.org,2002:binary is not read"),
        ("a: !mine 1", "tag !mine is not read; leave it out"),
        ("a: !!int abc", "'abc' cannot be read as int"),
        ("a: !!int ''", "'' cannot be read as int"),
        ("a: 2024-13-45", "month must be in 1..12"),
        ("a: 0x" + "f" * 5_000, "is a number of 5,002 digits"),
        ("a: " + "1" * 5_000, "is a number of 5,000 digits"),
        ("a: [1,\nb", "cannot be read as YAML: while parsing a flow sequence"),
        ("a:\tb\n\t- c", "line 2: cannot be read as YAML"),
        ("a: \0", "control characters are not allowed"),
        ("a: \udc80", "cannot be read as YAML"),
    ],
)
def test_what_is_no_plain_document_is_refused_with_its_line(text, words):
    assert words in complaint(text)


@pytest.mark.parametrize("word", ["NO", "no", "Yes", "on", "OFF"])
@pytest.mark.parametrize("form", ["unit: {}", "- {}", "{}: 1", "{{a: [b, {}]}}"])
def test_a_word_that_some_read_as_true_or_false_is_told(word, form):
    message = complaint(form.format(word))
    assert f"line 1: {word} is " in message
    assert f"write it in quotes: '{word}'" in message
    quoted = parse_yaml(form.format(f"'{word}'"), "x.yaml").content
    assert word in str(quoted)


@pytest.mark.parametrize("word", ["12:30", "1:30.5", "010", "007", "08", "-012", "0o17", "0b11"])
def test_a_number_that_is_read_in_two_ways_is_told(word):
    assert f"{word} is " in complaint(f"a: {word}")
    assert parse_yaml(f'a: "{word}"', "x.yaml").content == {"a": word}


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("1e3", 1000.0),
        ("1E-3", 0.001),
        ("-2.5e+2", -250.0),
        (".5e1", 5.0),
        ("1.e2", 100.0),
        ("1_000", 1000),
        ("0x1F", 31),
        ("0", 0),
        ("-0.5", -0.5),
        ("true", True),
        ("False", False),
        ("~", None),
        ("2024-05-01", date(2024, 5, 1)),
        ("=", "="),
        ("0 3 * * 1", "0 3 * * 1"),
        ("Europe/Oslo", "Europe/Oslo"),
        ("1e3x", "1e3x"),
        ("nan", "nan"),
        ("12:75", "12:75"),
        ("y", "y"),
    ],
)
def test_what_is_clear_is_read(word, value):
    found = parse_yaml(f"a: {word}", "x.yaml").content["a"]
    assert (found, type(found)) == (value, type(value))


def test_merged_keys_are_read_and_one_s_own_come_first():
    text = "base: &base {a: 1, b: 2}\nuse: {<<: *base, b: 3}"
    document = parse_yaml(text, "x.yaml")
    assert document.content["use"] == {"a": 1, "b": 3}
    assert document.find(("use", "b")) == (2, "3")
    assert document.find(("use", "gone")) == (2, "")


# 1e5 is a number to us and to YAML 1.2, though the writer of YAML 1.1 leaves such a text unquoted
WORDS = st.text(st.characters(exclude_categories=("C", "Zl", "Zp")), max_size=20).filter(
    lambda word: not re.fullmatch(r"[-+]?[.0-9]+[eE][-+]?[0-9]+", word)
)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)


@given(PLAIN)
@settings(max_examples=150)
def test_what_yaml_writes_is_read_as_it_was_or_told(content):
    text = yaml.safe_dump(content, allow_unicode=True)
    try:
        assert parse_yaml(text, "x.yaml").content == content
    except ConfigurationError as error:
        assert "write it in quotes" in str(error)  # noqa: PT017  (both ends are right)


@given(st.text(alphabet="ab01:-?,[]{}&*!|>'\"%#<=~ \n\t\0é", max_size=60))
@settings(max_examples=300)
def test_any_text_is_read_or_refused_and_nothing_else(text):
    try:
        parse_yaml(text, "x.yaml")
    except ConfigurationError as error:
        assert str(error).startswith("x.yaml: ")  # noqa: PT017
        assert "\n" not in str(error)  # noqa: PT017


def test_only_a_plain_file_is_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
    kinds = {"pipe": "a pipe", "socket": "a socket", ".": "a folder", "/dev/zero": "a device"}
    for name, kind in kinds.items():
        with pytest.raises(ConfigurationError, match=f"is {kind}, must be a plain file"):
            read_mapping(tmp_path / name)
    with pytest.raises(ConfigurationError, match="there is no such file"):
        read_mapping(tmp_path / "gone")
    with pytest.raises(ConfigurationError, match="embedded null byte"):
        read_mapping(tmp_path / "a\0b")
    with pytest.raises(ConfigurationError, match="cannot be read: File name too long"):
        read_mapping(tmp_path / ("a" * 5_000))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a: 1\nb: \xff", "line 2: byte 0xff is no UTF-8"),
        ("a: 1".encode("utf-16"), "is no UTF-8; save it as UTF-8"),
        (b"x" * (MOST_BYTES + 1), f"holds more than {MOST_BYTES:,} bytes"),
        (b"", "must hold keys such as `objective`, holds None"),
        (b"- a\n" * 5_000, "must hold keys such as `objective`, holds ['a', 'a'"),
    ],
)
def test_a_file_that_is_no_mapping_in_utf_8_is_named(tmp_path, content, words):
    path = tmp_path / "x.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError) as caught:
        read_mapping(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert words in str(caught.value)


def test_a_byte_order_mark_is_no_content(tmp_path):
    (tmp_path / "x.yaml").write_bytes(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")
    assert read_mapping(tmp_path / "x.yaml").content == {"a": 1, "b": 2}
