"""What is done to MLflow and the ledger behind our back is told; one command puts it right."""

import shutil
from types import SimpleNamespace

import pytest
from starts import AFTER_DRIFT, play

from kpi_gate import pipeline
from kpi_gate.record.agreement import agrees_at_a_glance, differences
from kpi_gate.record.mlflow_client import client
from kpi_gate.record.model_files import GOLDEN_FILE, MODEL_FILE
from kpi_gate.record.registered import CHAMPION
from kpi_gate.release import promotion
from kpi_gate.release.promotion import PromotionError
from kpi_gate.release.realign import realign
from kpi_gate.usecase.refusal import Refusal

pytestmark = pytest.mark.slow


@pytest.fixture
def world(quiet_tick, run_at):
    """A home in which v1 is champion and v2 was refused, and what an attack takes hold of."""
    workspace = run_at().workspace
    stored = sorted(
        (workspace.home / "artifacts").rglob(MODEL_FILE), key=lambda p: p.stat().st_mtime
    )
    with client(workspace) as mlflow_client:
        yield SimpleNamespace(
            workspace=workspace, run=run_at(AFTER_DRIFT), mlflow=mlflow_client, stored=stored
        )


def say(world):
    return world.run.history


def tag(version, name, value):
    return lambda world: world.mlflow.set_model_version_tag("toy", version, name, value)


def point(alias, version):
    return lambda world: world.run.registry.point(alias, version)


def forge(world):
    """Append a promotion of the refused version with right hashes, and move the alias."""
    refused = world.run.ledger.entries("toy", "decision")[-1]
    body = {"version": "v2", "from": "v1", "forced": "", "approved_by": ""}
    for kind in ("intent", "done"):
        world.run.ledger.append("toy", kind, refused.subject, body)
    point("champion", "v2")(world)


def replace_all(world):
    """Put all files of the refused version in the place of the champion's."""
    ours, theirs = (path.parent for path in world.stored)
    shutil.rmtree(ours)
    shutil.copytree(theirs, ours)


def change_golden(world):
    golden = [next(path.parent.rglob(GOLDEN_FILE)) for path in world.stored]
    shutil.copy(golden[1], golden[0])


def register_by_hand(world):
    source = world.mlflow.get_model_version("toy", "2").source
    made = world.mlflow.create_model_version("toy", source)
    world.mlflow.set_model_version_tag("toy", made.version, "approved_by", "jane")


def lose_ledger(world):
    """Take the ledger away, and all that this home remembers of it."""
    for path in world.workspace.home.glob("ledger*"):
        path.unlink()


ATTACKS = {
    "champion moved": (point("champion", "v2"), "champion_recorded", "is v2 in MLflow, .* is v1"),
    "champion taken away": (point("champion", ""), "champion_present", "no toy@champion, .*v1"),
    "anchor moved": (point("anchor", "v2"), "anchor_recorded", "toy@anchor is v2 in MLflow"),
    "anchor taken away": (point("anchor", ""), "anchor_present", "has no toy@anchor"),
    "version deleted": (
        lambda world: world.mlflow.delete_model_version("toy", "1"),
        "champion_present",
        "no version v1 of toy any more",
    ),
    "model renamed": (
        lambda world: world.mlflow.rename_registered_model("toy", "other"),
        "champion_present",
        "no registered model toy",
    ),
    "files replaced": (replace_all, "champion_readable", "card.json is not the file"),
    "golden rows replaced": (change_golden, "champion_readable", "golden.parquet is not the file"),
    "used rows made fresh": (
        tag("1", "evidence_end", "2024-01-01T00:00:00+00:00"),
        "tags_recorded",
        "tag evidence_end of toy version v1 is 2024-01-01",
    ),
    "no evidence_end": (
        lambda world: world.mlflow.delete_model_version_tag("toy", "1", "evidence_end"),
        "tags_recorded",
        "tag evidence_end of toy version v1 is gone",
    ),
    "another decision": (tag("1", "decision_id", "x"), "tags_recorded", "tag decision_id"),
    "a refused version approved": (
        tag("2", "approved_by", "jane"),
        "approval_counts",
        "version v2 is tagged approved_by jane .* its decision is",
    ),
    "a strange version approved": (
        register_by_hand,
        "approval_counts",
        "v3 .* no decision registered it",
    ),
    "promotion forged": (forge, "releases_sound", r"row \d+ \(intent .* and is not forced"),
    "ledger lost": (lose_ledger, "ledger_complete", "names row 4 of the ledger, which has 0 rows"),
}
AFTERWARDS = {  # whoever cannot be used any more gives way
    "version deleted": "",
    "model renamed": "",
    "files replaced": "",
    "golden rows replaced": "",
    "ledger lost": "",
}


@pytest.mark.parametrize("name", ATTACKS)
def test_it_is_a_failed_check_and_one_command_puts_it_right(world, name):
    attack, check, words = ATTACKS[name]
    attack(world)
    world.run.ledger.entries()
    with pytest.raises(Refusal, match=words) as refusal:
        pipeline.fetch_champion(world.run)
    assert refusal.value.check == check
    assert agrees_at_a_glance(world.workspace, world.run.history) == (check == "champion_readable")
    assert "`kpi-gate realign toy --reason ...`" in str(refusal.value)
    assert realign(world.run, "found on Monday")
    assert differences(world.workspace, world.run.history) == []
    assert agrees_at_a_glance(world.workspace, world.run.history)
    wanted = AFTERWARDS.get(name, "v1")
    assert say(world).champion == wanted
    assert world.run.registry.version_of(CHAMPION) == wanted
    assert pipeline.fetch_champion(world.run).name == (wanted or "baseline")
    (row,) = world.run.ledger.entries("toy", "realigned")
    assert (row.body["reason"], bool(row.body["found"])) == ("found on Monday", True)
    with pytest.raises(PromotionError, match="nothing differs"):
        realign(world.run, "again")


@pytest.mark.parametrize("name", ["promotion forged", "version deleted"])
def test_after_it_the_next_retraining_gives_a_verdict(world, name):
    ATTACKS[name][0](world)
    entry, outcome, _ = play(world.run)
    assert entry.body["verdict"] == "INVALID"
    assert not outcome.moved
    realign(world.run, "found on Monday")
    entry, outcome, _ = play(world.run)
    assert entry.body["verdict"] != "INVALID", entry.body["sentence"]
    assert say(world).champion == world.run.registry.version_of(CHAMPION)


def test_nothing_moves_while_a_row_does_not_count(world):
    forge(world)
    for act in (
        lambda: promotion.rollback(world.run, "x"),
        lambda: promotion.reanchor(world.run, "x"),
    ):
        with pytest.raises(PromotionError, match="realign toy"):
            act()
    assert say(world).champion == "v1"


def test_no_anchor_to_a_champion_that_was_put_in_by_hand(world):
    point("champion", "v2")(world)
    with pytest.raises(PromotionError, match=r"is v2 in MLflow, the ledger's is v1; .*realign toy"):
        promotion.reanchor(world.run, "a new year")
    with pytest.raises(PromotionError, match=r"moved the alias by hand; .*realign toy"):
        promotion.rollback(world.run, "x")


def test_a_realignment_needs_a_reason_and_something_to_put_right(world):
    with pytest.raises(PromotionError, match="needs a reason"):
        realign(world.run, " ")
    with pytest.raises(PromotionError, match="nothing differs"):
        realign(world.run, "just so")
