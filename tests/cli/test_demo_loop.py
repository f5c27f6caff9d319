"""The loop is played in a project of its own, with settings that differ where it says so."""

import pytest
from sample_decisions import DECISIONS

from kpi_gate.cli import demo_loop
from kpi_gate.examples.sources.worlds import WORLDS
from kpi_gate.files import project
from kpi_gate.usecase.settings import read_settings


def test_a_folder_that_it_did_not_make_is_never_cleared(tmp_path):
    mine = tmp_path / "loop"
    mine.mkdir()
    (mine / "kept.txt").write_text("mine")
    with pytest.raises(SystemExit, match="was not made by it"):
        demo_loop.begin_anew(mine)
    assert (mine / "kept.txt").exists()
    (mine / demo_loop.MARK).touch()
    demo_loop.begin_anew(mine)
    assert not mine.exists()


def test_its_project_has_every_story_with_the_link_required(tmp_path):
    root = tmp_path / "loop"
    demo_loop.lay_out(root)
    found = project.find(root / demo_loop.CASES)
    assert found is not None
    assert found.root == root
    stages = (root / "dvc.yaml").read_text()
    for story in demo_loop.STORIES:
        settings = read_settings(root / demo_loop.CASES / f"{story.name}.yaml")
        assert settings.objective.kpi_link == "required"
        assert story.name in WORLDS
        assert f"{demo_loop.CASES}/${{item}}.yaml" in stages
        assert 0 < story.transfer < 1
    assert "use_cases: [ads, fraud, recommend]" in stages
    assert (root / "flows/monitor.py").exists()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (None, "an experiment first"),
        ({"required_gain": None}, "more than any gain"),
        ({"required_gain": 0.25}, "+0.25"),
    ],
)
def test_what_a_gain_needs_is_what_the_link_says(answer, words):
    decision = DECISIONS["hold"].model_copy(update={"notes": {"link": answer} if answer else {}})
    assert demo_loop.needed(decision) == words
