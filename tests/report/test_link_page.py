"""What people read of a link: in the terminal and on its page."""

import json
import re

import pytest
from sample_decisions import HOSTILE
from sample_links import linked, links, releases

LINKS = links()


def words(text):
    return " ".join(text.split())


def test_one_sentence_says_what_an_offline_euro_has_been_worth():
    for told in (str(LINKS["link"]), LINKS["link"].to_html()):
        found = words(told)
        assert re.search(
            r"n offline EUR has been worth 0\.\d+ EUR online \(90 %: 0\.\d+ to ", found
        )
        assert "from 6 releases" in found


def test_the_table_has_every_release_with_both_gains_and_its_residual():
    told = str(LINKS["link of looks"])
    assert "monitor, not randomised" in told
    for number, one in enumerate(LINKS["link"].releases):
        line = next(row for row in str(LINKS["link"]).splitlines() if f"v{number} d{number}" in row)
        assert f"{one.ended:%Y-%m-%d}" in line
        assert f"+{one.offline:.2f} ± 0.10" in line
    assert "Left out: row 9 (experiment_import x) is in USD, the objective in EUR." in told


def test_what_a_gain_needs_now_is_said():
    assert "An offline gain of +0." in str(LINKS["link"])
    assert "No offline gain suffices yet for the KPI to rise with 90 %." in str(
        LINKS["link of nothing"]
    )
    sure = {"slope": 1.0, "standard_deviation": 0.1}
    assert "by belief alone: an experiment must come first" in words(str(linked(link_prior=sure)))
    dearer = linked(*releases(6, 0.8), kpi_target=0.2)
    assert "by more than 0.2 EUR a decision" in words(str(dearer))
    assert dearer.required_gain > LINKS["link"].required_gain


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("link", "LINKED"),
        ("link of nothing", "NOT LINKED YET"),
        ("link without a release", "NOT LINKED YET"),
        ("link of looks", "NOT LINKED YET"),
    ],
)
def test_the_page_says_whether_there_is_a_link_and_what_to_do(name, state):
    html = LINKS[name].to_html()
    assert f"<h1><b>{state}</b>" in html
    asks = "kpi-gate experiment plan toy" in html
    assert asks == (LINKS[name].randomised == 0)


def test_the_page_draws_releases_slope_required_gain_and_residuals():
    html = LINKS["link"].to_html()
    for said in (
        "6 releases by offline gain and KPI lift",
        "How likely each slope is",
        "Offline gain that was required",
        "Residuals, standard deviations from what the others let expect",
    ):
        assert html.count(f'aria-label="{said}') == 1
    assert "No offline gain has sufficed yet." in LINKS["link of nothing"].to_html()
    assert "<figure>" in LINKS["link without a release"].to_html()  # what is believed


def test_a_release_that_fits_none_is_marked():
    odd = releases(8, 0.8)
    odd[3] = odd[3].model_copy(update={"online": -3.0})
    told = linked(*odd)
    assert abs(told.residuals[3]) > 2
    assert max(map(abs, told.residuals)) == abs(told.residuals[3])
    assert f"{told.residuals[3]:+.1f} !" in str(told)


def test_what_was_required_is_told_as_each_release_became_known():
    told = LINKS["link"]
    assert [moment for moment, _ in told.required_then] == [one.ended for one in told.releases]
    assert told.required_then[-1][1] == pytest.approx(told.required_gain)
    assert LINKS["link of nothing"].required_then[-1][1] is None


def test_a_program_reads_all_of_it_as_strict_json():
    for told in LINKS.values():
        json.dumps(told.model_dump(mode="json"), allow_nan=False)


def test_words_of_others_stay_words():
    for told in links(HOSTILE).values():
        assert "<script>" not in told.to_html()
        assert "\x1b" not in str(told)
