"""Where things are: places come from the environment, never from a use case's YAML."""

import hashlib
import os
import socket
import subprocess
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from kpi_gate.files import project

SEVERE = "SEVERE"  # what a look at a champion calls itself that found something severe
FAILURES = ("INVALID", "REJECT", "INSUFFICIENT_EVIDENCE", "HOLD", "AB_REQUIRED", SEVERE)


def _root() -> Path:
    found = project.find(Path.cwd())
    return Path.cwd() if found is None else found.root


def _home(root: Path) -> Path:
    found = project.find(root)
    return root / ".kpi-gate" if found is None else found.home


class Workspace(BaseSettings):
    """Places of one installation; every field is set by `KPI_GATE_<FIELD>`.

    Attributes:
        root: Folder of the project, with `dvc.yaml`; by default the one that this folder lies in.
        home: Folder of all local state; by default the project's.
        mlflow_uri: MLflow tracking server or database.
        ledger_url: SQLAlchemy address of the ledger.
        ledger_key: Key of the ledger's chain; empty where it is not keyed.
        ledger_key_file: File that holds it instead; only its owner may read it.
        experiment_log_url: SQLAlchemy address of the database with the log of the experiments,
            where the YAML of a use case names a table.
        serving_log_url: SQLAlchemy address of the database that gets a copy of served decisions,
            where the YAML of a use case asks for it.
        git_commit: Commit of the code, where there is no git folder to ask.
        notify_webhooks: Addresses that are sent a JSON for each notice, separated by commas.
        notify_blocks: Prefect notification blocks that are too, such as `email/team`.
        fail_on: Verdicts, and `SEVERE` of a look, that let a Prefect flow run fail, separated by
            commas, such as `INVALID,SEVERE`; by default a run that came to its end is completed.
        min_free_mb: Room that a verb that writes needs in every folder, in megabytes.
    """

    model_config = SettingsConfigDict(env_prefix="KPI_GATE_", frozen=True)

    root: Path = Field(default_factory=_root)
    home: Path = Field(default_factory=lambda given: _home(given["root"]))
    mlflow_uri: str = ""
    ledger_url: str = ""
    ledger_key: SecretStr = SecretStr("")
    ledger_key_file: Path | None = None
    experiment_log_url: SecretStr = SecretStr("")
    serving_log_url: SecretStr = SecretStr("")
    git_commit: str = ""
    notify_webhooks: str = Field(default="", repr=False)  # an address may hold a secret
    notify_blocks: str = ""
    fail_on: str = ""
    min_free_mb: int = Field(default=200, ge=0)

    @field_validator("notify_webhooks")
    @classmethod
    def _are_addresses(cls, given: str) -> str:
        for address in _words(given):
            parts = urlsplit(address)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise ValueError(f"a webhook begins with {address[:8]!r}, must be http(s)://HOST…")
        return given

    @field_validator("notify_blocks")
    @classmethod
    def _are_slugs(cls, given: str) -> str:
        for slug in _words(given):
            kind, slash, name = slug.partition("/")
            if not (kind and slash and name):
                raise ValueError(f"block == {slug!r}, must be KIND/NAME such as email/team")
        return given

    @field_validator("fail_on")
    @classmethod
    def _are_failures(cls, given: str) -> str:
        for word in _words(given):
            if word not in FAILURES:
                raise ValueError(f"fail_on names {word!r}, must be of {', '.join(FAILURES)}")
        return given

    @model_validator(mode="after")
    def _fill_defaults(self) -> Self:
        root = self.root.resolve()
        home = (root / self.home).resolve()
        tracking = os.environ.get("MLFLOW_TRACKING_URI", "")
        filled = {
            "root": root,
            "home": home,
            "mlflow_uri": self.mlflow_uri or tracking or f"sqlite:///{home / 'mlflow.db'}",
            "ledger_url": self.ledger_url or f"sqlite:///{home / 'ledger.db'}",
        }
        for name, value in filled.items():
            object.__setattr__(self, name, value)
        return self

    def work(self, use_case: str) -> Path:
        """Folder of a use case's files under DVC."""
        return self.root / "data" / use_case

    def raw(self, use_case: str) -> Path:
        """Folder of a use case's raw input."""
        return self.root / "data" / "raw" / use_case

    def webhooks(self) -> list[str]:
        """Addresses that are sent a JSON for each notice."""
        return _words(self.notify_webhooks)

    def blocks(self) -> list[str]:
        """Prefect notification blocks that are told of each notice."""
        return _words(self.notify_blocks)

    def failures(self) -> list[str]:
        """What lets a Prefect flow run fail: verdicts, or `SEVERE`."""
        return _words(self.fail_on)

    def shown(self, path: Path) -> Path:
        """Return a path as people read it: from the project's folder, where it lies in it."""
        return path.relative_to(self.root) if path.is_relative_to(self.root) else path

    def environment_hash(self) -> str:
        """Hash of the locked environment; empty where there is no lock."""
        lock = self.root / "requirements.lock"
        return hashlib.sha256(lock.read_bytes()).hexdigest()[:16] if lock.exists() else ""

    def code_version(self) -> str:
        """Commit of the code, with `+` where files differ from it; `unknown` without git."""
        if self.git_commit:
            return self.git_commit
        command = ["git", "-C", str(self.root), "describe", "--always", "--dirty=+", "--exclude=*"]
        try:
            answer = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
        except (OSError, subprocess.SubprocessError):
            return "unknown"
        return answer.stdout.strip()


def _words(listed: str) -> list[str]:
    return [word.strip() for word in listed.split(",") if word.strip()]


class UnreachableError(RuntimeError):
    """A service does not answer; the message names its address and what to do."""


def require_prefect() -> None:
    """Check that the Prefect server answers, where one is named.

    Raises:
        UnreachableError: If it does not.
    """
    address = os.environ.get("PREFECT_API_URL", "")
    if address and not _answers(address):
        raise UnreachableError(
            f"Prefect at {address} does not answer; nothing was run. Start it (make ui) or unset "
            "PREFECT_API_URL to run without a server"
        )


def _answers(address: str) -> bool:
    parts = urlsplit(address)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        with socket.create_connection((parts.hostname or "", port), timeout=2):
            return True
    except OSError:
        return False
