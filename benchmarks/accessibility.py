"""Open pages in headless Chromium at four widths, light and dark: height, overflow, text, axe.

    npm install --prefix /tmp/axe axe-core
    python -m benchmarks.accessibility --axe /tmp/axe/node_modules/axe-core/axe.min.js [PAGE ...]

Without pages it opens one of every kind, made of the tests' own results. Exit code 1 where a page
misses a figure. It needs chromium on the path; without `--axe` the rules of axe are left out.
"""

import argparse
import json
import sys
import tempfile
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.browser import Tab, browser

WIDTHS = (360, 420, 1200, 1600)
LEAST_TEXT = 14  # pixels, as it is seen
TALLEST = {420: 9_000, 1200: 2_600}  # pixels of a decision page, folded as it opens
SERIOUS = ("serious", "critical")
LOOK = """(() => {
  const page = document.documentElement;
  let least = 99;
  for (const element of document.querySelectorAll('body *')) {
    if (![...element.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue;
    const box = element.getBoundingClientRect();
    if (box.width < 2 || box.height < 2) continue;
    let size = parseFloat(getComputedStyle(element).fontSize);
    const svg = element.closest('svg[viewBox]');
    if (svg) size *= svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
    least = Math.min(least, size);
  }
  return {height: page.scrollHeight, over: page.scrollWidth - innerWidth, least};
})()"""
AXE = "axe.run(document, {resultTypes: ['violations']}).then(found => found.violations.map(\
one => [one.impact, one.id, one.nodes.length, one.nodes[0].html.slice(0, 120)]))"


@dataclass(frozen=True)
class Seen:
    """A page as it is seen at one width.

    Attributes:
        height: Pixels from top to bottom.
        over: Pixels by which it is wider than the window.
        least: Pixels of the smallest text.
        found: What axe found: impact, rule, how often, where.
    """

    height: int
    over: int
    least: float
    found: tuple[tuple[str, str, int, str], ...] = ()

    def faults(self, name: str, width: int) -> list[str]:
        """Return which figures it misses."""
        said = [
            f"{rule} ({count}): {where}"
            for impact, rule, count, where in self.found
            if impact in SERIOUS
        ]
        if self.over > 0:
            said.append(f"{self.over} px too wide")
        if self.least < LEAST_TEXT:
            said.append(f"text of {self.least:g} px")
        if "decision" in name and self.height > TALLEST.get(width, self.height):
            said.append(f"{self.height} px tall")
        return said


def look(
    tab: Tab, page: Path, width: int, *, dark: bool, axe: str = "", opened: bool = False
) -> Seen:
    """See a page at a width; `opened` unfolds what is folded, `axe` is its script."""
    tab.show(page, width, dark=dark)
    if opened:
        tab.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    told = tab.evaluate(LOOK)
    found = []
    if axe:
        tab.evaluate(f"{axe};0")
        found = tab.evaluate(AXE)
    return Seen(told["height"], told["over"], told["least"], tuple(map(tuple, found)))


def samples(folder: Path) -> list[Path]:
    """Write a page of every kind from the tests' own results."""
    sys.path.append(str(Path(__file__).parents[1] / "tests" / "support"))
    pages: dict[str, str] = import_module("sample_pages").PAGES
    for name, html in pages.items():
        (folder / f"{name}.html").write_text(html, encoding="utf-8")
    return [folder / f"{name}.html" for name in pages]


def main() -> None:
    """Print a table of what is seen."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("pages", nargs="*", type=Path)
    parser.add_argument("--axe", type=Path, help="axe.min.js")
    given = parser.parse_args()
    axe = given.axe.read_text("utf-8") if given.axe else ""
    table = Table("page", *(f"{width} px" for width in WIDTHS), "least text", "axe", box=None)
    faults: list[str] = []
    minor: dict[str, tuple[str, str, int, str]] = {}
    with tempfile.TemporaryDirectory() as scratch, browser() as tab:
        for page in given.pages or samples(Path(scratch)):
            heights, least, serious = [], 99.0, 0
            for width in WIDTHS:
                for dark, opened in ((False, False), (True, True)):
                    seen = look(tab, page, width, dark=dark, axe=axe, opened=opened)
                    missed = seen.faults(page.stem if not opened else "", width)
                    scheme = "dark, unfolded" if dark else "light"
                    faults += [f"{page.stem}, {width} px, {scheme}: {words}" for words in missed]
                    least = min(least, seen.least)
                    serious += sum(one[0] in SERIOUS for one in seen.found)
                    minor |= {one[1]: one for one in seen.found if one[0] not in SERIOUS}
                    heights += [] if opened else [seen.height]
            shown = "not run" if not axe else f"{serious} serious"
            table.add_row(page.stem, *(f"{height:,}" for height in heights), f"{least:g}", shown)
    console = Console(highlight=False, width=110)
    console.print(table)
    console.print("\n".join([*faults, *(f"minor: {json.dumps(one)}" for one in minor.values())]))
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
