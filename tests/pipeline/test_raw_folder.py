"""Raw input is fetched once, anew when it is wanted otherwise, and never lost."""

import pytest

from kpi_gate.pipeline.raw_folder import fetch_once


def lay(folder, words, wanted):
    def fetch(where):
        (where / "rows.csv").write_text(words)

    fetch_once(folder, fetch, wanted)
    return (folder / "rows.csv").read_text()


def test_what_is_there_is_not_fetched_again(tmp_path):
    raw = tmp_path / "toy"
    assert lay(raw, "first", {"drift": False}) == "first"
    assert lay(raw, "second", {"drift": False}) == "first"


def test_another_wish_is_fetched_and_the_old_rows_are_put_aside(tmp_path):
    raw = tmp_path / "toy"
    for words, drift in (("calm", False), ("drift", True), ("calm again", False)):
        assert lay(raw, words, {"drift": drift}) == words
    kept = {path.name: (path / "rows.csv").read_text() for path in tmp_path.glob("toy.*[!n]")}
    assert sorted(kept.values()) == ["calm", "drift"]


def test_the_owners_own_rows_stay_whatever_is_wished(tmp_path):
    raw = tmp_path / "toy"
    raw.mkdir()
    (raw / "rows.csv").write_text("mine")
    assert lay(raw, "fetched", {"drift": True}) == "mine"


def test_half_a_fetch_is_no_input(tmp_path):
    raw = tmp_path / "toy"

    def half(where):
        (where / "rows.csv").write_text("ha")
        raise OSError("the line is cut")

    with pytest.raises(OSError, match="cut"):
        fetch_once(raw, half, {})
    assert not raw.exists()
    assert lay(raw, "whole", {}) == "whole"
