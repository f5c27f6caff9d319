"""The secret that a home's Prefect server asks for, and the proof that a server is the home's own.

The secret is made once, in a file that only its owner reads. It is sent to no server that has not
proved to know it already: an address on loopback says nothing about who listens there.
"""

import hashlib
import hmac
import json
import os
import secrets
import stat
from pathlib import Path
from urllib.parse import urlsplit

from kpi_gate.environment import is_loopback, read_directly
from kpi_gate.files.write_once import write_once

USER = "kpi-gate"
FILE, ADDRESS = "prefect-auth", "prefect-api-url"  # in the home
PROOF = "/kpi-gate/proof"  # where a server of ours proves to know its secret


class KeyFileError(RuntimeError):
    """The secret may be known to others; the message says what to do."""


def key_file(home: Path) -> Path:
    """Return where the secret of a home is kept, as `user:password`."""
    return home / FILE


def make_key(home: Path) -> str:
    """Return the secret of a home, made if there is none yet.

    Raises:
        KeyFileError: If others than its owner may read it.
    """
    write_once(key_file(home), f"{USER}:{secrets.token_urlsafe(32)}\n")
    return read_key(home)


def read_key(home: Path) -> str:
    """Return the secret of a home; empty if none has been made.

    Raises:
        KeyFileError: If others than its owner may read it.
    """
    path = key_file(home)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return ""
    with os.fdopen(descriptor, encoding="utf-8") as file:
        found = os.fstat(file.fileno())
        if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
            raise KeyFileError(
                f"{path} has owner {found.st_uid} and mode {stat.S_IMODE(found.st_mode):04o}, must "
                "be yours with 0600: others may know the secret. Delete it and start `kpi-gate ui`"
                " anew, which makes another; on a disk without permissions, set KPI_GATE_HOME"
            )
        return file.read().strip()


def proof(key: str, nonce: str, port: int) -> str:
    """Return what only a server that knows the key answers, at this port, to a nonce."""
    return hmac.new(key.encode(), f"{nonce} {port}".encode(), hashlib.sha256).hexdigest()


def is_ours(address: str, key: str) -> bool:
    """Ask the server at an address on loopback to prove that it knows the key.

    Args:
        address: Of its API, such as `http://127.0.0.1:4200/api`.
        key: The secret of a home.
    """
    parts = urlsplit(address)
    if not key or parts.port is None or not is_loopback(parts.hostname or ""):
        return False
    nonce = secrets.token_hex(16)
    answer = read_directly(f"http://{parts.netloc}{PROOF}?nonce={nonce}", timeout=5)
    try:
        said = json.loads(answer or "null")
    except ValueError:
        return False
    return isinstance(said, str) and hmac.compare_digest(said, proof(key, nonce, parts.port))


def meet_prefect(home: Path) -> None:
    """Let this process and its children use the home's own Prefect server, where one runs.

    A server that is named in the environment and is not the home's own is never told the secret.
    Where none is named, the one that Prefect starts for this process asks for a secret of its own.
    """
    key, written = read_key(home), home / ADDRESS
    named = os.environ.get("PREFECT_API_URL", "").rstrip("/")
    last = written.read_text(encoding="utf-8").strip() if key and written.exists() else ""
    # what does not prove it was killed, and somebody else may listen there now
    if (named and named == last) or is_ours(named or last, key):
        os.environ |= {"PREFECT_API_URL": named or last, "PREFECT_API_AUTH_STRING": key}
    elif not named and os.environ.get("PREFECT_HOME") == str(home / "prefect"):
        once = f"{USER}:{secrets.token_urlsafe(32)}"
        os.environ |= {"PREFECT_API_AUTH_STRING": once, "PREFECT_SERVER_API_AUTH_STRING": once}
