"""The folder of raw input: fetched once, or a stand-in where the rows come from elsewhere."""

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from kpi_gate.record.dvc_stages import clear

NO_FILES = ".no-files"  # a name that no pattern for input matches


def fetch_once(folder: Path, fetch: Callable[[Path], None], wanted: Mapping[str, Any]) -> None:
    """Fill a folder of raw input, unless it holds rows that are the owner's or are still wanted.

    Args:
        folder: Where to.
        fetch: Fills an empty folder.
        wanted: What the fetched rows depend on; what was fetched for something else is put aside.
    """
    record = folder.with_name(f"{folder.name}.fetched.json")
    words = json.dumps(wanted, sort_keys=True, default=str)
    (folder / NO_FILES).unlink(missing_ok=True)
    filled = folder.exists() and any(folder.iterdir())
    before = record.read_text(encoding="utf-8") if record.exists() else words
    if filled and before == words:
        return
    partial = folder.with_name(f"{folder.name}.partial")  # half of the rows must not pass for all
    clear(partial)
    fetch(partial)
    if filled:
        mark = hashlib.sha256(before.encode()).hexdigest()[:8]
        aside = folder.with_name(f"{folder.name}.{mark}")
        clear(aside)
        folder.replace(aside)
    record.write_text(words, encoding="utf-8")
    partial.replace(folder)


def stand_in_for_files(folder: Path) -> None:
    """Lay out the raw folder of rows that come from elsewhere: DVC asks for one that is not empty.

    Args:
        folder: Where files would be; what is in it stays.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not any(folder.iterdir()):
        (folder / NO_FILES).write_text("load() reads its rows elsewhere\n", encoding="utf-8")
