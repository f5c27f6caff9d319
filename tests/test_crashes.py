"""Runs die by SIGKILL, at every boundary and at any moment; a restart leaves nothing half done."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import inside, runs_of
from starts import begin_from

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
SUPPORT = Path(__file__).parent / "support"
PROMOTED = ["decision", "intent", "done"]
at_boundaries = pytest.mark.xdist_group("kills at boundaries")  # each group plays in one process
at_moments = pytest.mark.xdist_group("kills at moments")


@pytest.fixture(scope="module")
def boundaries(tmp_path_factory, migrated, shared):
    """Play what dies at a named point, in one process: each needs its imports."""
    states = ("first_champion", "second_evidence", "second_champion")
    root = lay_out(tmp_path_factory.mktemp("boundaries"), migrated, shared, states)
    return played(root, "training", "release", "half written", "given up", "rollback", "reanchor")


@pytest.fixture(scope="module")
def moments(tmp_path_factory, migrated, shared):
    """Play what chance decides, in another."""
    states = ("first_champion", "second_evidence", "second_decision")
    root = lay_out(tmp_path_factory.mktemp("moments"), migrated, shared, states)
    return played(root, "moments", "race of two", "race of one")


def lay_out(folder, migrated, shared, states):
    """Make a project that holds the states, and one beside it for the first use of everything."""
    with inside(folder / "elsewhere", migrated):
        pass
    with inside(folder / "project", migrated) as root:
        for name in states:
            begin_from(name, root, runs_of(root), shared)
            for part in (".kpi-gate", "data", "dvc.lock"):
                (shutil.copytree if (root / part).is_dir() else shutil.copy)(
                    root / part, root / name / part
                )
    return root


def played(project, *scenarios):
    """Play scenarios of crash_points.py; return what was found, by scenario and point."""
    environment = os.environ | {"PYTHONPATH": str(SUPPORT)}
    command = [sys.executable, "-W", "ignore", str(SUPPORT / "crash_points.py"), "../elsewhere"]
    answer = subprocess.run(
        [*command, *scenarios],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr[-3000:]
    return json.loads(answer.stdout.splitlines()[-1])


def is_whole(found, where):
    """Check what must hold after every restart."""
    assert found["restart"] == 0, (where, found)
    assert found["chain"] == [], where
    assert found["alias"] == found["in_ledger"], where
    assert found["anchor"] == found["anchor_in_ledger"], where
    assert found["done_twice"] == [], where


@at_boundaries
def test_a_kill_at_any_boundary_is_healed_by_the_next_run(boundaries):
    in_training, at_release = boundaries["training"], boundaries["release"]
    assert (len(in_training), len(at_release)) == (11, 8)
    for point, found in (in_training | at_release).items():
        assert found["killed"] == -9, point
    *_, last = in_training  # each of these runs was the restart of the one before
    for point, found in {last: in_training[last], **at_release}.items():
        is_whole(found, point)
        assert found["kinds"] == PROMOTED * 2, point
        assert found["alias"] == "v2", point


@at_moments
def test_a_kill_at_a_random_moment_is_healed_by_the_next_run(moments):
    results = moments["moments"]
    assert len(results) == 10
    for moment, found in results.items():
        is_whole(found, moment)
        assert found["kinds"] == PROMOTED * 2, moment
        assert found["alias"] == "v2", moment
    assert sum(found["killed"] == -9 for found in results.values()) >= 8


@at_boundaries
def test_what_a_kill_leaves_half_written_is_written_anew(boundaries):
    for name, found in boundaries["half written"].items():
        is_whole(found, name)
        assert found["kinds"] == PROMOTED * 2, name
        assert found["alias"] == "v2", name


@at_boundaries
def test_a_kill_while_a_promotion_is_given_up_is_healed(boundaries):
    for point, found in boundaries["given up"].items():
        is_whole(found, point)
        assert found["killed"] == -9, point
        assert found["kinds"] == [*PROMOTED, "decision", "intent", "void"], point
        assert found["alias"] == "v1", point


@at_boundaries
def test_a_kill_within_a_rollback_or_a_reanchoring_is_healed(boundaries):
    for act, last, alias, anchor in (
        ("rollback", "rollback", "v1", "v1"),
        ("reanchor", "anchor", "v2", "v2"),
    ):
        for point, found in boundaries[act].items():
            is_whole(found, point)
            assert found["killed"] == -9, point
            begun = point != "before the intent"
            assert found["kinds"][6:] == ([f"{last}_intent", last] if begun else []), point
            assert found["alias"] == (alias if begun else "v2"), point
            assert found["anchor"] == (anchor if begun else "v1"), point


@at_moments
def test_of_two_promotions_at_once_one_wins_and_the_other_is_stale(moments):
    for number, found in moments["race of two"].items():
        is_whole(found, number)
        assert sorted(moved for moved, _ in found["outcomes"]) == [False, True], found["outcomes"]
        (lost,) = [words for moved, words in found["outcomes"] if not moved]
        assert "was not promoted; stale: measured against v1, now there is" in lost
        assert sorted(found["kinds"][5:]) == ["done", "intent", "intent", "void"], number


@at_moments
def test_of_one_promotion_twice_at_once_there_is_one_release(moments):
    for number, found in moments["race of one"].items():
        is_whole(found, number)
        assert found["kinds"].count("done") == 2, number
        assert found["alias"] == "v3", number
