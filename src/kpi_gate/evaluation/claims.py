"""What is said beside a table: measures, earlier candidates and releases, what both had seen."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from kpi_gate.data.frames import as_pandas
from kpi_gate.decision.evidence import utc
from kpi_gate.decision.link_history import LinkHistory, Release
from kpi_gate.decision.objective import Section
from kpi_gate.errors import ConfigurationError
from kpi_gate.files.json_file import read_json
from kpi_gate.files.wording import shorten

SIDES = ("candidate", "champion", "anchor")
MeasuresGiven = Mapping[str, Mapping[str, float]] | Path | str
PastGiven = Iterable[tuple[float, float] | Mapping[str, float]] | Path | str
RELEASE = ("offline", "offline_error", "online", "online_error")
ReleasesGiven = Any  # also a frame of any library


class Provenance(Section):
    """What whoever made a table says of both models; the gate then proves that rows are fresh.

    Attributes:
        as_of: Moment of the decision; a time without a zone is UTC. By default now.
        trained_until: End of what the candidate was trained and tuned on.
        champion_trained_until: The same of the champion.
        label_delay_days: Days until an outcome is known.
    """

    as_of: datetime = Field(default_factory=lambda: datetime.now(UTC))
    trained_until: datetime | None = None
    champion_trained_until: datetime | None = None
    label_delay_days: float | None = Field(default=None, ge=0, le=10_000)

    @field_validator("as_of", "trained_until", "champion_trained_until")
    @classmethod
    def _in_utc(cls, moment: datetime | None) -> datetime | None:
        return None if moment is None else utc(moment)


def read_measures(given: MeasuresGiven | None) -> dict[str, dict[str, float]]:
    """Return measures by side and name; none where nothing is given.

    Args:
        given: `{side: {measure: number}}`, or a JSON file of it.

    Raises:
        ConfigurationError: If it is anything else.
    """
    if given is None:
        return {}
    content, place = _read(given, "measures")
    form = f"{place}: must be {{side: {{measure: number}}}}"
    if not isinstance(content, Mapping):
        raise ConfigurationError(f"{form}, holds {shorten(content)}")
    for side, measures in content.items():
        if side not in SIDES:
            raise ConfigurationError(f"{form}; a side is {', '.join(SIDES)}, not {shorten(side)}")
        if not isinstance(measures, Mapping):
            raise ConfigurationError(f"{form}; {side} holds {shorten(measures)}")
    return {
        side: {
            name: _number(value, f"{form}; {side}.{shorten(name, quoted=False)}")
            for name, value in content.get(side, {}).items()
        }
        for side in SIDES
    }


def read_past(given: PastGiven) -> list[tuple[float, float]]:
    """Return (gain, standard error) of earlier candidates.

    Args:
        given: Pairs, or mappings of `gain` and `standard_error`; or a JSON file of such mappings.

    Raises:
        ConfigurationError: If it is anything else.
    """
    content, place = _read(given, "past")
    form = f"{place}: must be [{{gain, standard_error}}, ...]"
    if isinstance(content, Mapping) or not isinstance(content, Iterable):
        raise ConfigurationError(f"{form}, holds {shorten(content)}")
    found = []
    for number, one in enumerate(content, start=1):
        pair = one
        if isinstance(one, Mapping) and {"gain", "standard_error"} <= one.keys():
            pair = (one["gain"], one["standard_error"])
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise ConfigurationError(f"{form}; item {number} is {shorten(one)}")
        names = ("gain", "standard_error")
        gain, error = (
            _number(v, f"{form}; {k} {number}") for k, v in zip(names, pair, strict=True)
        )
        found.append((gain, error))
    return found


def read_releases(
    given: ReleasesGiven | None, past: Sequence[tuple[float, float]], unit: str
) -> LinkHistory | None:
    """Return what the link learns from; None where nothing is given.

    Args:
        given: (offline gain, its error, online lift, its error) of each release that an experiment
            has measured: tuples, mappings, a frame with the columns of `RELEASE`, or a JSON file.
        past: (gain, standard error) of every candidate. Without any, those of the releases stand
            for them: the lucky ones were released, so the link believes too much of a gain.
        unit: Unit of the objective; the releases are taken to be in it.

    Raises:
        ConfigurationError: If it is anything else; whether numbers can be, the gate judges.
    """
    if given is None:
        return None
    content, place = _read(given, "releases")
    form = f"{place}: must be [({', '.join(RELEASE)}), ...]"
    if hasattr(content, "columns"):
        missing = [name for name in RELEASE if name not in content.columns]
        if missing:
            raise ConfigurationError(f"{form}, has no column {', '.join(missing)}")
        frame = as_pandas(content)
        content = list(zip(*(frame[name].tolist() for name in RELEASE), strict=True))
    if isinstance(content, Mapping) or not isinstance(content, Iterable):
        raise ConfigurationError(f"{form}, holds {shorten(content)}")
    releases = []
    for number, one in enumerate(content, start=1):
        row = [one.get(name) for name in RELEASE] if isinstance(one, Mapping) else one
        if not isinstance(row, tuple | list) or len(row) != len(RELEASE):
            raise ConfigurationError(f"{form}; item {number} is {shorten(one)}")
        found = {
            name: _number(value, f"{form}; {name} {number}")
            for name, value in zip(RELEASE, row, strict=True)
        }
        releases.append(Release.model_validate(found))
    candidates = tuple(past) or tuple((one.offline, one.offline_error) for one in releases)
    return LinkHistory(unit=unit, candidates=candidates, releases=tuple(releases))


def _read(given: Any, name: str) -> tuple[Any, str]:
    """Return what is given, or what the file holds that is given, and what messages call it."""
    if isinstance(given, str | Path):
        return read_json(Path(given)), str(given)
    return given, name


def _number(value: Any, place: str) -> float:
    """Return a number, or a text that is one; the gate judges whether it is finite."""
    if not isinstance(value, bool):
        try:
            return float(value)
        except (ValueError, TypeError, OverflowError):
            pass
    raise ConfigurationError(f"{place} == {shorten(value)}, must be a number")
