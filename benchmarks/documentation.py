"""A hook of mkdocs: the pages of the reference are made when the documentation is built."""

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from benchmarks.reference import PAGES


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the pages that nobody writes."""
    for name, make in PAGES.items():
        files.append(File.generated(config, name, content=make()))
    return files
