"""The one reader of YAML: bounded before anything is built, and plain about what YAML changes."""

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from kpi_gate.errors import ConfigurationError
from kpi_gate.files.small_file import read_text
from kpi_gate.files.wording import shorten
from kpi_gate.files.yaml_bounds import CORE, YamlFault, require_bounds

MOST_BYTES = 128 * 1024
LONGEST_NUMBER = 400
# YAML 1.1, which we read, and YAML 1.2, which many editors check, read these differently
_UNCLEAR = (
    (re.compile(r"(?i:yes|on)"), "is true to some readers of YAML: write true"),
    (re.compile(r"(?i:no|off)"), "is false to some readers of YAML: write false"),
    (re.compile(r"[-+]?0[0-9_]+"), "is octal to some readers of YAML: leave the leading 0 out"),
    (re.compile(r"[-+]?0[ob][0-7_]+"), "is a number to some readers of YAML: write it in decimal"),
    (
        re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?"),
        "is a number to the base of 60 to some readers of YAML: write it in decimal",
    ),
)
_POWER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)[eE][-+]?[0-9]+$")


@dataclass(frozen=True)
class Document:
    """What a YAML file holds, and where in the file it stands.

    Attributes:
        name: The file, as messages name it.
        content: Its value: mappings, lists, text, numbers, truth values, dates, None.
        root: The parsed nodes, with their places.
    """

    name: str
    content: Any
    root: yaml.Node | None = field(repr=False)

    def find(self, keys: Sequence[str | int]) -> tuple[int, str]:
        """Return the line of a value, and its text where it is written without quotes.

        Keys that the file does not have are passed over: the line is that of what holds them.
        """
        node = self.root
        for key in keys:
            node = _child(node, key) or node
        if node is None:
            return 1, ""
        plain = isinstance(node, yaml.ScalarNode) and not node.style
        return _line(node), node.value if plain else ""


def read_mapping(path: Path) -> Document:
    """Read a YAML file that holds keys with their values.

    Raises:
        ConfigurationError: If it is no plain UTF-8 file, or as `parse_yaml`; or if it holds
            anything but keys.
    """
    document = parse_yaml(read_text(path, MOST_BYTES), str(path))
    if not isinstance(document.content, dict):
        given = shorten(document.content)
        raise ConfigurationError(f"{path}: must hold keys such as `objective`, holds {given}")
    return document


def parse_yaml(text: str, name: str) -> Document:
    """Read YAML from text; `name` is what messages call it.

    Raises:
        ConfigurationError: If it is no YAML, beyond a bound of this module, gives a key twice, or
            holds a word that the versions of YAML read differently.
    """
    try:
        if len(text) > MOST_BYTES:
            raise YamlFault(f"holds more than {MOST_BYTES:,} letters, must hold at most that")
        require_bounds(yaml.parse(text, Loader=yaml.CSafeLoader))
        loader = _Loader(text)
        try:
            root = loader.get_single_node()
            content = None if root is None else loader.construct_document(root)
        finally:
            loader.dispose()
    except YamlFault as fault:
        place = f"line {fault.line}: " if fault.line else ""
        raise ConfigurationError(f"{name}: {place}{fault}") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"line {mark.line + 1}: " if mark else ""
        words = shorten(" ".join(filter(None, (error.context, error.problem))), quoted=False)
        raise ConfigurationError(f"{name}: {place}cannot be read as YAML: {words}") from None
    except (yaml.YAMLError, UnicodeError) as error:
        words = shorten(" ".join(str(error).split()), quoted=False)
        raise ConfigurationError(f"{name}: cannot be read as YAML: {words}") from None
    return Document(name, content, root)


class _Loader(yaml.CSafeLoader):
    """Build plain values; a key twice or a word that could be two things is a fault."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Build a value, unless its text is unclear."""
        if isinstance(node, yaml.ScalarNode):
            _require_clear(node)
            try:
                return super().construct_object(node, deep)
            except (ValueError, LookupError, AttributeError, OverflowError) as error:
                kind = node.tag.removeprefix(CORE)
                words = f"{shorten(node.value)} cannot be read as {kind}: {error}; {_quotes(node)}"
                raise YamlFault(words, _line(node)) from None
        return super().construct_object(node, deep)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Build a mapping; a key that comes twice is told, as YAML would take the last."""
        seen: set[Any] = set()
        for marked, _ in node.value:
            merge = marked.tag == f"{CORE}merge"
            key = "<<" if merge else self.construct_object(marked, deep=True)
            if not isinstance(key, Hashable):
                raise YamlFault(f"key {shorten(key)} is no name", _line(marked))
            if key in seen:
                raise YamlFault(f"key {shorten(key)} is given twice", _line(marked))
            seen.add(key)
        found: dict[Any, Any] = super().construct_mapping(node, deep)
        return found


def _require_clear(node: yaml.ScalarNode) -> None:
    """Refuse an unquoted word that the versions of YAML read differently, or an endless number."""
    number = node.tag in (f"{CORE}int", f"{CORE}float")
    if number and len(node.value) > LONGEST_NUMBER:
        words = f"is a number of {len(node.value):,} digits, {LONGEST_NUMBER} is the most"
        raise YamlFault(words, _line(node))
    if node.style or (node.tag == f"{CORE}str" and _POWER.fullmatch(node.value)):
        return
    for pattern, words in _UNCLEAR:
        if len(node.value) <= LONGEST_NUMBER and pattern.fullmatch(node.value):
            raise YamlFault(f"{node.value} {words}; {_quotes(node)}", _line(node))


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _quotes(node: yaml.ScalarNode) -> str:
    return f"where it is a text, write it in quotes: '{shorten(node.value, quoted=False)}'"


def _child(node: yaml.Node | None, key: str | int) -> yaml.Node | None:
    """Return the node under a key or a number; None where there is none."""
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int):
        inner: list[yaml.Node] = node.value
        return inner[key] if key < len(inner) else None
    if isinstance(node, yaml.MappingNode):
        for name, value in reversed(node.value):  # what is merged in stands first
            if isinstance(name, yaml.ScalarNode) and name.value == str(key):
                found: yaml.Node = value
                return found
    return None


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in known if tag != f"{CORE}value"]
    for first, known in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(f"{CORE}float", _POWER, list("-+.0123456789"))
