"""Which versions did harm and were returned from: every worker follows it within its next look."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import AwareDatetime, ValidationError

from kpi_gate.decision.frozen import Frozen
from kpi_gate.files.state_file import Mark, mark_of, read_state, write_state
from kpi_gate.serving.errors import ServingError

FORMAT = 1
MOST_KEPT = 100  # returns; the oldest go first
_WAIT_SECONDS = 2.0
_JUST_AFTER = timedelta(microseconds=1)


class Return(Frozen):
    """Everybody was sent back from a version at once.

    Attributes:
        version: Nobody gets it any more, until it is promoted anew.
        at: When, UTC.
        reason: The guard with both numbers and the bound, or what a person said.
        by: Who did it: a worker, or a person's key.
    """

    version: str
    at: AwareDatetime
    reason: str
    by: str


class Returns:
    """The returns of one use case, in a small file that all its workers share.

    Attributes:
        fault: Why the file could not be read the last time; empty where it could. What it said
            before goes on to hold.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.fault = path, ""
        self._known: dict[str, Return] = {}
        self._unwritten: dict[str, Return] = {}
        self._seen: Mark | None = None

    def read(self) -> Mapping[str, Return]:
        """Return the newest return of each version; unless the file has changed, from memory."""
        try:
            mark = mark_of(self.path)
        except FileNotFoundError:
            self.fault = f"{self.path.name} was removed" if self._known else ""
        except OSError as error:
            self.fault = f"{self.path.name} cannot be read: {error.strerror}"
        else:
            if mark != self._seen:
                self._take(mark)
        return {**self._known, **self._unwritten} if self._unwritten else self._known

    def _take(self, mark: Mark) -> None:
        content = read_state(self.path)
        try:
            if content is None or content.get("format") != FORMAT:
                raise ValueError(f"is no file of format {FORMAT}")
            returns = [Return.model_validate(one) for one in content["returned"]]
        except (ValidationError, ValueError, KeyError, TypeError) as error:
            words = "holds no returns" if not isinstance(error, ValueError) else str(error)
            self.fault = f"{self.path.name} {words.splitlines()[0]}"
            return
        self._known = {one.version: one for one in returns}
        self._seen, self.fault = mark, ""

    def active(self, champion: str, since: datetime | None) -> frozenset[str]:
        """Return the versions that nobody gets.

        Args:
            champion: Version in use by the ledger; a return before its release counts no more:
                whoever promoted it again knew of it.
            since: When it was released; None where nobody knows.
        """
        return frozenset(
            version
            for version, one in self.read().items()
            if version != champion or since is None or one.at > since
        )

    def write(
        self, version: str, reason: str, *, by: str, now: datetime, since: datetime | None = None
    ) -> Return:
        """Record a return; where another worker was faster, what it wrote stays.

        Args:
            version: What did harm.
            reason: Why.
            by: Who says so.
            now: When, UTC.
            since: When the version was released, by another machine's clock perhaps: a return is
                later than that.

        Raises:
            ServingError: If it cannot be written; the caller goes back on its own all the same.
        """
        at = max(now, since + _JUST_AFTER) if since is not None else now
        made = Return(version=version, at=at.astimezone(UTC), reason=reason, by=by)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self.path.with_suffix(".lock"), timeout=_WAIT_SECONDS):
                self.read()
                known = dict(self._known)
                before = known.pop(version, None)
                if before is not None and (since is None or before.at > since):
                    self._unwritten.pop(version, None)
                    return before
                known[version] = made
                kept = list(known.values())[-MOST_KEPT:]
                content = {
                    "format": FORMAT,
                    "returned": [one.model_dump(mode="json") for one in kept],
                }
                write_state(self.path, content)
        except (OSError, Timeout) as error:
            self._unwritten[version] = made
            words = getattr(error, "strerror", None) or str(error)
            raise ServingError(f"the return from {version} cannot be written: {words}") from None
        self._unwritten.pop(version, None)
        self.read()
        return made
