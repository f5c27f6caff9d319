"""Rows as people load them: read alike, or refused by name; and the same on a second call."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from kpi_gate.pipeline.loading import load_rows
from kpi_gate.pipeline.steadiness import first_difference, note_rows, require_steady
from kpi_gate.run.context import Run
from kpi_gate.usecase.calls import CodeRefusal
from kpi_gate.usecase.refusal import Refusal


def with_load(made, load, **changes):
    return Run(replace(made.use_case, load=load, **changes), made.as_of, made.workspace)


def bare(made):
    """The run, with a load() that makes its rows and reads no file."""
    raw = made.workspace.raw(made.name)
    made.use_case.fetch(raw)
    rows = made.use_case.load(raw, made.as_of)
    for path in raw.iterdir():
        path.unlink()
    raw.rmdir()
    return with_load(made, lambda folder, as_of: rows.copy(), fetch=None), rows


TWISTS = {
    "nullable": lambda rows: rows.convert_dtypes(),
    "arrow": lambda rows: rows.convert_dtypes(dtype_backend="pyarrow"),
    "truth": lambda rows: rows.assign(outcome=rows["outcome"] == 1),
    "unsorted index": lambda rows: rows.set_index(np.arange(len(rows))[::-1]),
}


def test_the_rows_do_not_hang_on_types(run_at):
    made, rows = bare(run_at())
    wanted = load_rows(made)
    for name, twist in TWISTS.items():
        found = load_rows(with_load(made, lambda folder, as_of, twist=twist: twist(rows)))
        pd.testing.assert_frame_equal(found, wanted, obj=name)


@pytest.mark.parametrize(
    ("twist", "check", "words"),
    [
        (
            lambda rows: rows.assign(event_time=rows["event_time"].dt.tz_localize(None)),
            "times_have_a_zone",
            "load.. of toy: event_time has no time zone",
        ),
        (lambda rows: None, "rows_are_a_table", "must be a pandas.DataFrame"),
        (lambda rows: rows.drop(columns="unit"), "roles_present", "gives no column unit"),
        (lambda rows: rows["none"], "rows_loadable", "KeyError: 'none'.*test_loading.py"),
    ],
)
def test_what_cannot_be_read_is_a_refusal(run_at, twist, check, words):
    made, rows = bare(run_at())
    with pytest.raises(Refusal, match=words) as told:
        load_rows(with_load(made, lambda folder, as_of: twist(rows)))
    assert told.value.check == check


def test_rows_that_come_from_elsewhere_need_no_folder(run_at):
    made, _ = bare(run_at())
    raw = made.workspace.raw(made.name)
    assert not raw.exists()
    load_rows(made)
    assert not list(raw.glob("*.*")) or [path.name for path in raw.iterdir()] == [".no-files"]


def test_a_load_that_gives_other_rows_is_refused_and_a_steady_one_asked_once(run_at):
    made, rows = bare(run_at())
    calls = iter(range(9))

    def unsteady(folder, as_of):
        return rows.assign(taste=rows["taste"] + next(calls))

    shaky = with_load(made, unsteady)
    first = load_rows(shaky)
    with pytest.raises(
        Refusal, match=r"second call for .*: column 'taste', row 0: .*, then "
    ) as no:
        require_steady(shaky, first)
    assert no.value.check == "rows_steady"
    assert require_steady(made, load_rows(made))
    assert not require_steady(made, load_rows(made))
    settings = made.use_case.settings.model_copy(update={"data": {"drift": True}})
    other = Run(replace(made.use_case, settings=settings), made.as_of, made.workspace)
    assert require_steady(other, load_rows(other))


def test_rows_that_were_loaded_a_moment_ago_are_the_first_call(run_at):
    made, rows = bare(run_at())
    calls = []

    def counted(folder, as_of):
        calls.append(as_of)
        return rows.assign(taste=rows["taste"] + (len(calls) > 2))

    other = with_load(made, counted)
    note_rows(other, load_rows(other))
    assert require_steady(other, load_rows(other))
    assert len(calls) == 2
    note_rows(made, rows)
    with pytest.raises(Refusal, match="on a second call"):
        require_steady(other, load_rows(other).assign(taste=0.0))


def test_the_first_difference_is_named():
    rows = pd.DataFrame({"a": [1, 2, None], "b": ["x", "y", None]})
    assert first_difference(rows, rows.copy()) == ""
    assert first_difference(rows, rows.head(2)) == "3 rows, then 2"
    assert first_difference(rows, rows[["b", "a"]]) == "columns a, b, then b, a"
    turned = rows.assign(b=["y", "x", None])
    told = "column 'b', row 0: x, then y (the same values in another order)"
    assert first_difference(rows, turned) == told


def test_a_fetch_that_fails_is_a_refusal(run_at):
    made = run_at()

    def fetch(folder):
        raise OSError("no line")

    with pytest.raises(CodeRefusal, match="fetch of toy fails: OSError: no line"):
        load_rows(Run(replace(made.use_case, fetch=fetch), made.as_of, made.workspace))
