"""An audit says first whether everything agrees, and shows the rows that it rests on."""

from sample_experiments import audit


def test_what_agrees_is_said_in_one_sentence():
    said = audit().sentence
    assert said.startswith("experiment ")
    assert "8,002 exposures logged, ended with ship; log, plan and ledger agree." in said


def test_what_disagrees_comes_first_and_is_marked():
    found = audit(verified=False, faults=("7 units were in another arm",))
    html = found.to_html()
    assert "DISAGREES" in html
    assert html.index("7 units were in another arm") < html.index("What was planned")
    assert "DISAGREE" in found.sentence


def test_a_version_that_was_not_planned_stands_out():
    rows = audit().rows
    strange = rows[0].model_copy(update={"policy_version": "v9", "as_planned": False})
    html = audit(rows=(strange, *rows[1:])).to_html()
    assert "v9 (not as planned)" in html


def test_each_row_of_the_ledger_is_there_with_its_hash():
    html = audit().to_html()
    for entry in audit().entries:
        assert f"<code>{entry.hash[:12]}</code>" in html
    assert f"kpi-gate ledger verify --noted {'b' * 12}" in html
