"""What a YAML document may hold, counted from its events before anything is built of it."""

from collections.abc import Iterable
from dataclasses import dataclass

import yaml

from kpi_gate.files.wording import shorten

MOST_DEPTH = 32
MOST_VALUES = 10_000  # with every alias written out
MOST_LETTERS = 500_000  # with every alias written out
CORE = "tag:yaml.org,2002:"
_TAGS = {f"{CORE}{name}" for name in ("str", "int", "float", "bool", "null", "seq", "map")}


class YamlFault(Exception):  # noqa: N818  (the reader turns it into a ConfigurationError)
    """What is wrong with a document.

    Attributes:
        line: Where it stands; 0 where that is not known.
    """

    def __init__(self, words: str, line: int = 0) -> None:
        super().__init__(words)
        self.line = line


@dataclass
class _Part:
    """A value, or a list or mapping whose end has not come yet, with what it holds so far."""

    anchor: str | None = None
    values: int = 1
    letters: int = 0


def require_bounds(events: Iterable[yaml.Event]) -> None:
    """Count what a document would hold with every alias written out.

    Raises:
        YamlFault: If it is too deep or too much, holds itself, has a tag of another language, or is
            a second document.
    """
    inside, known, documents = [_Part()], dict[str, _Part](), 0
    for event in events:
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent):
            _require_tag(event.tag, line)
        if isinstance(event, yaml.AliasEvent):
            _add(_aliased(str(event.anchor), inside, known, line), inside, known, line)
        elif isinstance(event, yaml.ScalarEvent):
            _add(_Part(event.anchor, letters=len(event.value)), inside, known, line)
        elif isinstance(event, yaml.CollectionEndEvent):
            _add(inside.pop(), inside, known, line)
        elif isinstance(event, yaml.CollectionStartEvent):
            inside.append(_Part(event.anchor))
            if len(inside) > MOST_DEPTH + 1:
                raise YamlFault(f"is nested more than {MOST_DEPTH} levels deep", line)
        elif isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise YamlFault("begins a second document (---), must hold one", line)


def _require_tag(tag: str | None, line: int) -> None:
    if tag not in (None, "!", *_TAGS):
        raise YamlFault(f"tag {shorten(tag, quoted=False)} is not read; leave it out", line)


def _aliased(name: str, inside: list[_Part], known: dict[str, _Part], line: int) -> _Part:
    """Return what an alias stands for."""
    shown = f"*{shorten(name, quoted=False)}"
    if any(part.anchor == name for part in inside):
        raise YamlFault(f"{shown} holds itself", line)
    if name not in known:
        raise YamlFault(f"{shown} has no anchor before it", line)
    return known[name]


def _add(part: _Part, inside: list[_Part], known: dict[str, _Part], line: int) -> None:
    """Add a value to what holds it, and know it by its anchor from here on."""
    if part.anchor is not None:
        known[part.anchor] = part
    holder = inside[-1]
    holder.values += part.values
    holder.letters += part.letters
    for name, most in (("values", MOST_VALUES), ("letters", MOST_LETTERS)):
        if getattr(holder, name) > most:
            words = f"holds more than {most:,} {name} with its aliases written out"
            raise YamlFault(words, line)
