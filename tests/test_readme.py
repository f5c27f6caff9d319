"""The README's tree is the tree, and what it names is there."""

import re

from benchmarks.readme import NOTES, README, ROOT, fill, tree
from kpi_gate.cli.app import app, ledger_app
from kpi_gate.decision.stats.calibration import BUILT_IN

TEXT = README.read_text(encoding="utf-8")


def test_the_tree_is_the_tree():
    assert fill(TEXT, "tree", tree()) == TEXT, "run `python -m benchmarks.readme tree`"


def test_what_the_tree_names_is_there():
    assert [name for name in NOTES if not (ROOT / name).exists()] == []


def test_the_table_of_promises_names_tests_that_are_there():
    text = (ROOT / "tests/README.md").read_text(encoding="utf-8")
    named = re.findall(
        r"`([\w/]+(?:\.py|/))`", text.partition("\n|---|---|\n")[2].partition("\n\n")[0]
    )
    assert len(named) > 30
    assert [name for name in named if not (ROOT / "tests" / name).exists()] == []


def test_every_command_of_the_readme_exists():
    commands = app.registered_commands
    known = {found.name or found.callback.__name__.replace("_", "-") for found in commands}
    known |= {"ledger"} | {command.name for command in ledger_app.registered_commands}
    named = r"kpi-gate (?!\.)([a-z]+(?:-[a-z]+)*)\b(?! gate)"
    used = set(re.findall(named, TEXT.replace("kpi-gate:", "")))
    assert used <= known, used - known
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"make ([a-z]+)(?=`|\s{2,}#|\s{2,})", TEXT)) <= targets


def test_every_measure_is_named():
    assert [measure for measure in BUILT_IN if f"`{measure}`" not in TEXT] == []


def test_every_picture_is_there_and_small():
    pictures = re.findall(r"!\[[^]]+\]\(([^)]+)\)", TEXT)
    assert pictures
    for name in pictures:
        assert 0 < (ROOT / name).stat().st_size < 300_000, name
