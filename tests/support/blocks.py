"""The code blocks of the README and the documentation, as a reader finds them."""

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
OF_A_PROJECT = ROOT / "template/{{ cookiecutter.project_slug }}/README.md"
FENCE = re.compile(
    r"(?:^[ ]*<!-- (?P<mark>run|not run): (?P<words>.+?) -->\n)?"
    r"^(?P<indent> *)```(?P<language>\w*)(?: title=\"(?P<title>.*?)\")?\n(?P<text>.*?)^ *```$",
    re.MULTILINE | re.DOTALL,
)


class Block(NamedTuple):
    """One block.

    Attributes:
        page: Its page, from the root.
        line: Where it begins there.
        language: `python`, `yaml`, `sh`; empty for what is printed.
        title: File that it stands for.
        text: What it holds.
        setting: What it is run in, where the page says so.
        excuse: Why it is not run; empty where it is.
    """

    page: str
    line: int
    language: str
    title: str
    text: str
    setting: str
    excuse: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def read(path):
    """Return the blocks of one page."""
    page, content = path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
    blocks = []
    for found in FENCE.finditer(content):
        said = {found["mark"]: found["words"]}
        line = content[: found.start("language")].count("\n") + 1
        indent = re.compile(f"^{found['indent']}", re.MULTILINE)
        blocks.append(
            Block(
                *(page, line, found["language"], found["title"] or ""),
                *(indent.sub("", found["text"]), said.get("run", ""), said.get("not run", "")),
            )
        )
    return blocks


BLOCKS = [block for path in PAGES for block in read(path)]


def of(language, *, excused=False):
    """Return the blocks of a language, those that are run or those that are not."""
    return [
        found for found in BLOCKS if (found.language, bool(found.excuse)) == (language, excused)
    ]


def titled(page, title):
    """Return the text of the block that stands for a file."""
    return next(found.text for found in BLOCKS if (found.page, found.title) == (page, title))
