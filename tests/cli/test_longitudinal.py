"""Evidence over months at the door."""

import json

import pandas as pd
import pytest
from support.door import call
from test_rollout import panel


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "shops.csv"
    panel().to_csv(path, index=False)
    return path


def test_a_rollout_is_told_and_written(table, tmp_path):
    page = tmp_path / "rollout.html"
    code, out, err = call(
        "experiment",
        "rollout",
        str(table),
        "--unit",
        "EUR",
        "--decisions",
        "1000",
        "--html",
        str(page),
    )
    assert code == 0, err
    assert out.startswith("about +1.0")
    assert "over 1,000 decisions" in page.read_text("utf-8")
    told = json.loads(call("experiment", "rollout", str(table), "--unit", "EUR", "--json")[1])
    assert told["lower"] < 1 < told["upper"]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("none.csv", None, "there is no such file"),
        ("table.xlsx", "x", "must end in .csv or .parquet"),
        ("shops.csv", "unit,period\na,1\n", "panel lacks value, treated_from"),
    ],
)
def test_a_wrong_table_is_one_line(tmp_path, name, content, words):
    path = tmp_path / name
    if content is not None:
        path.write_text(content)
    code, _, err = call("experiment", "rollout", str(path), "--unit", "EUR")
    assert (code, err.count("\n")) == (2, 1)
    assert words in err


@pytest.mark.slow
def test_a_holdback_beside_what_was_booked(project, run_at, first_champion):
    from test_holdback import STARTED, log_of

    log = log_of(0.5).assign(
        time=lambda rows: rows["time"] - (STARTED - pd.Timestamp("2024-02-01", tz="UTC"))
    )
    log.to_parquet(project / "holdback.parquet")
    asked = (
        "--log",
        "holdback.parquet",
        "--frozen",
        "v1",
        "--since",
        "2024-02-01",
        "--share",
        "0.1",
    )
    code, out, err = call(
        "experiment", "holdback", "toy", *asked, "--as-of", "2024-06-01", "--json"
    )
    assert code == 0, err
    found = json.loads(out)
    assert [win[1] for win in found["wins"]] == ["v1"]
    assert found["booked"] > 0
    code, _, err = call("experiment", "holdback", "toy", *asked[:-1], "0.9")
    assert code == 2
    assert "0.9" in err
