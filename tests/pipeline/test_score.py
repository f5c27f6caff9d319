"""Many rows are decided as the server decides them, and a file is there whole or not at all."""

import json

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from door import call

from kpi_gate.pipeline.score_rows import parts_of
from kpi_gate.serving import places
from kpi_gate.serving.log.read import read_log
from kpi_gate.serving.manifest import Column
from kpi_gate.serving.schema import Checker
from kpi_gate.workspace import Workspace

COLUMNS = (
    Column(name="unit", role="unit", kind="text"),
    Column(name="age", role="feature", kind="whole"),
    Column(name="debt", role="feature", kind="number"),
    Column(name="job", role="feature", kind="text"),
    Column(name="home", role="feature", kind="truth"),
    Column(name="since", role="known", kind="time"),
)
FRAME = pd.DataFrame(
    {
        "unit": ["a", "b"],
        "age": [41.0, np.nan],
        "debt": [np.nan, 0.5],
        "job": pd.Categorical(["cook", None]),
        "home": pd.array([True, None], "boolean"),
        "since": pd.to_datetime(["2026-01-01T01:00:00+01:00", None], utc=True),
        "other": [1, 2],
    }
)
WIRE = [
    {"unit": "a", "age": 41, "debt": None, "job": "cook", "home": True},
    {"unit": "b", "age": None, "debt": 0.5, "job": None, "home": None},
]


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_rows_of_files_are_those_of_requests(tmp_path, suffix):
    path = tmp_path / f"rows.{suffix}"
    getattr(FRAME, f"to_{suffix}")(path, index=False)
    [part] = parts_of([path], COLUMNS)
    times = [row.pop("since") for row in part.rows]
    assert part.rows == WIRE
    assert pd.Timestamp(times[0]) == pd.Timestamp("2026-01-01", tz="UTC")
    assert times[1] is None


SOUND = pd.DataFrame(
    {"unit": ["a", "b"], "debt": [0.5, np.nan], "job": ["cook", None], "home": [True, False]}
).assign(age=pd.array([4, 5], "int32"), since=pd.Timestamp("2026-01-01", tz="UTC"))


@pytest.mark.parametrize(
    ("changes", "sound"),
    [
        ({}, True),
        ({"unit": ["a", None]}, False),
        ({"unit": ["a", "b" * 1_001]}, False),
        ({"unit": ["a", ""]}, False),
        ({"debt": [1.0, np.inf]}, False),
        ({"debt": ["much", "little"]}, False),
        ({"age": [2**60, 1]}, False),
        ({"home": ["yes", "no"]}, False),
        ({"since": pd.Timestamp("2026-01-01")}, False),
        ({"since": pd.Timestamp("1690-01-01", tz="UTC")}, False),
    ],
)
def test_what_the_columns_show_to_be_sound_is(tmp_path, changes, sound):
    columns = tuple(c.model_copy(update={"nullable": c.name != "unit"}) for c in COLUMNS)
    SOUND.assign(**changes).to_parquet(tmp_path / "rows.parquet", index=False)
    [part] = parts_of([tmp_path / "rows.parquet"], columns)
    assert part.sound == sound
    assert part.sound == (not Checker(columns).check(part.rows))


@pytest.fixture
def rows(tmp_path, first_champion):
    generator = np.random.default_rng(1)
    frame = pd.DataFrame({"unit": [f"n{i}" for i in range(3_000)]})
    frame["taste"] = generator.normal(size=len(frame))
    frame["region"] = "north"
    frame.to_parquet(tmp_path / "rows.parquet", index=False)
    return frame


def score(tmp_path, *words, source="rows.parquet"):
    given = ("--rows", str(tmp_path / source), "--to", str(tmp_path / "out.parquet"))
    return call("score", "toy", *given, *words)


def logged():
    return read_log(places.log(Workspace(), "toy")).to_pandas()


def test_all_are_decided_in_order_and_logged_with_the_holdout(tmp_path, rows):
    code, out, err = score(tmp_path)
    assert (code, err) == (0, "")
    assert "3,000 rows are decided" in out
    found = pq.read_table(tmp_path / "out.parquet").to_pandas()
    assert list(found["unit"]) == list(rows["unit"])
    held = found["arm"] == "holdout"
    assert 0 < held.mean() < 0.03
    assert (found["version"] == "baseline").equals(held)
    assert found["score"].notna().equals(~held)
    log = logged().set_index("id")
    assert len(log) == 3_000
    assert list(log.loc[found["id"], "action"]) == list(found["action"])


def test_a_trial_of_a_version_has_no_holdout_and_no_log(tmp_path, rows):
    code, out, _ = score(tmp_path, "--version", "v1")
    assert code == 0
    assert "nothing was logged" in out
    assert set(pq.read_table(tmp_path / "out.parquet")["version"].to_pylist()) == {"v1"}
    assert logged().empty
    code, _, err = score(tmp_path, "--version", "v9")
    assert code == 2
    assert "--version v9: not of toy; there are: v1" in err


def test_a_row_with_a_fault_ends_it_by_name_or_is_set_aside(tmp_path, rows):
    wrong = rows.astype({"taste": object})
    wrong.loc[7, "taste"] = "much"
    wrong.to_csv(tmp_path / "rows.csv", index=False)
    code, _, err = score(tmp_path, source="rows.csv")
    assert code == 2
    assert "rows.csv: row 8, column taste: 'much' must be a number" in err
    assert not (tmp_path / "out.parquet").exists()
    assert [path for path in tmp_path.iterdir() if path.name.startswith(".")] == []

    aside = tmp_path / "aside.jsonl"
    code, out, _ = score(tmp_path, "--set-aside", str(aside), "--no-log", source="rows.csv")
    assert code == 0
    assert "1 have faults" in out
    assert json.loads(aside.read_text())["row"]["unit"] == "n7"
    assert pq.read_table(tmp_path / "out.parquet").num_rows == 2_999


def test_a_file_without_a_column_and_no_file_are_told(tmp_path, rows):
    rows[["unit"]].to_csv(tmp_path / "short.csv", index=False)
    code, _, err = score(tmp_path, source="short.csv")
    assert code == 2
    assert "short.csv: no column taste; it has unit" in err
    code, _, err = score(tmp_path, source="none.csv")
    assert code == 2
    assert "there is no such file" in err


def test_a_log_on_a_full_disk_leaves_no_output(tmp_path, rows, monkeypatch):
    from kpi_gate.pipeline import score as scoring
    from kpi_gate.serving.log.segment import Segment

    def full(self, lines, count):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Segment, "append", full)
    monkeypatch.setattr(scoring, "LOG_SECONDS", 0.3)
    code, _, err = score(tmp_path)
    assert code == 1
    assert "3,000 decisions are not in the log" in err
    assert not (tmp_path / "out.parquet").exists()


def test_where_nothing_was_promoted_it_is_told(tmp_path, project):
    FRAME.to_parquet(tmp_path / "rows.parquet")
    code, _, err = score(tmp_path)
    assert code == 1
    assert "no version was promoted yet" in err or "nothing was promoted yet" in err
