"""What a person reads of a decision: right words, nothing leaked, nothing that can break out."""

import json
import re
from html import unescape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_decisions import DECISIONS, HOSTILE, VERDICTS, Balance, flat, hostile, read

from kpi_gate.decision.verdict import Decision, GainSummary, Verdict
from kpi_gate.report.decision_text import markdown, page, sentence, table


@pytest.fixture(params=DECISIONS, ids=lambda name: name.replace(" ", "-"))
def decision(request):
    return DECISIONS[request.param]


@pytest.mark.parametrize("name", VERDICTS)
def test_the_samples_reach_every_verdict(name):
    assert DECISIONS[name].verdict is VERDICTS[name]
    assert set(VERDICTS.values()) == set(Verdict)


def test_sentence_begins_with_the_verdict_and_names_the_currency(decision):
    words = sentence(decision)
    assert words.startswith(f"{decision.verdict}: ")
    assert "EUR" in words
    assert "\n" not in words
    if decision.gain is not None and decision.verdict is not Verdict.INVALID:
        assert re.search(r"-?\d[\d,.]* EUR over a year after the switch cost", words)


def test_a_gain_without_any_spread_is_told():
    decision = DECISIONS["promote"]
    gain = decision.gain.model_copy(update={"standard_error": 1e-16, "lower": 0.5, "upper": 0.5})
    words = sentence(decision.model_copy(update={"gain": gain}))
    assert "(the same for every unit and day: there is no spread to judge it by)" in words
    assert "no spread" not in sentence(decision)


def test_promotion_says_what_is_earned_and_booked():
    words = sentence(DECISIONS["promote"])
    assert "the candidate earns 0.500 EUR more per decision than champion v1 (0.4" in words
    assert "booked after shrinkage: 0.4" in words
    assert "approval" not in words
    assert "approval" in sentence(DECISIONS["promote on approval"])
    assert "approval" in read(page(DECISIONS["promote on approval"]))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("hold", "the gain is not certain enough: P(gain > 0.02 EUR) is"),
        ("reject", "the candidate does not earn enough even at best: upper bound of the gain"),
        ("reject", "earns 0.400 EUR less per decision"),
        ("reject by guardrail", "a guardrail is broken: contact rate 0.99; at most: 0.95"),
        ("insufficient", "there is too little evidence: "),
        ("experiment", "an experiment (A/B test) is needed before promotion"),
        ("invalid", "3 rows of the gate window were trained or tuned on"),
        ("invalid", "EUR per decision must not be used"),
        ("refused", "the comparison cannot be trusted: the file is not there"),
        ("first model", "than the rule of thumb (call everyone) ("),
        ("promote bare", "than the champion ("),
        ("one unit", "no interval: one unit"),
    ],
)
def test_sentence_says_why(name, words):
    assert words in sentence(DECISIONS[name])


def test_every_failed_reason_is_in_every_rendering(decision):
    for check in decision.failed:
        assert flat(check.reason) in flat(table(decision))
        assert flat(check.reason) in unescape(markdown(decision))
        assert flat(check.reason) in read(page(decision))


def test_nothing_leaks_how_python_writes_nothing(decision):
    for text in (sentence(decision), table(decision), markdown(decision), read(page(decision))):
        assert not re.search(
            r"\b(nan|None|NaN|inf)\b", text.replace("+inf", "").replace("-inf", "")
        )
    assert "nan" not in re.sub(r"<style>.*?</style>", "", page(decision), flags=re.S)


def test_table_fits_a_terminal_and_lists_every_check(decision):
    lines = table(decision).splitlines()
    assert max(map(len, lines)) <= 100
    assert sum(line.startswith(("  ok ", "  FAIL ", "  -  ")) for line in lines) == len(
        decision.checks
    )


def test_markdown_fits_the_description_of_a_version(decision):
    assert len(markdown(decision)) <= 5_000
    many = decision.model_copy(update={"checks": decision.checks * 8})
    assert len(markdown(many)) <= 5_000
    assert not decision.checks or f"**{decision.verdict}**" in markdown(many)


def test_hostile_text_stays_text():
    decision = hostile()
    html = page(decision)
    assert "script" not in Balance(html).tags
    assert "<script" not in html
    assert flat(HOSTILE.replace("\x1b", " ")) in read(html)
    assert "<script" not in markdown(decision)
    assert "](javascript" not in markdown(decision)
    rows = [line for line in markdown(decision).splitlines() if line.startswith("| FAILED")]
    assert [len(re.findall(r"(?<!\\)\|", row)) for row in rows] == [7]
    for text in (sentence(decision), table(decision), markdown(decision), html):
        assert "\x1b" not in text
    assert max(map(len, table(decision).splitlines())) <= 100


finite = st.floats(allow_nan=False, allow_infinity=False)
maybe = st.none() | finite


@st.composite
def gains(draw):
    return GainSummary(
        estimate=draw(finite),
        standard_error=draw(maybe),
        lower=draw(maybe),
        upper=draw(maybe),
        threshold=draw(finite),
        p_above_threshold=draw(st.floats(0, 1)),
        shrunk=draw(finite),
        unit="EUR",
        rows=draw(st.integers(0, 10**9)),
        units=draw(st.integers(0, 10**9)),
        changed=draw(st.floats(0, 1)),
        uncapped=draw(maybe),
    )


@settings(max_examples=150, database=None)
@given(
    gain=st.none() | gains(),
    name=st.sampled_from(sorted(DECISIONS)),
    verdict=st.sampled_from(Verdict),
    rows_needed=st.none() | st.integers(0, 10**12),
    free=st.tuples(st.floats(), st.floats()),
)
def test_rendering_never_raises(gain, name, verdict, rows_needed, free):
    decision = DECISIONS[name].model_copy(
        update={
            "gain": gain,
            "verdict": verdict,
            "rows_needed": rows_needed,
            "corners": {"rate": free, "cost": (0.1, 0.3)},
            "parts": {"candidate": {"margin": free[0]}, "champion": {"cost": -1.0}},
        }
    )
    assert sentence(decision).startswith(f"{verdict}: ")
    assert max(map(len, table(decision).splitlines())) <= 100
    assert len(markdown(decision)) <= 5_000
    html = page(decision)
    Balance(html)
    assert not re.search(r'="(nan|-?inf)', html)


def test_repr_is_one_short_line(decision):
    shown = repr(decision)
    assert shown.startswith(f"Decision({decision.verdict}")
    assert "\n" not in shown
    assert len(shown) < 300
    if decision.verdict is Verdict.INVALID:
        assert "per decision" not in shown, "its numbers must not be used"


def test_the_head_for_a_notebook_is_whole_and_keeps_to_itself(decision):
    html = decision._repr_html_()
    assert not {"script", "link", "img", "iframe", "object", "body"} & set(Balance(html).tags)
    for check in decision.failed:
        assert flat(check.reason) in read(html)
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)[1]
    for selectors in re.findall(r"(?m)^([^\s@{}][^{}]*) \{", style):
        assert all(".kpi-gate-head" in one for one in selectors.split(",")), selectors
    assert "prefers-color-scheme: dark" in style
    unset = set(re.findall(r"var\((--[a-z-]+)\)", html)) - set(re.findall(r"(--[a-z-]+):", html))
    assert not unset


def test_to_dict_is_plain_json(decision):
    assert Decision.model_validate(json.loads(json.dumps(decision.to_dict()))) == decision


def test_a_page_is_plain_text_to_who_takes_it(decision):
    for _ in range(2):  # the first asks for the module that shows it
        assert type(decision.to_html()) is type(decision._repr_html_()) is str
