"""The page of a validation: what is wrong in words, a guess at why, ten rows with marks."""

import re
from dataclasses import replace

import pytest
from sample_decisions import gate, read
from sample_pages import validation

from kpi_gate.decision.gate import refuse
from kpi_gate.render import render
from kpi_gate.report.decision_page import page


def rows_of(html):
    table = html.partition('aria-label="Example rows"')[2].partition("</table>")[0]
    return re.findall(r"<tr><th scope=\"row\">(\d+)</th>(.*?)</tr>", table)


def test_ten_rows_are_shown_and_what_offends_is_marked_and_stands_first():
    html = render(validation(), "html")
    shown = rows_of(html)
    assert [int(number) for number, _ in shown] == list(range(10))
    for _, cells in shown:
        assert re.findall(r'<td class="marked">(.*?)</td>', cells) == ["✗&nbsp;2500.0"]
    heads = re.findall(r'<th scope="col">(\w+)</th>', html)
    assert heads.index("spend") < heads.index("colour")


def test_rows_that_break_a_rule_go_before_those_of_an_aggregate():
    report = validation()
    (failure,) = report.failures
    recent = replace(failure, count=0, positions=range(11), reason="median")
    single = replace(failure, count=2, positions=[4, 7])
    html = render(replace(report, failures=(recent, single)), "html")
    assert [int(number) for number, _ in rows_of(html)] == [4, 7]


def test_every_failure_gives_an_example():
    report = validation()
    (failure,) = report.failures
    colour = replace(failure, rule=replace(failure.rule, about="colour"), positions=[10], count=1)
    html = render(replace(report, failures=(failure, colour)), "html")
    assert "10" in [number for number, _ in rows_of(html)]
    assert html.count("✗&nbsp;red") == 1


@pytest.mark.parametrize("probably", ["Probably 100 times too large: cents?", ""])
def test_the_guess_is_said_in_the_head_or_there_is_none(probably):
    words = read(render(validation(probably=probably), "html"))
    assert ("spend: probably 100 times too large: cents?" in words) == bool(probably)


def test_a_decision_that_is_invalid_says_the_guess_in_its_head():
    reason = f"spend: expected {'much ' * 50}; 9 rows are not so (probably 100 times too large)."
    html = page(refuse(reason, gate(), check="data_valid", subject="toy"))
    head = read(html.partition("</header>")[0].partition("<header")[2].join(("<p ", "</p>")))
    assert "cannot be trusted: spend is probably 100 times too large. What failed is below." in head
