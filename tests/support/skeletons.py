"""Use cases that are not filled in yet: the skeleton that `blank` gives, and what is left of it."""

import re
from pathlib import Path

from kpi_gate import examples

MARK = "FILL IN"


def left_to_fill_in(name):
    """Return what is still asked of a use case, as `file:line: words`."""
    found = []
    for folder in map(Path, examples.__path__):
        for path in (folder / f"{name}.py", folder / f"{name}.yaml"):
            lines = path.read_text(encoding="utf-8").splitlines()
            for number, line in enumerate(lines):
                if f"{MARK}: " in line:
                    asked = line.partition(f"{MARK}: ")[2].rstrip("',\")")
                    found.append(f"{path.name}:{number + 1}: {asked}{_rest(line, lines, number)}")
    return found


def _rest(line, lines, number):
    """Return the comment lines below, where the words go on."""
    if not line.lstrip().startswith("#"):
        return ""
    below = []
    for following in lines[number + 1 :]:
        comment = re.fullmatch(r"\s*# ?(.*)", following)
        if comment is None or MARK in following:
            break
        below.append(f"\n    {comment[1]}")
    return "".join(below)
