"""From earnings to policies, on earnings made by hand."""

import numpy as np
import pandas as pd
import pytest
from histories import START, scenario_of, toy_found

from kpi_gate.backtest import accounting, outcomes
from kpi_gate.backtest.accounting import Pair, Reckoning, Swap, stretches, swaps
from kpi_gate.backtest.snapshots import write_json
from kpi_gate.data.snapshot import write_rows


@pytest.mark.parametrize(
    ("used", "found"),
    [
        ([], []),
        (["a", "a"], [Swap(0, "", "a", 2)]),  # the first replaces the rule of thumb
        (["a", "b", "b"], [Swap(0, "", "a", 1), Swap(1, "a", "b", 3)]),
        (["", "", "a", "a"], [Swap(2, "", "a", 4)]),
        (["a", "", "a"], [Swap(0, "", "a", 1), Swap(1, "a", "", 2), Swap(2, "", "a", 3)]),
        (["", ""], []),
    ],
)
def test_swaps(used, found):
    assert swaps(used) == found


@pytest.fixture
def scenario(tmp_path):
    """Three weekly periods of 40 rows, of 20 units on 2 days each; nothing is played."""
    with toy_found():
        scenario = scenario_of(tmp_path, end=START + pd.Timedelta(days=20))
        for number, tick in enumerate(scenario.ticks):
            days = pd.to_timedelta(np.repeat([1, 2], 20), unit="D")
            rows = pd.DataFrame(
                {"unit": [f"u{k % 20}" for k in range(40)], "event_time": tick + days}
            )
            path = outcomes.period_path(scenario, number)
            write_rows(rows, path)
            write_json(path.with_suffix(".json"), {"decisions": 50, "settled": 40})
        yield scenario


def earn(scenario, number, name, values):
    path = outcomes.earned_path(scenario, number, name)
    path.parent.mkdir(exist_ok=True)
    np.save(path, np.asarray(values, dtype=float))


def test_bounds_are_those_of_the_sum(scenario):
    values = np.random.default_rng(1).normal(2.0, 1.0, (3, 40))
    for number in range(3):
        earn(scenario, number, "a", values[number])
        earn(scenario, number, "b", values[number] - 0.5)
    tally = Reckoning(scenario)
    found = tally.bounds(range(3), ["a"] * 3, ())
    total = values.sum()
    assert found.estimate == pytest.approx(total)
    rough = 1.96 * np.sqrt(120)  # rows are independent, of deviation 1
    assert total - 2 * rough < found.lower < total - rough / 3
    assert total + rough / 3 < found.upper < total + 2 * rough
    part = tally.bounds([1], ["a"], ["b"])
    assert part.estimate == pytest.approx(20.0)
    assert (part.lower, part.upper) == pytest.approx((20.0, 20.0)), "no row differs from another"


def test_where_two_policies_never_differ_the_difference_is_exactly_zero(scenario):
    nothing = {"estimate": 0.0, "lower": 0.0, "upper": 0.0}
    tally = Reckoning(scenario)
    assert tally.bounds(range(3), ["a", "b", ""], ["a", "b", ""]).model_dump() == nothing
    random = np.random.default_rng(1)
    for number in range(3):
        for name in "ab":
            earn(scenario, number, name, random.normal(0.0, 1.0, 40))
    whole = tally.bounds(range(3), ["a", "a", "a"], ["a", "b", "a"])
    assert whole == tally.bounds([1], ["a"], ["b"]), "the other periods say nothing of it"


def test_a_stretch_lasts_as_long_as_both_models_and_a_week_at_least():
    week = pd.Timedelta(days=7)

    def labels(pairs, apart=week):
        ticks = [START + number * apart for number in range(10)]
        return stretches([Pair(*pair) for pair in pairs], ticks)

    assert labels([(1, "a", "b"), (2, "a", "b"), (3, "c", "b"), (4, "c", "d")]) == [0, 0, 1, 2]
    assert labels([(1, "a", "b"), (3, "a", "b")]) == [0, 1], "between them was none"
    daily = [(number, f"m{number}", "b") for number in range(10)]
    assert labels(daily, pd.Timedelta(days=1)) == [0] * 7 + [1] * 3


