"""Whatever a function of the owner does wrong is a refusal that names place and row."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sqlalchemy.exc import OperationalError

from kpi_gate.decision.value.model import ValueModel
from kpi_gate.run.context import Run
from kpi_gate.usecase.calls import CodeRefusal
from kpi_gate.usecase.refusal import Refusal

ROWS = pd.DataFrame(
    {"unit": ["a", "b", "c"], "taste": [1.0, 0.0, 2.0], "region": ["north", "south", "north"]}
)
ONES = np.ones(3)


def divides(rows):
    return np.array([1 / value for value in rows["taste"].tolist()])


def asks(rows):
    return rows["tast"] > 0


def localises(rows):
    night = pd.to_datetime(["2024-03-31 01:30"] * len(rows))
    return night.tz_localize("Europe/Lisbon").hour > 0


def writes(rows):
    rows["taste"] = 0.0
    rows.loc[0, "region"] = "west"
    return np.ones(len(rows))


@pytest.fixture
def toy(project):
    from kpi_gate.usecase import discovery

    return discovery.load("toy")


def parts_of(**answer):
    return ValueModel("offer", lambda *_: answer, columns=("taste",))


@pytest.mark.parametrize(
    ("baseline", "words"),
    [
        (
            divides,
            r"ZeroDivisionError: .*test_calls.py:\d+, function <listcomp>.* row 1 \(unit b",
        ),
        (asks, r"KeyError: 'tast' is not there; there are unit, taste, region, in .*function asks"),
        (localises, r"ValueError: .* argument, in .*test_calls.py:\d+, function localises"),
        (lambda rows: None, "gives None, must be an array of 3 numbers"),
        (lambda rows: np.ones(2), r"has shape \(2,\), must be \(3,\)"),
        (lambda rows: ["a", "b", "c"], "gives a list"),
        (
            lambda rows: np.array([0, np.nan, 1]),
            r"gives nan in row 1 \(unit b\), must be in \[0, 1",
        ),
        (lambda rows: 1 / (rows["taste"] - 3), r"gives -0.5 in row 0 \(unit a\)"),
    ],
)
def test_a_rule_of_thumb_that_fails_names_place_and_row(toy, baseline, words):
    with pytest.raises(CodeRefusal, match=words) as told:
        replace(toy, baseline=baseline).baseline(ROWS)
    assert "baseline of toy fails" in str(told.value)
    assert "usecase/test_calls.py" in str(told.value).replace("w/frames", "")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (parts_of(), "must be a dict of named parts"),
        (parts_of(cost=4.0), r"part 'cost' has shape \(\), must be \(3,\)"),
        (parts_of(cost=np.array([1, np.inf, 2])), r"part 'cost' is inf in row 1 \(taste 0\) with"),
        (parts_of(cost=None), "part 'cost' gives None"),
        (ValueModel("offer", lambda a, o, c, p: {"x": a * p["usd"]}), "'usd' is not there; there"),
    ],
)
def test_a_value_that_is_none_is_named(toy, value, words):
    with pytest.raises(CodeRefusal, match=words):
        replace(toy, value=value).value.value(ONES, ONES, ROWS, {"margin": 1.0})


def test_what_is_no_amount_is_the_gates_to_say(toy):
    value = ValueModel("offer", lambda a, o, c, p: {"x": a * o})
    found = replace(toy, value=value).value.value(ONES, np.array([1, np.nan, 0]), ROWS, {})
    np.testing.assert_array_equal(found, [1, np.nan, 0])


@pytest.mark.parametrize(
    ("changes", "call", "words"),
    [
        (
            {"measures": {"m": lambda a, r: None}},
            lambda u: u.measures["m"](ONES, ROWS),
            "measure 'm'",
        ),
        (
            {"measures": {"m": lambda a, r: float("nan")}},
            lambda u: u.measures["m"](ONES, ROWS),
            "gives a float, nan, must be one finite number",
        ),
        (
            {"proxies": {"p": lambda a, o, r: a[:1]}},
            lambda u: u.proxies["p"](ONES, ONES, ROWS),
            r"proxy 'p' of toy fails: it has shape \(1,\)",
        ),
        ({"estimator": lambda m: None}, lambda u: u.estimator({}), "must be an unfitted scikit"),
        (
            {"estimator": lambda m: m.pop("depth")},
            lambda u: u.estimator({"seed": 1}),
            "'depth' is not there; there are seed",
        ),
        (
            {"fetch": lambda folder: 1 / 0},
            lambda u: u.fetch("raw"),
            "fetch of toy fails: ZeroDivis",
        ),
        (
            {"load": lambda f, at: next(iter(at))},
            lambda u: u.load("raw", ()),
            "toy cannot be loaded: StopIt",
        ),
    ],
)
def test_every_function_is_guarded(toy, changes, call, words):
    with pytest.raises(CodeRefusal, match=words):
        call(replace(toy, **changes))


def test_what_it_writes_into_its_rows_goes_no_further(toy):
    before = ROWS.copy()
    assert replace(toy, baseline=writes).baseline(ROWS).sum() == 3
    pd.testing.assert_frame_equal(ROWS, before)

    def scales(action, outcome, columns, parameters):
        action *= 2
        columns["taste"][:] = 0
        return {"x": action}

    action = ONES.copy()
    value = replace(toy, value=ValueModel("offer", scales, columns=("taste",))).value
    assert value.value(action, ONES, ROWS, {}).sum() == 6
    assert action.sum() == 3
    pd.testing.assert_frame_equal(ROWS, before)


@pytest.mark.parametrize(
    "error",
    [
        OperationalError("select", {}, Exception("locked")),
        MemoryError(),
        KeyboardInterrupt(),
        Refusal("own", "said before"),
    ],
)
def test_what_may_pass_or_is_no_fault_of_the_code_goes_on(toy, error):
    def raises(rows):
        raise error

    with pytest.raises(type(error)) as told:
        replace(toy, baseline=raises).baseline(ROWS)
    assert told.value is error


@pytest.mark.slow
def test_a_rule_of_thumb_that_fails_is_recorded_like_any_refusal(run_at):
    from starts import play

    made = run_at()
    entry, outcome, _ = play(Run(replace(made.use_case, baseline=asks), made.as_of, made.workspace))
    assert entry.body["verdict"] == "INVALID"
    assert "baseline of toy fails: KeyError: 'tast' is not there" in entry.body["sentence"]
    assert "function asks" in entry.body["sentence"]
    assert entry.body["run_id"]
    assert not outcome.moved
    assert [found.kind for found in made.ledger.entries()] == ["decision"]
