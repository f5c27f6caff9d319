"""A use case of 42 lines and a YAML of 18 is whole: what they leave out has its default."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kpi_gate import load_usecase
from kpi_gate.data.validation.engine import validate_rows
from kpi_gate.pipeline.loading import known_rows

CASE = Path(__file__).parent / "first_case"
AS_OF = datetime(2009, 4, 2, 3, tzinfo=UTC)


@pytest.fixture
def bank(tmp_path, monkeypatch):
    """The use case, in a project of its own."""
    folder = tmp_path / "src/bank_project/usecases"
    shutil.copytree(CASE, folder)
    table = '[tool.kpi-gate]\nuse_cases = "src/bank_project/usecases"\n'
    (tmp_path / "pyproject.toml").write_text(table)
    monkeypatch.chdir(tmp_path)
    return load_usecase("bank")


@pytest.fixture
def raw(tmp_path):
    """Calls of three months, one CSV file each, as the bank's system writes them."""
    generator = np.random.default_rng(1)
    days = pd.Series(pd.date_range("2009-02-01", "2009-04-30").repeat(20))
    count = len(days)
    balance = generator.gamma(1, 1_500, count).round()
    calls = pd.DataFrame(
        {
            "client": [f"c{number:05d}" for number in range(count)],
            "call_date": days.dt.strftime("%Y-%m-%d"),
            **{name: generator.integers(0, 90, count) for name in ("age", "campaign", "pdays")},
            "previous": 0,
            "balance_eur": balance,
            **dict.fromkeys(("job", "marital", "education", "housing", "loan", "poutcome"), "x"),
            "contact": generator.choice(["cellular", "telephone"], count),
            "duration": generator.integers(1, 900, count),
            "y": np.where(generator.random(count) < balance / 10_000, "yes", "no"),
        }
    )
    (tmp_path / "raw").mkdir()
    for month, rows in calls.groupby(days.dt.strftime("%Y-%m")):
        rows.to_csv(tmp_path / f"raw/{month}.csv", index=False)
    return tmp_path / "raw"


def test_the_files_are_short():
    lines = {path.suffix: len(path.read_text().splitlines()) for path in CASE.iterdir()}
    assert lines == {".py": 42, ".yaml": 18}


def test_what_they_do_not_say_follows(bank):
    assert (bank.name, bank.baseline_name) == ("bank", "call everyone")
    assert [feature.kind for feature in bank.features] == ["number"] * 5 + ["category"] * 7
    assert bank.value.columns == ("balance_eur",)
    assert bank.settings.objective.kpi == "bank"
    assert [rail.name for rail in bank.settings.guardrails] == [
        "calibration_error",
        "action_rate",
        "latency_ratio",
        "slice contact",
    ]
    assert bank.limits == ("Only clients who were called are in the data.",)


def test_rows_are_known_as_of_the_moment_and_nothing_later(bank, raw):
    rows = known_rows(bank, raw, AS_OF)
    assert rows["event_time"].max() == pd.Timestamp("2009-04-02", tz="UTC")
    known = rows["outcome"].notna()
    assert rows.loc[known, "event_time"].max() == pd.Timestamp("2009-03-19", tz="UTC")
    assert (rows["label_time"] - rows["event_time"])[known].eq(pd.Timedelta(days=14)).all()
    assert rows.loc[~known, "label_time"].isna().all()
    assert rows.loc[~known, "duration"].isna().all(), "it comes with the outcome"
    assert validate_rows(rows, bank, AS_OF, None).passed
    assert known_rows(bank, raw / "none yet", AS_OF).empty


@pytest.mark.parametrize("column", ["balance_eur", "contact"])
def test_what_value_and_slices_read_must_be_there(bank, raw, column):
    rows = known_rows(bank, raw, AS_OF)
    rows.loc[7, column] = None
    report = validate_rows(rows, bank, AS_OF, None)
    assert not report.passed
    assert [failure.column for failure in report.failures] == [column]


def test_the_default_model_learns_from_these_columns(bank, raw):
    rows = known_rows(bank, raw, AS_OF)
    rows = rows[rows["outcome"].notna()]
    model = bank.estimator(bank.settings.model).fit(rows[bank.feature_names], rows["outcome"])
    unseen = rows.assign(job="new", age=None)
    assert model.predict_proba(unseen[bank.feature_names]).shape == (len(rows), 2)
