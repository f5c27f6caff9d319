"""What offline gains have been worth, at the door."""

import json

import pytest
from door import call

from kpi_gate.record.ledger import open_ledger
from kpi_gate.workspace import Workspace


@pytest.fixture
def ledger(project):
    made = open_ledger(Workspace(root=project))
    for number in range(4):
        gain = {"estimate": 0.2 + 0.2 * number, "standard_error": 0.08}
        body = {"version": f"v{number}", "champion": "v0", "verdict": "AB_REQUIRED"}
        said = {"decision": {"gain": gain}, "as_of": "2024-03-01T00:00:00+00:00"}
        made.append("toy", "decision", f"d{number}", {**body, **said})
    return made


def take_in(ledger, number, **changes):
    lift = {"estimate": 0.1 + 0.1 * number, "standard_error": 0.05, "unit": "USD"}
    body = {"decision": f"d{number}", "end": "2024-06-01", "randomised": True, "tool": "sheet"}
    ledger.append(
        "toy", "experiment_import", f"of d{number} {changes}", {**body, **lift, **changes}
    )


def test_without_a_release_it_says_what_is_believed_and_what_to_do(project):
    code, out, _ = call("link", "toy", "--html", "link.html")
    assert code == 0
    assert out.startswith("toy: no release was measured online yet: an offline USD is believed")
    assert "kpi-gate experiment plan toy" in (project / "link.html").read_text()


def test_releases_are_listed_and_told_in_a_sentence(ledger):
    for number in range(4):
        take_in(ledger, number)
    code, out, _ = call("link", "toy")
    assert code == 0
    assert "an offline USD has been worth 0." in out
    assert "from 4 releases" in out
    assert [line.split()[0] for line in out.splitlines() if " import " in line] == [
        "v0", "v1", "v2", "v3",
    ]  # fmt: skip
    told = json.loads(call("link", "toy", "--json")[1])
    assert (len(told["releases"]), told["randomised"], told["unit"]) == (4, 4, "USD")
    early = json.loads(call("link", "toy", "--as-of", "2024-05-01", "--json")[1])
    assert early["releases"] == []


def test_a_row_that_cannot_be_is_named_with_the_way_out(ledger):
    take_in(ledger, 0)
    take_in(ledger, 1, standard_error=-0.1)
    code, _, err = call("link", "toy")
    assert code == 2
    assert "online_error == -0.1, must be > 0 and finite" in err
    assert "the newest row of a release counts" in err
    take_in(ledger, 1, end="2024-06-02")
    assert call("link", "toy")[0] == 0
