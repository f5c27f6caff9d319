"""How use cases stand, and what was decided, at the door."""

import json

import pytest
from door import call

from kpi_gate.cli import show


def blocks(out):
    """Return the facts of each use case by their names."""
    return {line[2:12].strip(): line[12:] for line in out.splitlines() if line.startswith("  ")}


def test_a_use_case_that_has_done_nothing_says_what_to_do(project):
    code, out, _ = call("status")
    told = blocks(out)
    assert code == 0
    assert out.splitlines()[0].startswith("toy: ")
    assert told["champion"] == "the rule of thumb"
    assert told["verdict"] == "none yet: kpi-gate retrain toy"
    assert told["data"] == "no snapshot yet"
    assert told["health"] == "not looked at yet"
    assert told["next tick"].endswith("if it is scheduled")


def test_a_use_case_says_its_champion_verdict_data_and_next_tick(project, quiet_tick):
    (facts,) = json.loads(call("status", "toy", "--json")[1])
    assert (facts["champion"], facts["as_of"][:10]) == ("v1", "2024-04-01")
    assert facts["verdict"] in ("INSUFFICIENT_EVIDENCE", "HOLD")
    assert " USD a year" in facts["reason"]  # a currency keeps its letters
    assert facts["next_retrain"] > facts["champion_since"]
    told = blocks(call("status", "toy")[1])
    assert told["champion"].startswith("v1, since ")
    assert told["data"].startswith("2024-01-01 to 2024-03-31, ")
    assert told["verdict"].startswith(f"{facts['verdict']} as of 2024-04-01, decision ")


def test_what_cannot_be_loaded_hides_no_other(project):
    (project / "src/toys/usecases/broken.py").write_text("1/0\n")
    code, out, err = call("status")
    assert code == 2
    assert out.startswith("toy: ")
    assert "broken.py:1: cannot be imported: ZeroDivisionError" in err
    assert call("status", "nope")[0] == 2


def test_a_decision_is_printed_again_and_opened(project, second_champion, monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setenv("BROWSER", "any")
    rows = json.loads(call("ledger", "show", "--json")[1])
    first = rows[0]
    code, out, _ = call("show", first["subject"][:6])
    assert code == 0
    assert out.startswith("PROMOTE: the candidate earns more than the rule of thumb")
    page = next(line for line in out.splitlines() if line.startswith("Page: "))
    assert (project / page.removeprefix("Page: ")).read_text().startswith("<!DOCTYPE html>")
    assert f"/#/runs/{first['body']['run_id']}" in out
    assert call("show", "1", "--open")[1].startswith(out)
    newest = rows[-1]["subject"]
    assert call("open", "toy")[0] == 0
    assert len(opened) == 2
    assert first["body"]["run_id"] in opened[0]
    assert opened[1] != opened[0]
    whole = call("show", newest, "--all")[1]
    assert whole.count("\n  ok ") > 10
    assert json.loads(call("show", newest, "--json")[1])["decision_id"] == newest
    assert call("show", "123456")[0] == 2


def test_a_page_that_mlflow_keeps_elsewhere_is_made_anew(project, first_champion):
    from kpi_gate.cli.decision_links import page_of
    from kpi_gate.record.ledger import open_ledger
    from kpi_gate.workspace import Workspace

    workspace = Workspace()
    (entry,) = open_ledger(workspace).entries("toy", "decision")
    page_of(workspace, entry).unlink()
    path = page_of(workspace, entry)
    assert path == workspace.home / f"decisions/toy/{entry.subject}.html"
    assert "PROMOTE" in path.read_text()


@pytest.mark.parametrize("name", ["DISPLAY", "WAYLAND_DISPLAY", "BROWSER"])
def test_without_a_browser_only_the_path_is_printed(monkeypatch, capsys, name):
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setattr(show.sys, "platform", "linux")
    for each in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(each, raising=False)
    show.browse("http://127.0.0.1:5000/#/runs/1")
    assert (capsys.readouterr().out, opened) == ("http://127.0.0.1:5000/#/runs/1\n", [])
    monkeypatch.setenv(name, ":0")
    show.browse("http://127.0.0.1:5000/#/runs/1")
    assert len(opened) == 1


def test_open_without_a_decision_says_what_to_do(project):
    code, _, err = call("open", "toy")
    assert code == 2
    assert err == "kpi-gate: toy has no decision yet; run `kpi-gate retrain toy`\n"
