"""What is remembered of a verified row's body, so that a long one is read only when it is used."""

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any

WHOLE_BELOW = 1_000  # characters of a body that is remembered as it is
NAMES = ("as_of", "champion", "severe", "snapshot_rows", "verdict", "version")
PATHS = (
    "decision.approval",
    "decision.gain.booking_error",
    "decision.gain.estimate",
    "decision.gain.standard_error",
    "decision.lineage.window.start",
    "decision.lineage.window.end",
)


class LongBody(Mapping[str, Any]):
    """A body of which a few values are at hand; the rest is read at the first question."""

    def __init__(self, brief: Mapping[str, Any], read: Callable[[], Mapping[str, Any]]) -> None:
        self.brief, self._read = brief, read

    @cached_property
    def _whole(self) -> Mapping[str, Any]:
        return self._read()

    def __getitem__(self, name: str) -> Any:
        return self.brief[name] if name in self.brief else self._whole[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._whole)

    def __len__(self) -> int:
        return len(self._whole)


def abridge(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return what later runs ask of every row of its kind: of a decision, what it measured."""
    asked = {name: body[name] for name in NAMES if name in body}
    return {**asked, **{path: value for path in PATHS if (value := _at(body, path)) is not None}}


def stated(body: Mapping[str, Any], path: str) -> Any:
    """Return one of PATHS of a body without reading more than must be; None where it is not."""
    if isinstance(body, LongBody):
        return body.brief.get(path)
    return _at(body, path)


def _at(body: Mapping[str, Any], path: str) -> Any:
    found: Any = body
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found
