"""DVC's list of the use cases follows their files, and is written only where it must be."""

import stat
import sys
import threading

import pytest
import yaml

from kpi_gate.record import case_list
from kpi_gate.run.opening import follow_use_cases, plan_run
from kpi_gate.usecase import discovery

STAGES = "# mine\nvars:\n- use_cases: [books] # old\nstages: {}\n"


@pytest.fixture
def root(tmp_path):
    (tmp_path / "dvc.yaml").write_text(STAGES, encoding="utf-8")
    return tmp_path


def listed(root):
    (found,) = yaml.safe_load((root / case_list.FILE).read_text(encoding="utf-8"))["vars"]
    return found["use_cases"]


def test_it_holds_the_names_and_says_when_it_is_written(root, capsys):
    case_list.follow(root, ["toys", "books"])
    assert listed(root) == ["books", "toys"]
    assert capsys.readouterr().err == (
        "dvc.yaml follows the use cases: written anew, for you to commit\n"
    )
    before = (root / case_list.FILE).stat()
    case_list.follow(root, ["books", "toys"])
    assert (root / case_list.FILE).stat() == before
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "by_hand",
    ["- use_cases: [toys, books]\n", "- use_cases: [books, books, gone]\n", "- use_cases: []\n"],
)
def test_what_a_person_wrote_into_it_does_no_harm(root, by_hand):
    (root / case_list.FILE).write_text(f"vars:\n{by_hand}stages: {{}}\n", encoding="utf-8")
    case_list.follow(root, ["books", "toys"])
    assert listed(root) == ["books", "toys"]


def test_what_else_stands_there_is_left(root):
    case_list.follow(root, ["toys"])
    text = (root / case_list.FILE).read_text(encoding="utf-8")
    assert text == STAGES.replace("[books] # old", "[toys] # follows their files: nobody writes it")


def test_a_name_that_yaml_takes_for_something_else_stays_a_name(root):
    case_list.follow(root, ["no", "on", "y"])
    assert listed(root) == ["no", "on", "y"]


def test_a_folder_without_stages_gets_no_list(tmp_path):
    case_list.follow(tmp_path, ["books"])
    assert list(tmp_path.iterdir()) == []


def test_it_keeps_its_mode_and_leaves_nothing_beside_it(root):
    path = root / case_list.FILE
    path.chmod(0o640)
    case_list.follow(root, ["books"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert {found.name for found in root.iterdir()} == {case_list.FILE}


def test_whoever_reads_it_while_it_is_written_sees_a_whole_one(root):
    texts = [case_list.listing([name * 200]) + "\n" for name in ("a", "b")]
    path, stop = root / case_list.FILE, threading.Event()
    case_list.rewrite(path, texts[0])

    def write(turn):
        while not stop.is_set():
            turn += 1
            case_list.rewrite(path, texts[turn % 2])

    writers = [threading.Thread(target=write, args=(turn,)) for turn in range(2)]
    for writer in writers:
        writer.start()
    seen = {path.read_text(encoding="utf-8") for _ in range(300)}
    stop.set()
    for writer in writers:
        writer.join()
    assert seen <= {*texts}
    assert {found.name for found in root.iterdir()} == {case_list.FILE}


def test_a_use_case_is_two_files_and_nothing_else(project):
    """Added, renamed and removed by its files, it has its stages in the same moment."""
    cases = project / "src/toys/usecases"
    for ending in ("py", "yaml"):
        text = (cases / f"toy.{ending}").read_text(encoding="utf-8")
        (cases / f"fair.{ending}").write_text(text.replace('name="toy"', 'name="fair"'))
    (cases / "_shared.py").touch()  # code that several use: no use case
    assert discovery.names() == ["fair", "toy"]
    plan_run("fair")
    assert listed(project) == ["fair", "toy"]
    for ending in ("py", "yaml"):
        (cases / f"fair.{ending}").unlink()
    sys.modules.pop("toys.usecases.fair")
    plan_run("toy")
    assert listed(project) == ["toy"]


def test_the_use_cases_of_another_project_are_not_written_into_this_one(project, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "dvc.yaml").write_text(STAGES, encoding="utf-8")
    follow_use_cases(elsewhere)
    assert (elsewhere / "dvc.yaml").read_text(encoding="utf-8") == STAGES
