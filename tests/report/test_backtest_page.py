"""What a person reads of a backtest: the sentences, the page, the table in the terminal."""

import re

import pytest
from results import HOSTILE, backtest, sweep, trial

from kpi_gate.report.backtest_page import page
from kpi_gate.report.backtest_wording import amount, caution, in_words, lead, overfit, sweep_rows
from kpi_gate.report.terminal import show_backtest


@pytest.mark.parametrize(
    ("value", "sign", "words"),
    [
        (None, False, "–"),
        (0.0, False, "0"),
        (-1e-12, True, "0"),
        (0.01234, False, "0.0123"),
        (99.4, True, "+99.4"),
        (1234567.8, False, "1,234,568"),
        (-1234.4, True, "-1,234"),
    ],
)
def test_amounts(value, sign, words):
    assert amount(value, sign=sign) == words


def test_the_lead_compares_with_the_better_rival():
    assert lead(backtest()) == (
        "Net of switching the gate earned +800 USD (+750 to +850) over never retraining, 80% of "
        "what always promoting the newest did and 67% of what models trained on everything, which "
        "nothing can judge, did, with 1 promotion against 5, none of them false against 2."
    )
    metric = lead(backtest(overs=(800.0, 100.0, 400.0, 1200.0, 0.0, -500.0, 2000.0)))
    assert "200% of what promoting the higher metric did" in metric


def test_the_lead_makes_no_share_of_a_loss():
    found = backtest(overs=(10.0, -100.0, 0.0, 0.0, 0.0, 0.0, 50.0))
    assert found.share_of_best is None
    assert found.as_json()["share_of_everything"] is None
    assert (
        "retraining, against 0 of promoting the higher metric and against 0 of models trained on "
        "everything, which nothing can judge, with" in lead(found)
    )
    behind = lead(backtest(overs=(-10.0, 100.0, 0.0, 200.0, 0.0, 0.0, 500.0)))
    assert "against +100 of always promoting the newest and against +200 of models" in behind


def test_what_caution_cost_is_said_in_words():
    assert caution(backtest()) == (
        "Caution: until the tick after, the candidates that were held would have earned 70 USD "
        "more where they were better, and lost 30 where they were worse: holding them cost 40 USD "
        "in all."
    )
    assert in_words(backtest(), None) == f"{lead(backtest())}\n\n{caution(backtest())}"


def test_waiting_is_what_was_lost_and_what_was_saved():
    found = backtest()
    assert (found.waiting_cost, found.waiting_saved) == (70.0, 30.0)


def test_the_best_setting_is_named_with_what_the_first_half_would_have_chosen():
    table = sweep(
        trial("as it is", 1000.0, 500.0),
        trial("window.tune_days 5", 1300.0, 400.0),
        trial("window.tune_days 20", 900.0, 700.0),
    )
    assert table.best.words == "window.tune_days 5"
    words = overfit(table)
    assert "window.tune_days 5, +300 USD against as it is" in words
    assert "the best of 3 on one history" in words
    # 20 days led at half time, and earned 200 in the second half against 500
    assert "(window.tune_days 20) would have earned -300 USD in the second half" in words
    head, rows = sweep_rows(table)
    assert [row[0] for row in rows] == ["window.tune_days 5 *", "as it is", "window.tune_days 20"]
    assert all(len(row) == len(head) for row in rows)
    assert rows[0][1:] == ["1,300", "1,400", "1", "0", "400", "900"]


def test_where_nothing_is_better_than_what_is_that_is_said():
    table = sweep(trial("as it is", 1000.0, 500.0), trial("window.tune_days 5", 1000.0, 400.0))
    assert table.best is table.trials[0], "of equals the first"
    assert "as it is, no other setting earned more" in overfit(table)


def test_the_page_holds_every_part_and_no_script():
    html = page(backtest(), sweep(trial("as it is", 1.0, 1.0), trial("a 1", 2.0, 1.0)))
    sections = re.findall("<h2>(.*?)(?: <span.*?)?</h2>", html)
    assert sections == [
        "USD more than never retraining, net of switching",
        "Policies",
        "What if",
        "Promotions of the gate, and what came of them",
        "Tick by tick",
        "How to read this",
    ]
    assert "What if" not in page(backtest())
    for words in (lead(backtest()), "1,210 (10 not settled)", "because", "✓ right"):
        assert words in html
    assert caution(backtest()) in html
    assert "Each promotion costs 100 USD" in " ".join(html.split())
    assert "http" not in html.replace("http://www.w3.org", ""), "nothing from outside"


@pytest.mark.parametrize(("false", "words"), [(True, "✗ false"), (None, "not known")])
def test_the_page_says_what_came_of_a_promotion(false, words):
    assert words in page(backtest(false=false))


def test_words_of_a_user_are_never_markup():
    table = sweep(trial(f"a {HOSTILE}", 1.0, 1.0), unit=f"USD{HOSTILE}")
    html = page(backtest(HOSTILE), table)
    assert "<script" not in html
    assert html.count("&lt;script&gt;") > 10


def test_the_terminal_shows_all_policies_and_leaves_brackets_alone(capsys):
    show_backtest(backtest("[red]"), sweep(trial("train_last_rows [600, None]", 1.0, 1.0)))
    shown = capsys.readouterr().out
    for name in ("gate", "always", "metric", "everything", "never", "baseline", "oracle"):
        assert re.search(rf"^ *{name} ", shown, re.MULTILINE)
    assert "train_last_rows [600, None]" in shown
    assert "Offers[red]" in shown