def test_a_promotion_that_earned_nothing_more_is_false_and_an_unsettled_one_is_open(scenario):
    for number in range(3):
        for name, worth in (("", 0.0), ("a", 1.0), ("b", 1.0), ("c", 2.0)):
            earn(scenario, number, name, np.full(40, worth))
    tally = Reckoning(scenario)
    first, equal, better = tally.promotions(["a", "b", "c"])
    assert (first.replaced, first.gained.estimate, first.false) == ("baseline", 40.0, False)
    assert (equal.gained.estimate, equal.false) == (0.0, True)
    assert (better.gained.estimate, better.false) == (40.0, False)
    assert (equal.as_of, equal.until) == (scenario.ticks[1], scenario.ticks[2])
    assert (better.until, better.replaced, better.promoted) == (scenario.end, "b", "c")
    outcomes.period_path(scenario, 2).unlink()
    empty = pd.DataFrame({"unit": ["u"], "event_time": [scenario.ticks[2]]}).head(0)
    write_rows(empty, outcomes.period_path(scenario, 2))
    due = {"decisions": 50, "settled": 0}
    write_json(outcomes.period_path(scenario, 2).with_suffix(".json"), due)
    for name in "bc":
        earn(scenario, 2, name, [])
    *_, unknown = Reckoning(scenario).promotions(["a", "b", "c"])
    assert (unknown.gained.lower, unknown.false) == (None, None)


def test_what_was_earned_between_two_moments(scenario):
    earn(scenario, 0, "a", [*[1.0] * 20, *[10.0] * 20])
    tick = scenario.ticks[0]
    days = [tick + pd.Timedelta(days=k) for k in range(4)]
    found = [
        outcomes.earned_between(scenario, 0, "a", start, end)
        for start, end in (
            (tick, scenario.end),
            (days[1], days[2]),
            (days[2], days[3]),
            (tick, tick),
        )
    ]
    assert found == [220.0, 20.0, 200.0, 0.0]


def test_a_look_that_was_cut_off_is_taken_again(tmp_path, monkeypatch):
    with toy_found():
        scenario = scenario_of(tmp_path, end=START + pd.Timedelta(days=20))
        write, written = outcomes.write_rows, []

        def cut_off(rows, path):
            write(rows, path)
            written.append(path)
            if len(written) == 3:
                raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(outcomes, "write_rows", cut_off)
            with pytest.raises(KeyboardInterrupt):
                outcomes.look_up(scenario)
        outcomes.look_up(scenario)
        assert [outcomes.counts(scenario, number) for number in range(3)] == [
            (210, 210),
            (210, 210),
            (150, 150),
        ]


def test_the_baseline_is_never_read_half_written(scenario, monkeypatch):
    """Several processes value it at once: its folder has its name only when the card is in it."""
    folder, seen = scenario.model(outcomes.BASELINE), []
    write = outcomes.stand_in

    def watched(run, target):
        seen.append((target == folder, folder.exists()))
        return write(run, target)

    monkeypatch.setattr(outcomes, "stand_in", watched)
    monkeypatch.setattr(outcomes, "make_side", lambda name, *_: pytest.fail(name))
    with pytest.raises(pytest.fail.Exception, match="baseline"):
        outcomes.value_models(scenario, 0, [""])
    assert seen == [(False, False)]
    assert (folder / "card.json").exists()


def test_the_oracle_switches_only_where_that_pays_what_it_costs(scenario, monkeypatch):
    """The better of two models changes every week; the gain of one week is not worth a switch."""
    monkeypatch.setattr(accounting, "wanted", lambda scenario: [{"", "a", "b"}] * 3)
    for number in range(3):
        earn(scenario, number, "", np.zeros(40))
        earn(scenario, number, "a", np.full(40, (5.0, 4.0, 5.0)[number]))
        earn(scenario, number, "b", np.full(40, (4.0, 5.0, 4.0)[number]))
    tally = Reckoning(scenario)
    for cost, used in ((50.0, "aaa"), (30.0, "aaa"), (10.0, "aba"), (0.0, "aba")):
        tally.cost = cost
        assert tally.oracle() == list(used)
    tally.cost = 600.0
    assert tally.oracle() == ["", "", ""]
    assert tally.switching(["a", "a", "b"]) == 1200.0
