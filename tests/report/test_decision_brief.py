"""A decision in short: one reason, one sum, what failed, what would change it; nothing is cut."""

import io
import re

import pytest
from rich.console import Console
from sample_decisions import DECISIONS, HOSTILE, flat, gate, hostile, read

from kpi_gate.decision.gate import refuse
from kpi_gate.decision.verdict import Verdict
from kpi_gate.report import decision_terminal
from kpi_gate.report.decision_brief import brief, first_cause, lead
from kpi_gate.report.decision_text import markdown, page, sentence, table
from kpi_gate.report.next_step import ask

SUM = re.compile(r"about (\S+) EUR a year")


@pytest.fixture(params=DECISIONS, ids=lambda name: name.replace(" ", "-"))
def decision(request):
    return DECISIONS[request.param]


def test_the_verdict_comes_first_with_one_sum_of_money(decision):
    said = brief(decision)
    first, rest = said.split("\n\n")
    assert first.startswith(f"{decision.verdict}: ")
    measured = decision.gain is not None and decision.verdict is not Verdict.INVALID
    assert len(SUM.findall(said)) == measured
    if measured:
        about = float(SUM.search(said)[1].replace(",", ""))
        assert about == pytest.approx(decision.money, rel=0.15, abs=6)
    assert "\n\n" not in rest


def test_what_failed_is_there_and_what_passed_is_counted(decision):
    said = brief(decision, "--all")
    lines = said.splitlines()
    assert sum(line.startswith("  FAIL  V") for line in lines) == len(decision.failed)
    for check in decision.failed:
        assert check.name.replace("_", " ") in said
    advisory = sum(check.rule == "V3" and check.passed is True for check in decision.checks)
    passed = sum(check.passed is True for check in decision.checks) - advisory
    assert bool(re.search(rf"^{passed} (others?|checks?) passed", said, re.MULTILINE)) == (
        passed > 0
    )
    assert "0 others" not in said
    assert ("; 1 is advisory" in said) == (advisory == 1)
    assert ("(--all)." in said) == (len(decision.checks) > len(decision.failed))
    assert flat(ask(decision)) in flat(said)


def test_nothing_is_cut_and_every_line_fits(decision):
    for said in (brief(decision), table(decision)):
        assert "..." not in said
        assert max(map(len, said.splitlines())) <= 100
    narrow = brief(decision, width=40)
    assert max(map(len, narrow.splitlines())) <= 40
    assert flat(narrow) == flat(brief(decision))


def test_what_a_stage_refused_can_be_read_again():
    """`reproduce` holds the first paragraph of a refusal against the record."""
    for name in ("refused", "no rows"):
        assert flat(brief(DECISIONS[name]).partition("\n\n")[0]) == sentence(DECISIONS[name])


def test_a_chance_is_told_apart_from_what_is_needed():
    hold = DECISIONS["hold"]
    near = hold.gain.model_copy(update={"p_above_threshold": 0.9496})
    said = brief(hold.model_copy(update={"gain": near}))
    assert "95.0 % sure" not in said
    assert "94.96 % sure of more than 0.02 EUR a decision; 95 % is needed" in flat(said)


def test_hostile_text_stays_text():
    said = brief(hostile())
    assert "\x1b" not in said
    assert flat(HOSTILE.replace("\x1b", " ")) in flat(said)


@pytest.mark.parametrize(("terminal", "no_color"), [(True, False), (True, True), (False, False)])
def test_colour_on_a_terminal_alone(monkeypatch, terminal, no_color):
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    out = io.StringIO()
    made = Console(file=out, force_terminal=terminal, width=300, highlight=False)
    monkeypatch.setattr(decision_terminal, "Console", lambda **_: made)
    decision = DECISIONS["hold"]
    decision_terminal.show_decision(decision, whole=False, after=["Page: [here]"])
    assert ("\x1b[1;33mHOLD:" in out.getvalue()) == (terminal and not no_color)
    assert ("\x1b[" in out.getvalue()) == terminal
    plain = re.sub(r"\x1b\[[\d;]*m", "", out.getvalue())
    assert plain == f"{brief(decision, '--all')}\nPage: [here]\n"


CAUSE = "spend: expected 5 to 500; 11 of 12 rows are not so (probably 100 times too large: cents?)"
REASONS = (CAUSE, f"{CAUSE}.", f"{CAUSE}?", f"{CAUSE}. 11 rows are in quarantine.", "no rows.")


@pytest.mark.parametrize("reason", [*REASONS, *(f"{long} {'and so on ' * 30}" for long in REASONS)])
@pytest.mark.parametrize("verdict", [Verdict.INVALID, Verdict.INSUFFICIENT_EVIDENCE])
def test_what_was_refused_is_said_once_and_every_sentence_ends_once(reason, verdict):
    decision = refuse(reason, gate(), check="data_valid", subject="toy", verdict=verdict)
    said = flat(brief(decision))
    assert said.count(flat(reason).rstrip(".")) == 1
    assert "0 others" not in said
    told = (said, flat(table(decision)), markdown(decision), read(page(decision)))
    for text in (*told, lead(decision), decision.ask, first_cause(decision)):
        assert not re.search(r"[.?!]\.(?!\.)", text.replace("...", "")), text
    assert len(first_cause(decision)) < 260 or verdict is not Verdict.INVALID


def test_of_several_causes_a_list_of_use_cases_names_the_first():
    reason = f"{CAUSE}; age: nothing is known. 3 rows are in quarantine"
    said = first_cause(refuse(reason, gate(), check="data_valid", subject="toy"))
    assert said == "the comparison cannot be trusted: spend: expected 5 to 500 (and more)."


def test_what_to_do_is_no_second_cause():
    reason = "toy has 0 rows before 2024-01-01; choose a later --as-of"
    said = first_cause(refuse(reason, gate(), check="rows_present", subject="toy"))
    assert reason in said
