"""Every code block of the README and the documentation works, or says why it is not run."""

import ast
import importlib.util
import re
import shlex
from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer
import yaml
from support import block_settings, blocks
from support.door import call
from support.starts import play

from kpi_gate.cli.app import app
from kpi_gate.decision.verdict import Verdict
from kpi_gate.files.project import here
from kpi_gate.record import decision_run
from kpi_gate.run.context import Run
from kpi_gate.usecase import discovery
from kpi_gate.usecase.settings import read_settings
from kpi_gate.workspace import Workspace

ROOT = blocks.ROOT
MAKE = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
ELSEWHERE = {
    "cookiecutter",
    "cruft",
    "curl",
    "cd",
    "git",
    "export",
    "docker",
    "pip",
    "prefect",
    "dvc",
}
OF_A_PROJECT = {"schedule", "update"}  # targets that only a project's Makefile has
CHEAP = {"schema", "--help"}  # run as they stand; the others are held against the options
BASE = yaml.safe_load(blocks.titled("README.md", "reminders.yaml"))
UNTITLED = [block for block in blocks.of("python") if not block.title]  # no files of a project


def ids(found):
    return [str(block) for block in found]


def test_every_block_is_of_a_kind_that_is_tested():
    kinds = {block.language for block in blocks.BLOCKS}
    assert kinds <= {"", "text", "python", "yaml", "sh"}
    assert all(len(block.excuse) >= len("minutes") for block in blocks.BLOCKS if block.excuse)
    assert not [str(block) for block in blocks.of("yaml", excused=True)]
    assert not [str(block) for block in blocks.of("python", excused=True)]


def test_every_link_between_pages_leads_to_a_file_of_the_repository():
    for page in (ROOT / "docs").rglob("*.md"):
        links = re.findall(r"\]\((?![#a-z]+:|#)([^)#\s]+)", page.read_text(encoding="utf-8"))
        assert [link for link in links if not (page.parent / link).exists()] == [], page


@pytest.mark.parametrize("block", UNTITLED, ids=ids(UNTITLED))
def test_python_runs(block, tmp_path, monkeypatch):
    before = getattr(block_settings, block.setting, None) if block.setting else None
    names = before(tmp_path, monkeypatch) if before else {}
    last = run(block, names)
    after = getattr(block_settings, f"after_{block.setting}", None)
    assert not block.setting or before or after, f"{block}: no setting {block.setting!r}"
    if after:
        after(names, last)


def run(block, names):
    """Run a block as a notebook does; return what its last line is worth."""
    tree = ast.parse(block.text)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, str(block), "exec"), names)  # noqa: S102  (our own pages)
    if last is None:
        return None
    return eval(compile(ast.Expression(last.value), str(block), "eval"), names)  # noqa: S307


def merged(given):
    """Return the settings of the README's use case with what a block says instead."""
    whole = {**BASE, **given}
    for name in ("objective", "window"):
        whole[name] = {**BASE[name], **given.get(name, {})}
    return whole


@pytest.mark.parametrize("block", blocks.of("yaml"), ids=ids(blocks.of("yaml")))
def test_yaml_is_read_by_the_loader(block, tmp_path):
    given = yaml.safe_load(block.text)
    path = tmp_path / "reminders.yaml"
    whole = "value" in given
    path.write_text(block.text if whole else yaml.safe_dump(merged(given)), encoding="utf-8")
    read = read_settings(path)
    for name in given:
        assert getattr(read, name) is not None


def lines_of(block):
    """Yield the commands of a block, each as words, without comments and variables."""
    for line in block.text.replace("\\\n", " ").splitlines():
        for part in re.split(r"&&|\|", line):
            words = shlex.split(part, comments=True)
            while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
                words.pop(0)
            if words:
                yield words


COMMANDS = [
    pytest.param(words, id=f"{block} {' '.join(words)[:60]}")
    for language in (False, True)
    for block in blocks.of("sh", excused=language)
    for words in lines_of(block)
]


SAID = sorted(  # in a sentence
    {
        found
        for path in (*blocks.PAGES, blocks.OF_A_PROJECT)
        for found in re.findall(
            r"`(?:\.venv/bin/)?((?:kpi-gate|make|python -m) [^`]+)`", path.read_text("utf-8")
        )
    }
)


@pytest.mark.parametrize("words", COMMANDS)
def test_command_of_a_block_is_there(words):
    hold(words)


@pytest.mark.parametrize("text", SAID)
def test_command_in_a_sentence_is_there(text):
    hold(shlex.split(text.replace("...", "x").replace("VERB", "list")))


