"""The pictures of the README and the documentation show the pages that there are."""

import json

import pytest

from benchmarks import readme, screenshots
from benchmarks.screenshots import PAGE, PICTURES, REMEDY, RUN, TAKEN, decision, made_of, stale
from kpi_gate.report import decision_page
from kpi_gate.report.html import fill
from tests.golden.facts import recorded


def test_no_picture_is_stale():
    assert stale() == [], f"they show another page than there is: {REMEDY}"


def test_every_picture_of_a_page_is_one_that_was_taken():
    taken = {*PAGE, *RUN}
    assert set(json.loads(TAKEN.read_text(encoding="utf-8"))) == taken
    assert {path.name for path in PICTURES.glob("*.png")} == taken


def test_the_decision_is_the_one_that_the_machine_comes_to_now():
    """Held by the recorded decisions: at this tick they have the same sides and rows."""
    shown = decision()
    known = recorded("campaign")[f"{shown.lineage.as_of:%Y-%m-%d}"]
    remedy = f"{REMEDY} with --play"
    assert shown.verdict == known["verdict"], remedy
    for name in ("estimate", "standard_error", "lower", "upper", "rows", "units"):
        assert getattr(shown.gain, name) == pytest.approx(known["gain"][name], rel=1e-12), remedy


def test_another_style_or_template_makes_them_stale(monkeypatch):
    before = made_of(decision())
    monkeypatch.setattr(decision_page, "fill", lambda name, **shown: fill(name, **shown) + "more")
    after = made_of(decision())
    assert {name for name in after if after[name] != before[name]} == set(PAGE)


def test_another_number_makes_them_stale():
    shown = decision()
    other = shown.model_copy(update={"unit": "USD"})
    assert all(made_of(other)[name] != digest for name, digest in made_of(shown).items())


def test_a_picture_put_in_its_place_is_told(tmp_path, monkeypatch):
    for path in PICTURES.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "run.png").write_bytes(b"another")
    monkeypatch.setattr(screenshots, "PICTURES", tmp_path)
    assert stale() == ["run.png"]


def test_what_the_run_shows_is_recorded_as_a_retraining_does(tmp_path, migrated):
    (tmp_path / "mlflow.db").write_bytes(migrated.read_bytes())
    assert screenshots.recorded(decision(), tmp_path).startswith("#/experiments/")


@pytest.mark.parametrize("before", [None, b"mine"])
def test_what_is_played_leaves_the_record_of_the_last_tick(before, tmp_path, monkeypatch):
    monkeypatch.setattr(readme, "ROOT", tmp_path)
    lock = tmp_path / "dvc.lock"
    if before:
        lock.write_bytes(before)
    with readme.lock_kept():
        lock.write_bytes(b"played")
    assert (lock.read_bytes() if lock.exists() else None) == before
