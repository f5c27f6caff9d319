"""Who may ask: API keys, of which only hashes are kept, with scopes and use cases."""

import hashlib
import hmac
import json
import logging
import re
import secrets
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from filelock import FileLock, Timeout
from pydantic import AwareDatetime, Field, ValidationError

from kpi_gate.decision.frozen import Frozen
from kpi_gate.files.state_file import mark_of, write_state
from kpi_gate.serving.errors import ServingError
from kpi_gate.serving.http.asgi import App, Receive, Scope, Send, header, route_of
from kpi_gate.serving.http.problems import Problem, respond

FORMAT = 1
logger = logging.getLogger("kpi_gate.serving")
Right = Literal["decide", "read", "admin"]
RIGHTS: tuple[Right, ...] = get_args(Right)
ANY = "any"
LOOK_SECONDS = 0.5  # a key that is revoked works for no longer
LONGEST_NAME = 100  # letters
_WAIT_SECONDS = 5.0
_SECRET_BYTES = 32  # too many to guess: a slow hash would add nothing
_WRITTEN = re.compile(r"kg_([0-9a-f]{12})_([\w-]{43})", re.ASCII)
_NEEDED = {"decisions": "decide", "return": "admin", "version": "read", "metrics": "read"}
_OPEN = ("health", "ready")


class Key(Frozen):
    """What is kept of a key.

    Attributes:
        id: The part of it that is no secret.
        name: Whose it is, for people.
        hash: SHA-256 of its secret part.
        scopes: What it may: `decide`, `read` what is served and how, or `admin`, which may send
            everybody back to the version before.
        use_cases: On what; empty for all.
        made: When, UTC.
    """

    id: str
    name: str = Field(max_length=LONGEST_NAME)
    hash: str
    scopes: tuple[Right, ...]
    use_cases: tuple[str, ...] = ()
    made: AwareDatetime


class Refused(NamedTuple):
    """Why a request is not let in.

    Attributes:
        status: 401 where nobody knows who asks, 403 where he may not.
        words: What to do.
    """

    status: int
    words: str


