"""Is there room to write? Said at the start, and where a disk fills up meanwhile."""

import configparser
import errno
import shutil
from collections.abc import Iterator
from pathlib import Path

from kpi_gate.workspace import Workspace

FULL_MB = 1.0  # less is no room for anything
_FULL = (errno.ENOSPC, errno.EDQUOT)
_WORDS = ("database or disk is full", "no space left on device", "disk quota exceeded")


class DiskFullError(RuntimeError):
    """There is no room to write; the message names the folder, what is free and what is needed."""


def require_room(workspace: Workspace) -> None:
    """Check that every folder that is written to has `min_free_mb` left.

    Raises:
        DiskFullError: If one has less.
    """
    for what, folder in _written(workspace):
        free = _free_mb(folder)
        if free < workspace.min_free_mb:
            raise DiskFullError(
                f"the disk is full: {free:,.0f} MB are free for {what} ({folder}), "
                f"{workspace.min_free_mb:,} MB are needed (KPI_GATE_MIN_FREE_MB); nothing was "
                "begun. Make room, such as with `dvc gc`"
            )


def full_disk(error: BaseException) -> str:
    """Say that a disk filled up, if that is what lies behind an error; else nothing."""
    seen: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in seen:
        seen.append(cause)
        if isinstance(cause, OSError) and cause.errno in _FULL:
            where = f" at {cause.filename}" if cause.filename else ""
            return f"the disk is full{where}: make room and run it again"
        if any(words in str(cause).lower() for words in _WORDS):
            return f"the disk is full: make room and run it again ({' '.join(str(error).split())})"
        cause = cause.__cause__ or cause.__context__
    return ""


def crowded(workspace: Workspace) -> str:
    """Name a folder whose disk is full by now, as a process of ours may have filled it; else "".

    Such a process ends for a reason of its own; the disk is the one to act on.
    """
    for what, folder in _written(workspace):
        if _free_mb(folder) < FULL_MB:
            return f"the disk of {what} ({folder}) is full: make room and run it again"
    return ""


def _free_mb(folder: Path) -> float:
    there = next(path for path in (folder, *folder.parents) if path.exists())
    return shutil.disk_usage(there).free / 1e6


def _written(workspace: Workspace) -> Iterator[tuple[str, Path]]:
    """Name the folders that a run writes to."""
    yield "the state", workspace.home
    yield "the data", workspace.root / "data"
    cache = workspace.root / ".dvc" / "cache"
    for name in ("config", "config.local"):  # as `dvc cache dir` writes it
        read = configparser.ConfigParser(interpolation=None)
        try:
            read.read(workspace.root / ".dvc" / name, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):  # DVC itself says what is wrong with it
            continue
        given = read.get("cache", "dir", fallback="")
        cache = workspace.root / ".dvc" / given if given else cache
    yield "DVC's cache", cache
