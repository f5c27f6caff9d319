"""Hooks of mkdocs: the pages of the reference are made when the documentation is built."""

import re

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from benchmarks.reference import PAGES

_LINK = re.compile(r"reference/index\.md#(\w+)(?:/([\w-]+))?\)")


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the pages that nobody writes."""
    for name, make in PAGES.items():
        files.append(File.generated(config, name, content=make()))
    return files


def on_page_markdown(text: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let links go to the made pages: in the repository, where there are none, to the index."""
    return _LINK.sub(lambda m: f"reference/{m[1]}.md{f'#{m[2]}' if m[2] else ''})", text)