class Keys:
    """The keys of an installation; changes of the file are followed without a restart.

    Attributes:
        path: The file.
        fault: Why it could not be read the last time; empty where it could. Until it can be, the
            keys that were known go on to be.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.fault = path, ""
        self._known: dict[str, Key] = {}
        self._seen: object = ()
        self._look_at = 0.0

    def known(self) -> Mapping[str, Key]:
        """Return the keys by id."""
        now = time.monotonic()
        if now >= self._look_at:
            self._look_at = now + LOOK_SECONDS
            self._look()
        return self._known

    def _look(self) -> None:
        mark = _mark(self.path)
        if mark == self._seen:
            return
        try:
            self._known, self.fault = _read(self.path), ""
        except ServingError as error:
            if str(error) != self.fault:
                self.fault = str(error)
                logger.error("keys are not read", extra={"why": self.fault})
        else:
            self._seen = mark

    def find(self, written: str) -> Key | None:
        """Return the key that was shown; None where there is none such."""
        parts = _WRITTEN.fullmatch(written)
        if parts is None:
            return None
        key = self.known().get(parts[1])
        same = hmac.compare_digest(_hash(parts[2]), _hash("") if key is None else key.hash)
        return key if same else None

    def refused(self, authorization: str, need: str, use_case: str) -> Refused | Key:
        """Return the key that a request shows, or why it is not let in.

        Args:
            authorization: Its header of this name.
            need: The scope that it needs; `any` where every key will do.
            use_case: What it is about; empty where it is about none.
        """
        kind, _, written = authorization.partition(" ")
        if not written or kind.lower() != "bearer":
            return Refused(401, "show a key: Authorization: Bearer kg_…")
        key = self.find(written.strip())
        if key is None:
            return Refused(401, "no such key, or it was revoked; ask whoever runs this server")
        if need not in (ANY, *key.scopes):
            return Refused(403, f"key {key.id} has no scope {need!r}")
        if use_case and key.use_cases and use_case not in key.use_cases:
            return Refused(403, f"key {key.id} is not for {use_case[:80]!r}")
        return key


class Keyed:
    """An ASGI app that lets in who shows a key; its id is `scope["state"]["key"]` then."""

    def __init__(self, app: App, keys: Keys) -> None:
        self.app, self.keys = app, keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        route, use_case = route_of(scope["path"])
        if route in _OPEN:
            await self.app(scope, receive, send)
            return
        found = self.keys.refused(
            header(scope, b"authorization"), _NEEDED.get(route, ANY), use_case
        )
        if isinstance(found, Key):
            scope.setdefault("state", {})["key"] = found.id
            await self.app(scope, receive, send)
            return
        asks = {"www-authenticate": "Bearer"} if found.status == 401 else {}
        problem = Problem(found.status, found.words, headers=asks)
        await respond(problem, scope["path"])(scope, receive, send)


def new_key(
    path: Path, name: str, scopes: Iterable[Right], use_cases: Iterable[str] = ()
) -> tuple[Key, str]:
    """Make a key and keep its hash.

    Args:
        path: The file of keys.
        name: Whose it is.
        scopes: What it may.
        use_cases: On what; empty for all.

    Returns:
        What is kept, and the key as its owner writes it: nobody can read it again.

    Raises:
        ServingError: If it has no name or scope, or the file cannot be written.
    """
    if not name.strip() or len(name) > LONGEST_NAME:
        raise ServingError(f"a key has a name of 1 to {LONGEST_NAME} letters: whose it is")
    asked = tuple(dict.fromkeys(scopes))
    if not asked or not set(asked) <= set(RIGHTS):
        raise ServingError(f"scopes == {', '.join(asked) or 'none'}, must be of {_listed(RIGHTS)}")
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    key = Key(
        id=secrets.token_hex(6),
        name=name.strip(),
        hash=_hash(secret),
        scopes=asked,
        use_cases=tuple(dict.fromkeys(use_cases)),
        made=datetime.now(UTC),
    )
    with _changing(path) as known:
        known[key.id] = key
    return key, f"kg_{key.id}_{secret}"


def revoke(path: Path, which: str) -> Key:
    """Forget a key: within a second no server takes it any more.

    Args:
        path: The file of keys.
        which: Its id, or its name where only one has it.

    Raises:
        ServingError: If there is none such, or several, or the file cannot be written.
    """
    with _changing(path) as known:
        found = [key for key in known.values() if which in (key.id, key.name)]
        if len(found) != 1:
            there = _listed(f"{key.id} ({key.name})" for key in found or known.values())
            raise ServingError(f"{which[:80]!r} is not one key; there are: {there or 'none'}")
        return known.pop(found[0].id)


def listed(path: Path) -> list[Key]:
    """Return all keys, the oldest first.

    Raises:
        ServingError: If the file cannot be read.
    """
    return sorted(_read(path).values(), key=lambda key: key.made)


@contextmanager
def _changing(path: Path) -> Iterator[dict[str, Key]]:
    """Give the keys, and keep what the block makes of them; one process at a time."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(f".{path.name}.lock"), timeout=_WAIT_SECONDS):
            known = _read(path)
            yield known
            content = {key.id: key.model_dump(mode="json") for key in known.values()}
            write_state(path, {"format": FORMAT, "keys": content}, mode=0o600)
    except Timeout:
        raise ServingError(f"{path}: another process is changing the keys; try again") from None
    except OSError as error:
        raise ServingError(f"{path}: {error.strerror or error}; no key was changed") from error


def _read(path: Path) -> dict[str, Key]:
    try:
        content: Any = json.loads(path.read_bytes())
        if content["format"] != FORMAT:
            raise ServingError(f"{path}: format {content['format']!r}, must be {FORMAT}")
        return {name: Key.model_validate(one) for name, one in content["keys"].items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValidationError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ServingError(
            f"{path} cannot be read ({type(error).__name__}): repair it, or remove it and make "
            "new keys"
        ) from error


def _mark(path: Path) -> object:
    with suppress(OSError):
        return mark_of(path)
    return None


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _listed(words: Iterable[str]) -> str:
    return ", ".join(words)
