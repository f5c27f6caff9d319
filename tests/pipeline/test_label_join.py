"""Outcomes that arrive later find the decisions that were served; what does not fit is counted."""

from dataclasses import replace

import pandas as pd
import pyarrow.parquet as pq
import pytest
from champions import day
from door import call
from served import decision, finished_segment

from kpi_gate.errors import ConfigurationError
from kpi_gate.pipeline.label_join import join_labels
from kpi_gate.pipeline.loading import known_rows
from kpi_gate.pipeline.served_log import folder_of

NOW = day(30)


def serve(run, *records):
    finished_segment(folder_of(run), *records)


def shown(number, when, **more):
    return decision(number, time=when, unit=f"v{number}", row={"age": 30.0 + number}, **more)


@pytest.fixture
def run(run_at):
    made = run_at(NOW)
    served = [shown(i, day(10)) for i in range(6)]
    serve(made, *served[:4], served[0], *served[4:], shown(9, day(29.5)), shown(8, day(31)))
    serve(made, shown(7, day(10), exposed=False))
    return made


def outcomes(tmp_path, **columns):
    path = tmp_path / "outcomes.csv"
    pd.DataFrame(columns).to_csv(path, index=False)
    return path


def test_outcomes_of_a_file_find_their_decision_by_id(run, tmp_path):
    path = outcomes(
        tmp_path,
        id=["d0", "d1", "d1", "d2", "d2", "d3", "d4", "x", "d9"],
        outcome=[1, 0, 0, 1, 0, 1, 1, 1, 1],
        label_time=[
            *(day(11).isoformat(), day(20).isoformat(), day(20).isoformat()),
            *(day(11).isoformat(), day(11).isoformat(), day(9).isoformat()),
            *(day(40).isoformat(), day(11).isoformat(), ""),
        ],
    )
    found = join_labels(run, outcomes=path)
    assert found.counts._asdict() == {
        "decisions": 7,
        "labelled": 2,
        "waiting": 1,
        "overdue": 3,
        "late": 1,
        "served_twice": 1,
        "repeated": 1,
        "contradicted": 1,
        "unknown": 1,
        "premature": 1,
        "future": 2,  # the one without a label time is known when the use case says that it is
    }
    rows = found.rows.set_index("decision_id")
    assert rows["outcome"].dropna().to_dict() == {"d0": 1.0, "d1": 0.0}
    assert rows["amount"].dropna().to_dict() == {"d0": 10 - 4, "d1": -4}
    assert rows["age"]["d3"] == 33.0
    assert rows["label_time"]["d1"] == day(20)
    assert "row" not in rows


def test_without_ids_unit_and_moment_tell(run, tmp_path):
    path = outcomes(
        tmp_path, unit=["v0", "v0"], event_time=[day(10), day(12)], outcome=["yes", "no"]
    )
    found = join_labels(run, outcomes=path)
    assert (found.counts.labelled, found.counts.unknown, found.key) == (
        1,
        1,
        ("unit", "event_time"),
    )
    assert found.rows.set_index("unit")["label_time"]["v0"] == day(12)  # the declared two days


def test_only_the_decisions_asked_for_are_joined_and_no_outcome_is_unknown_for_that(run, tmp_path):
    path = outcomes(tmp_path, id=["d0", "d9"], outcome=[1, 1])
    found = join_labels(run, outcomes=path, start=day(20))
    assert list(found.rows["decision_id"]) == ["d9"]
    assert found.counts.unknown == 0
    assert list(join_labels(run, outcomes=path, end=day(20)).rows["unit"]) == [
        f"v{i}" for i in range(6)
    ]


def test_the_rows_of_the_use_case_say_the_outcomes_and_what_is_joined_can_be_loaded(run_at):
    run = run_at(NOW)
    rows = known_rows_of(run)
    some = rows[rows["event_time"] >= pd.Timestamp(day(20))].head(40)
    for number, row in enumerate(some.itertuples()):
        clear = {"age": 5.0, "taste": row.taste}
        record = decision(number, time=row.event_time.to_pydatetime(), unit=row.unit, row=clear)
        serve(run, record)
    found = join_labels(run)
    assert found.counts.labelled == 40
    assert found.counts.unknown > 0  # of load() from the first served decision on
    assert list(found.rows["taste"]) == list(some["taste"])

    again = replace(run.use_case, load=lambda raw, as_of: found.rows)
    loaded = known_rows(again, run.workspace.raw("toy"), NOW)
    assert list(loaded["outcome"]) == list(some["outcome"])
    assert list(loaded["unit"]) == list(some["unit"])


def known_rows_of(run):
    from kpi_gate.pipeline.loading import load_rows

    return load_rows(run)


def test_without_what_the_value_reads_there_is_no_money_and_it_is_told(run, tmp_path):
    value = replace(run.use_case.value, columns=("basket",))
    run.use_case = replace(run.use_case, value=value, known=("basket",))
    found = join_labels(run, outcomes=outcomes(tmp_path, id=["d0"], outcome=[1]))
    assert found.rows["amount"].isna().all()
    assert "basket" in found.unvalued
    assert "serving.log.values" in found.unvalued


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"id": ["d0"]}, "no column outcome"),
        ({"outcome": [1]}, "no column unit, event_time"),
        ({"id": ["d0", "d1", "d2"], "outcome": ["a", "b", "c"]}, "outcome.*must hold 0 and 1"),
        ({"unit": ["v0"], "event_time": ["soon"], "outcome": [1]}, "event_time.*'soon'"),
    ],
)
def test_a_file_that_says_no_outcomes_is_refused_by_name(run, tmp_path, columns, words):
    with pytest.raises(ConfigurationError, match=f"outcomes.csv.*{words}"):
        join_labels(run, outcomes=outcomes(tmp_path, **columns))


def test_at_the_door_rows_are_written_and_a_person_is_forgotten(run, tmp_path):
    path = outcomes(tmp_path, id=["d0", "d1", "x"], outcome=[1, 0, 1])
    code, out, err = call(
        "label", "join", "toy", "--outcomes", str(path), "--as-of", f"{NOW:%Y-%m-%d}"
    )
    assert (code, err) == (0, "")
    assert "2 of 7 decisions have their outcome" in out
    assert "1 outcomes are of no decision that was served" in out
    written = pq.read_table(run.workspace.root / "data/joined/toy.parquet")
    assert written.num_rows == 7
    assert written["outcome"].null_count == 5

    assert call("label", "forget", "toy", "--unit", "v0", "--reason", " ")[0] == 2
    code, out, _ = call("label", "forget", "toy", "--unit", "v0", "--reason", "asked for it")
    assert code == 0
    assert "2 decisions of the unit are deleted" in out  # its id was served twice
    record = (folder_of(run) / "forgotten.jsonl").read_text()
    assert "v0" not in record
    assert join_labels(run, outcomes=path).counts.unknown == 2


def test_nothing_served_is_told_at_the_door(run_at):
    run_at(NOW)
    code, _, err = call("label", "join", "toy")
    assert code == 2
    assert "nothing of toy was served yet" in err