def hold(words):
    """Hold a command against what there is: verb and options, target, module."""
    program, *rest = words
    program = program.removeprefix(".venv/bin/")
    if program == "docker" and "kpi-gate" in rest:
        program, rest = "kpi-gate", rest[rest.index("kpi-gate") + 1 :]
    if program == "kpi-gate":
        resolve(rest)
    elif program == "make":
        assert {word for word in rest if "=" not in word} <= MAKE | OF_A_PROJECT, rest
    elif program == "python":
        assert rest[0] == "-m", rest
        assert importlib.util.find_spec(rest[1]) is not None, rest[1]
    else:
        assert program in ELSEWHERE, program


def resolve(words):
    """Hold the words of a command against the verbs and options that there are."""
    command = typer.main.get_command(app)
    context = command.context_class(command, info_name="kpi-gate")
    while hasattr(command, "commands"):
        if words[0].startswith("-"):
            command.make_parser(context).parse_args(args=list(words))
            return
        name, *words = words
        assert name in command.commands, name
        command = command.commands[name]
        context = command.context_class(command, info_name=name, parent=context)
    _, left, _ = command.make_parser(context).parse_args(args=list(words))
    assert not left, f"{left} too many"


def test_cheap_commands_run():
    for block in blocks.of("sh"):
        for program, *words in lines_of(block):
            if program.endswith("kpi-gate") and set(words) & CHEAP:
                code, out, err = call(*words)
                assert code == 0, err
                assert out


def test_the_gate_runs_on_a_table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (block,) = [found for found in blocks.of("sh") if found.setting == "table"]
    yaml_text = blocks.titled(block.page, "objective.yaml")
    (tmp_path / "objective.yaml").write_text(yaml_text, encoding="utf-8")
    block_settings.table().to_csv("rows.csv", index=False)
    ((_, *words),) = lines_of(block)
    code, out, err = call(*words)
    assert code == 0, out + err
    assert (tmp_path / "page.html").stat().st_size > 0


def test_the_tutorial_is_the_readmes_use_case():
    for name in ("reminders.py", "reminders.yaml"):
        there = blocks.titled("docs/tutorial.md", f"src/clinic/usecases/{name}")
        assert there == blocks.titled("README.md", name)


def test_every_artifact_of_a_run_that_is_named_is_written():
    source = Path(decision_run.__file__).read_text(encoding="utf-8")
    text = (ROOT / "docs/how-to/approval.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`decision/(\w+\.\w+)`", text))
    assert len(named) > 3
    assert {name for name in named if name not in source} == set()


@pytest.mark.slow
def test_the_tutorial_comes_out_as_it_says(project):
    """Its files are written and its commands called in turn, in a project that is no toy's."""
    for name in ("pyproject.toml", "dvc.yaml"):
        path = project / name
        path.write_text(path.read_text("utf-8").replace("src/toys/", "src/clinic/"), "utf-8")
    told = {}
    for block in blocks.read(ROOT / "docs/tutorial.md"):
        if block.language in ("python", "yaml"):
            lay_out(block, project)
        elif block.language == "sh" and not block.excuse:
            told |= dict(call_each(block))
    assert told == {"2024-02-01": 12, "2024-06-01": 0, "2024-07-01": 14}


def lay_out(block, project):
    """Write a block into its file; a script is run from there."""
    name = block.title.removeprefix("added to ")
    path = project / name
    before = path.read_text(encoding="utf-8") if name != block.title else ""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(before + block.text, encoding="utf-8")
    if path.parent == project:
        run(block, {"__name__": "__main__"})


def call_each(block):
    """Call what a block says; yield the tick and the exit code of each retraining.

    A retraining is played by its verbs: what the flow and its server add is tested elsewhere.
    """
    for line in block.text.splitlines():
        words = shlex.split(line, comments=True)[1:]
        if words[0] != "retrain":
            assert call(*words)[0] == 0, words
            continue
        resolve(words)
        said = re.search(r"exit code (\d+): (\w+)", line)
        tick = datetime.fromisoformat(words[-1]).replace(tzinfo=UTC)
        module = here().load(discovery.module_file(words[1]), anew=True)  # its YAML has changed
        entry, *_ = play(Run(module.USE_CASE, tick, Workspace()))
        assert entry.body["verdict"] == said[2], entry.body["sentence"]
        assert Verdict(said[2]).exit_code == int(said[1])
        yield words[-1], int(said[1])
