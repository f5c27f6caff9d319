"""The documentation is built without a warning, and no page of it loads anything from elsewhere."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LOADS = re.compile(
    r"<(?:script|img|iframe|source|video)\b[^>]*\bsrc=[\"']?(?:https?:)?//[^\s\"'>]+"
)
LINKS = re.compile(r"<link\b(?![^>]*canonical)[^>]*\bhref=[\"']?(?:https?:)?//[^\s\"'>]+")
FETCHED = re.compile(r"(?:@import|url\()\s*[\"']?(?:https?:)?//[^)\"']+")

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("site")]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Build it where no address can be asked."""
    folder = tmp_path_factory.mktemp("site")
    nowhere = "http://127.0.0.1:9"
    closed = {"http_proxy": nowhere, "https_proxy": nowhere, "no_proxy": "", "NO_PROXY": ""}
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder],
        cwd=ROOT,
        env=os.environ | closed | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return folder


def test_no_page_loads_anything_from_elsewhere(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 25
    for page in pages:
        text = page.read_text(encoding="utf-8")
        found = [
            match[0] for pattern in (LOADS, LINKS, FETCHED) for match in pattern.finditer(text)
        ]
        assert not found, (page.name, found)
        assert "mermaid" not in text, "the theme would fetch mermaid"
        assert "fonts.g" not in text
    for style in site.rglob("*.css"):
        assert not FETCHED.search(style.read_text(encoding="utf-8")), style.name


def test_the_reference_is_there(site):
    for name, words in (
        ("yaml", "horizon_decisions"),
        ("cli", "kpi-gate retrain"),
        ("checks", "effective_units"),
        ("ledger", "previous_hash"),
        ("python", "trained_until"),
    ):
        assert words in (site / f"reference/{name}.html").read_text(encoding="utf-8")


def test_what_is_printed_is_shown(site):
    page = (site / "explanation/rooms.html").read_text(encoding="utf-8")
    assert "src/kpi_gate/" in page
