import json

import numpy as np
import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from kpi_gate.cli.app import app
from kpi_gate.evaluation.judge import NEEDS
from kpi_gate.evaluation.judge import judge as judge_rows
from kpi_gate.usecase.contract import ConfigurationError

OBJECTIVE = {
    "objective": {
        "kpi": "profit",
        "unit": "EUR",
        "horizon_decisions": 10_000,
        "min_effect": 0.02,
        "switch_cost": 150,
        "resamples": 1_000,
    },
    "guardrails": [{"slice": "region", "may_lose": 0.5, "min_events": 20}],
}
CODES = {
    "PROMOTE": 0,
    "HOLD": 10,
    "REJECT": 11,
    "INSUFFICIENT_EVIDENCE": 12,
    "AB_REQUIRED": 13,
    "INVALID": 14,
}


def table(gain=0.5, rows=600, sd=2.0, **columns):
    difference = np.random.default_rng(1).normal(0, sd, rows)
    number = np.arange(rows)
    return pd.DataFrame(
        {
            "unit": [f"c{i:04d}" for i in number],
            "event_time": pd.Timestamp("2024-05-01", tz="UTC") + pd.to_timedelta(number, unit="h"),
            "value_champion": np.where(number % 3, 0.0, 1.0),
            "value_candidate": np.where(number % 3, 0.0, 1.0)
            + (difference - difference.mean() if rows else difference)
            + gain,
            "region": np.where(number % 2, "north", "south").astype(object),
        }
    ).assign(**columns)


@pytest.fixture
def judge(tmp_path):
    def run(rows, suffix=".parquet", measures=None, wanted=OBJECTIVE, options=(), **objective):
        content = {**wanted, "objective": {**wanted["objective"], **objective}}
        (tmp_path / "objective.yaml").write_text(yaml.safe_dump(content))
        path = tmp_path / f"rows{suffix}"
        if isinstance(rows, bytes):
            path.write_bytes(rows)
        elif suffix == ".csv":
            rows.to_csv(path, index=False)
        elif rows is not None:
            rows.to_parquet(path, index=False)
        call = ["judge", "--objective", tmp_path / "objective.yaml", "--rows", path, "--json"]
        if measures is not None:
            (tmp_path / "measures.json").write_text(measures)
            call += ["--measures", tmp_path / "measures.json"]
        return CliRunner().invoke(app, list(map(str, [*call, *options])))

    return run


def answer(result):
    """Return the JSON answer; it is strict, and the exit code is the verdict's."""

    def refuse(constant):
        raise AssertionError(constant)

    found = json.loads(result.stdout, parse_constant=refuse)
    assert result.exit_code == CODES[found["verdict"]]
    return found


def complaint(result):
    """Return the message of a wrong call, which `main` turns into exit code 2."""
    assert isinstance(result.exception, ConfigurationError)
    assert result.stdout == ""
    return str(result.exception)


def failing(found):
    return {check["name"] for check in found["checks"] if check["passed"] is False}


def test_the_answer_has_its_keys(judge):
    found = answer(judge(table()))
    assert found["verdict"] == "PROMOTE"
    assert set(found["gain"]) >= {
        "estimate",
        "standard_error",
        "lower",
        "threshold",
        "p_above_threshold",
        "shrunk",
        "unit",
    }
    assert {"rows_needed", "decision_id"} <= set(found)
    for check in found["checks"]:
        assert {"name", "passed", "value", "bound", "reason"} <= set(check)
    assert found["gain"]["unit"] == "EUR"
    assert found["gain"]["threshold"] == 0.02
    assert found["gain"]["estimate"] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("rows", "objective", "verdict"),
    [
        (table(), {}, "PROMOTE"),
        (table(0.1), {}, "HOLD"),
        (table(-0.5), {}, "REJECT"),
        (table(rows=20), {}, "INSUFFICIENT_EVIDENCE"),
        (table(), {"kpi_link": "required"}, "AB_REQUIRED"),
        (table(np.nan), {}, "INVALID"),
    ],
)
def test_every_verdict_has_its_exit_code(judge, rows, objective, verdict):
    found = answer(judge(rows, **objective))
    assert found["verdict"] == verdict
    assert bool(failing(found)) == (verdict != "PROMOTE")
    if verdict == "HOLD":
        assert found["rows_needed"] > 600


def test_noise_is_not_promoted(judge):
    assert answer(judge(table(0.0)))["verdict"] != "PROMOTE"


@pytest.mark.parametrize("objective", [{}, {"min_effect": 0, "switch_cost": 0}])
def test_ties_are_not_promoted(judge, objective):
    rows = table()
    twin = rows.assign(value_candidate=rows["value_champion"])
    assert answer(judge(twin, **objective))["verdict"] != "PROMOTE"
    rounded = rows.assign(value_champion=0.3, value_candidate=0.1 + 0.2)
    assert answer(judge(rounded, **objective))["verdict"] != "PROMOTE"
    negative_zero = rows.assign(value_champion=-0.0, value_candidate=0.0)
    assert answer(judge(negative_zero, **objective))["verdict"] != "PROMOTE"


@pytest.mark.parametrize("more", [1.0, -1.0, 0.07])
def test_the_same_gain_on_every_row_is_no_evidence(judge, more):
    rows = table()
    rows["value_champion"] = np.round(np.random.default_rng(3).normal(1, 1, len(rows)), 2)
    found = answer(judge(rows.assign(value_candidate=rows["value_champion"] + more)))
    assert found["verdict"] == "INSUFFICIENT_EVIDENCE"
    assert failing(found) >= {"differences_vary"}
    assert "with a spread of zero" in str(found["checks"])


@pytest.mark.parametrize("hole", [np.nan, np.inf, -np.inf, 1e300])
@pytest.mark.parametrize("column", ["value_champion", "value_candidate"])
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_value_that_is_not_finite_is_invalid(judge, hole, column, suffix):
    rows = table()
    rows.loc[7, column] = hole
    found = answer(judge(rows, suffix))
    assert (found["verdict"], found["gain"]) == ("INVALID", None)
    assert "values_finite" in failing(found)
    side = column.removeprefix("value_")
    words = f"1 of 600 rows of the {side} have no finite value within 1e+15, the first is row 8"
    assert words in str(found["checks"])


def test_duplicated_rows_of_a_unit_are_no_more_evidence(judge):
    # decisions that agree in all but their number are no second look at their unit
    rows = table(0.15)
    once, often = (
        answer(
            judge(pd.concat([rows] * times, ignore_index=True).rename_axis("row_id").reset_index())
        )
        for times in (1, 20)
    )
    assert once["verdict"] == often["verdict"] == "HOLD"
    assert often["gain"]["units"] == 600
    for name in ("estimate", "standard_error", "lower"):
        assert often["gain"][name] == pytest.approx(once["gain"][name])


def test_one_unit_may_not_dominate(judge):
    rows = table(0.1, sd=0.1)
    rows.loc[5, "value_candidate"] += 5_000
    assert "top_unit_share" in failing(answer(judge(rows)))
    everyone = answer(judge(table(unit="c1")))
    assert everyone["verdict"] == "INSUFFICIENT_EVIDENCE"
    assert everyone["gain"]["lower"] is None
    assert all("inf" not in check["reason"].split() for check in everyone["checks"])


@pytest.mark.parametrize("losses", [1, 5])
def test_frequent_savings_do_not_hide_rare_big_losses(judge, losses):
    rows = table(rows=5_000)
    rows["value_candidate"] = rows["value_champion"] + 0.1
    rows.loc[: losses - 1, "value_candidate"] -= 40.0
    found = answer(judge(rows))
    assert found["gain"]["estimate"] > 0.02
    assert found["verdict"] != "PROMOTE"


def test_a_slice_that_loses_stops_a_gain_in_total(judge):
    rows = table(1.0, region=["mainland" if i % 10 else "islands" for i in range(600)])
    rows.loc[::10, "value_candidate"] -= 4.0
    found = answer(judge(rows))
    assert (found["verdict"], failing(found)) == ("REJECT", {"slice region"})
    assert found["gain"]["lower"] > 0.02


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_missing_slice_is_invalid(judge, suffix):
    assert answer(judge(table().drop(columns="region"), suffix))["verdict"] == "INVALID"
    for hole in (None, "", "  "):
        rows = table()
        rows.loc[3, "region"] = hole
        found = answer(judge(rows, suffix))
        assert (found["verdict"], failing(found)) == ("INVALID", {"slices_present"})


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("word", ["NA", "nan", "null", "007"])
def test_a_word_is_a_level_whatever_it_says(judge, suffix, word):
    found = answer(judge(table(region=word), suffix))
    assert found["verdict"] == "PROMOTE"
    assert [level["level"] for level in found["slices"]] == [word]


def test_a_level_that_was_trained_on_and_is_gone_is_named(judge):
    rail = {**OBJECTIVE["guardrails"][0], "levels": {"north": 0.6, "west": 0.02, "isle": 0.005}}
    found = answer(judge(table(), wanted={**OBJECTIVE, "guardrails": [rail]}))
    assert (found["verdict"], failing(found)) == ("INSUFFICIENT_EVIDENCE", {"levels region"})
    assert "no row of region west (2.0% of the training rows)" in str(found["checks"])
    assert "never trained on: south (300 rows)" in str(found["checks"])
    retired = {**rail, "retired": ["west", "north"]}
    found = answer(judge(table(), wanted={**OBJECTIVE, "guardrails": [retired]}))
    assert found["verdict"] == "PROMOTE"
    assert "back though declared retired: north (300 rows)" in str(found["checks"])


@pytest.mark.parametrize("words", [{}, {"guardrails": []}])
def test_guardrails_may_be_none_and_that_is_said(judge, tmp_path, words):
    bare = {"objective": OBJECTIVE["objective"], **words}
    page = tmp_path / "page.html"
    found = answer(judge(table(), wanted=bare, options=["--html", page]))
    assert found["verdict"] == "PROMOTE"
    said = "no guardrails were declared, so nothing is watched beside the gain"
    assert said in str(found["checks"])
    assert said in page.read_text()


def test_what_was_not_checked_is_neither_ok_nor_failed(judge):
    found = answer(judge(table()))
    left = {check["name"]: check for check in found["checks"] if check["passed"] is None}
    assert left.keys() >= {"window_fresh", "labels_mature", "levels region"}
    assert all(check["reason"].startswith("not checked: ") for check in left.values())
    dated = answer(
        judge(
            table(),
            options=[f"--{option}={word}" for option, word in FRESH.items()],
        )
    )
    left = {check["name"] for check in dated["checks"] if check["passed"] is None}
    made = {check["name"] for check in dated["checks"] if check["passed"]}
    assert left >= {"no_shared_rows", "same_snapshot", "labels_mature", "window_long_enough"}
    assert made >= {"window_fresh", "window_in_the_past", "window_recent"}


def test_what_breaks_on_too_few_rows_asks_for_more(judge):
    day = pd.Timestamp("2024-05-01T10:00Z")
    for few in (table(rows=12), table(rows=600, event_time=day), table(0.0, sd=0.0)):
        calls = answer(
            judge(few, measures='{"candidate": {"calibration_error": 0.9}}', wanted=CALIBRATION)
        )
        assert calls["verdict"] == "INSUFFICIENT_EVIDENCE"
        assert "calibration_error" in failing(calls)


def test_a_level_of_one_row_is_listed(judge):
    rows = table()
    rows.loc[3, "region"] = "islet"
    levels = {level["level"]: level for level in answer(judge(rows))["slices"]}
    assert levels["islet"]["tested"] is False
    assert levels["islet"]["lower"] is None


def test_csv_and_parquet_agree(judge):
    assert answer(judge(table(), ".csv")) == answer(judge(table(), ".parquet"))


def test_units_are_text(judge):
    plain = answer(judge(table()))
    padded = table(unit=[f"{i:020d}" for i in range(600)])
    long = table(unit=[10**19 + i for i in range(600)])
    floats = table(unit=np.arange(600) * 1.0)
    for rows in (padded, long, floats):
        for suffix in (".csv", ".parquet"):
            assert answer(judge(rows, suffix))["gain"] == plain["gain"]


def test_order_does_not_matter_and_a_byte_order_mark_neither(judge):
    rows = table()
    plain = answer(judge(rows))
    shuffled = answer(judge(rows.sample(frac=1, random_state=7)))
    assert shuffled["gain"]["lower"] == pytest.approx(plain["gain"]["lower"])
    assert shuffled["verdict"] == plain["verdict"]
    marked = judge(b"\xef\xbb\xbf" + rows.to_csv(index=False).encode(), ".csv")
    assert answer(marked) == plain


def test_one_zone_is_read_as_utc(judge):
    rows = table()
    plain = answer(judge(rows))
    for zone in ("UTC", "America/Lima", "Asia/Tokyo"):
        there = rows["event_time"].dt.tz_convert(zone)
        for suffix in (".csv", ".parquet"):
            assert answer(judge(rows.assign(event_time=there), suffix))["gain"] == plain["gain"]
    naive = rows["event_time"].dt.tz_localize(None)
    assert answer(judge(rows.assign(event_time=naive)))["gain"] == plain["gain"]


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("zones", [["UTC", "Asia/Tokyo"], ["UTC", None], ["America/Lima", None]])
def test_offsets_may_differ_and_may_not_be_there_in_some(judge, zones, suffix):
    rows = table()
    mixed = [str(t.tz_convert(zones[i % 2])) for i, t in enumerate(rows["event_time"])]
    found = judge(rows.assign(event_time=mixed), suffix)
    if None in zones:  # tz_convert(None) gives the naive time
        assert sum("+" in t or "-05:00" in t for t in mixed) == len(rows) / 2
        assert "event_time mixes times with and without an offset" in complaint(found)
    else:
        assert answer(found) == answer(judge(rows, suffix))


@pytest.mark.parametrize("repeated", [1, 40, 600])
@pytest.mark.parametrize("daily", [False, True])
def test_a_row_that_comes_twice_is_invalid(judge, repeated, daily):
    rows = table()
    if daily:
        rows = rows.assign(event_time=rows["event_time"].dt.floor("D"))
    assert answer(judge(rows))["verdict"] == "PROMOTE"
    twice = answer(judge(pd.concat([rows, rows.head(repeated)])))
    assert twice["verdict"] == "INVALID"
    assert f"{repeated} of {600 + repeated} rows repeat a decision" in str(twice["checks"])


def test_a_unit_may_decide_twice_alike_in_a_day(judge):
    # few values, many visits: agreement is chance, and the day is all that is known
    generator = np.random.default_rng(5)
    rows = table(rows=3_000).assign(
        unit=generator.integers(0, 300, 3_000),
        event_time=pd.Timestamp("2024-05-01", tz="UTC")
        + pd.to_timedelta(generator.integers(0, 28, 3_000), unit="D"),
        value_champion=0.0,
        value_candidate=generator.choice([0.0, 0.0, 2.0, -1.0], 3_000),
    )
    assert rows.duplicated().sum() > 80
    assert answer(judge(rows))["verdict"] == "PROMOTE"
    assert "rows_distinct" in failing(
        answer(judge(pd.concat([rows.assign(unit=range(3_000))] * 2)))
    )


def test_a_repeated_or_missing_row_id_is_invalid(judge):
    rows = table().assign(row_id=[f"d{i}" for i in range(600)])
    assert answer(judge(rows))["verdict"] == "PROMOTE"
    rows.loc[1, "row_id"] = "d0"
    assert failing(answer(judge(rows))) == {"rows_distinct"}
    rows.loc[1, "row_id"] = None
    assert "row_id is missing in 1 of 600 rows" in str(answer(judge(rows))["checks"])


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_zero_rows_are_too_little(judge, suffix):
    found = answer(judge(table(rows=0), suffix))
    assert (found["verdict"], found["gain"]) == ("INSUFFICIENT_EVIDENCE", None)


@pytest.mark.parametrize("column", ["unit", "event_time", "value_champion", "value_candidate"])
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_missing_column_is_named(judge, column, suffix):
    message = complaint(judge(table().drop(columns=column), suffix))
    assert f"no column {column}; it has " in message


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"unit": None}, "unit is missing in 600 of 600 rows"),
        ({"unit": " "}, "unit is missing in 600 of 600 rows"),
        ({"event_time": pd.NaT}, "event_time is missing in 600 of 600 rows"),
        ({"event_time": range(600)}, "event_time holds integer such as 0, must hold times"),
        ({"event_time": 1.7e9}, "event_time holds floating such as 1700000000.0, must hold times"),
        ({"event_time": "13/05/2024"}, "13/05/2024"),
        ({"value_candidate": "a lot"}, "value_candidate: 'a lot' in row 1 is no number"),
        ({"value_candidate": True}, "value_candidate holds boolean"),
        ({"value_candidate": pd.Timestamp("2024-05-01")}, "value_candidate holds datetime64"),
        ({"value_candidate": pd.Timedelta(hours=1)}, "value_candidate holds timedelta64"),
        ({"outcome": [7] + [1] * 599}, "outcome: 7.0 is neither 0 nor 1 in 1 of 600 rows"),
        ({"outcome": 0.5}, "outcome: 0.5 is neither 0 nor 1 in 600 of 600 rows"),
        (
            {"score_candidate": [0.5, 70] * 300},
            "score_candidate: 70.0 is not between 0 and 1 in 300",
        ),
        ({"score_champion": -0.1}, "score_champion: -0.1 is not between 0 and 1"),
        (
            {"event_time": pd.Timestamp("2931-05-01", tz="UTC")},
            "2931-05-01 00:00:00+00:00 is after now",
        ),
        ({"score_champion": "high"}, "score_champion: 'high' in row 1 is no number"),
    ],
)
def test_a_column_of_the_wrong_type_is_named(judge, columns, words):
    assert words in complaint(judge(table(**columns)))


@pytest.mark.parametrize(
    ("content", "suffix", "words"),
    [
        (table(), ".json", "must end in .parquet or .csv"),
        (None, ".parquet", "there is no such file"),
        (b"no parquet", ".parquet", "cannot be read"),
        (b"", ".csv", "cannot be read"),
        (b"\xff\xfe\x00", ".csv", "cannot be read"),
        (b"unit,unit,event_time\n1,2,3\n", ".csv", "a column name is there twice"),
        (b"unit,event_time\n1,2,3,4\n", ".csv", "more fields than the header"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(judge, content, suffix, words):
    message = complaint(judge(content, suffix))
    assert words in message
    assert f"rows{suffix}" in message


def test_numbers_may_be_text_integers_or_nullable(judge):
    plain = answer(judge(table().round(0).assign(value_champion=0)))
    for kind in ("Int64", "Float64", "int64", "str"):
        rows = table().round(0).assign(value_champion=0)
        rows["value_candidate"] = rows["value_candidate"].astype("int64").astype(kind)
        assert answer(judge(rows))["gain"] == plain["gain"]
    rows = table().astype({"value_candidate": "Float64"})
    rows.loc[3, "value_candidate"] = pd.NA
    assert answer(judge(rows))["verdict"] == "INVALID"


CALIBRATION = {**OBJECTIVE, "guardrails": [{"measure": "calibration_error", "at_most": 0.2}]}


def test_calibration_is_measured_from_scores(judge):
    outcome = np.arange(600) % 2
    good = table(outcome=outcome, score_candidate=0.5 + (outcome - 0.5) * 0.9)
    found = answer(judge(good, wanted=CALIBRATION))
    assert found["verdict"] == "PROMOTE"
    assert found["measures"]["candidate"]["calibration_error"] == pytest.approx(0.05)
    bad = good.assign(score_candidate=1 - good["score_candidate"])
    assert answer(judge(bad, wanted=CALIBRATION))["verdict"] == "REJECT"
    hole = good.assign(score_candidate=good["score_candidate"].where(good.index > 0))
    assert answer(judge(hole, wanted=CALIBRATION))["verdict"] == "INVALID"
    assert answer(judge(table(), wanted=CALIBRATION))["verdict"] == "INVALID"


@pytest.mark.parametrize(
    ("measures", "verdict"),
    [
        ('{"candidate": {"calibration_error": 0.1}}', "PROMOTE"),
        ('{"candidate": {"calibration_error": 0.3}}', "REJECT"),
        ('{"candidate": {"calibration_error": NaN}}', "INVALID"),
        ('{"candidate": {"calibration_error": Infinity}}', "INVALID"),
        ('{"candidate": {}}', "INVALID"),
        ("{}", "INVALID"),
    ],
)
def test_measures_come_from_a_file(judge, measures, verdict):
    assert answer(judge(table(), measures=measures, wanted=CALIBRATION))["verdict"] == verdict


@pytest.mark.parametrize(
    "measures",
    [
        "",
        "[]",
        "1",
        '{"candidate": 1}',
        '{"candidate": {"m": "x"}}',
        '{"candidate": {"m": null}}',
        f'{{"candidate": {{"m": 1{"0" * 400}}}}}',
    ],
)
def test_measures_that_cannot_be_read_are_named(judge, measures):
    message = complaint(judge(table(), measures=measures))
    assert "measures.json: " in message
    assert "JSON" in message or "must be" in message


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({**OBJECTIVE, "guardrails": [{"slice": "region"}]}, "guardrails"),
        ({**OBJECTIVE, "unguarded": True}, "guardrails"),
        ({**OBJECTIVE, "objective": {"kpi": "profit"}}, "objective.unit: this key is needed"),
        ({**OBJECTIVE, "more": 1}, "more"),
    ],
)
def test_an_objective_that_is_wrong_is_named(judge, wanted, words):
    message = complaint(judge(table(), wanted=wanted))
    assert "objective.yaml" in message
    assert words in message


def test_the_command_ends_with_two_on_a_wrong_call(monkeypatch, tmp_path, capsys):
    from kpi_gate.cli import app as command_line

    (tmp_path / "o.yaml").write_text(yaml.safe_dump(OBJECTIVE))
    call = ["kpi-gate", "judge", "--objective", str(tmp_path / "o.yaml"), "--rows", "no.csv"]
    monkeypatch.setattr("sys.argv", call)
    monkeypatch.setenv("KPI_GATE_HOME", str(tmp_path))
    with pytest.raises(SystemExit) as ended:
        command_line.main()
    assert ended.value.code == 2
    assert capsys.readouterr().err.strip() == "kpi-gate: no.csv: there is no such file"


def test_the_table_and_the_page_are_written(judge, tmp_path):
    judge(table())
    call = [
        "judge",
        "--objective",
        tmp_path / "objective.yaml",
        "--rows",
        tmp_path / "rows.parquet",
    ]
    result = CliRunner().invoke(app, list(map(str, [*call, "--html", tmp_path / "page.html"])))
    assert result.exit_code == 0
    assert result.stdout.startswith("PROMOTE: ")
    assert (tmp_path / "page.html").read_text().lower().startswith("<!doctype html>")


def logged(rows=3_000, lift=0.5, **columns):
    generator = np.random.default_rng(3)
    often, best = generator.choice([0.2, 0.5, 0.8], rows), generator.random(rows) < 0.5
    action = generator.random(rows) < often  # with the chance `often`, the other with the rest
    propensity, better = np.where(action, often, 1 - often), action == best
    return table(rows=rows).assign(
        reward=generator.normal(0, 1, rows) + lift * better,
        propensity=propensity,
        probability_champion=propensity,
        probability_candidate=np.where(better, 0.8, 0.2),
        model_logged=lift * better,
        model_champion=lift * np.where(best, often, 1 - often),
        model_candidate=lift * 0.8,
        observed=generator.random(rows) < propensity,
        hidden=np.arange(rows) % 10 == 0,
        worst_difference=-0.1,
        best_difference=1.0,
        base_champion=10.0,
        base_candidate=10.0,
        **columns,
    )


def with_estimator(kind, **more):
    return {**OBJECTIVE, "estimator": {"kind": kind, **more}}


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("ratio", {}),
        ("ips", {}),
        ("snips", {}),
        ("dr", {}),
        ("switch", {"switch_above": 3.0}),
        ("selective", {}),
        ("bounded", {}),
    ],
)
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_one_gate_judges_every_estimator(judge, kind, more, suffix):
    found = answer(judge(logged(), suffix, wanted=with_estimator(kind, **more)))
    assert found["verdict"] == "PROMOTE", found["checks"]
    assert found["estimator"] == kind
    assert (kind in ("ratio",)) == (found["diagnostics"] == {})


@pytest.mark.parametrize("kind", sorted(set(NEEDS) - {"paired"}))
def test_an_estimator_names_the_columns_that_it_needs(judge, kind):
    more = {"switch_above": 3.0} if kind == "switch" else {}
    for column in NEEDS[kind]:
        found = judge(logged().drop(columns=column), wanted=with_estimator(kind, **more)).exception
        assert isinstance(found, ConfigurationError)
        assert f"no column {column}" in str(found)


@pytest.mark.parametrize("value", [0.0, -0.5, 1.01, np.nan, np.inf])
def test_a_propensity_that_is_none_is_invalid(judge, value):
    rows = logged()
    rows.loc[17, "propensity"] = value
    found = answer(judge(rows, wanted=with_estimator("snips")))
    assert found["verdict"] == "INVALID"
    assert "propensity: 1 of 3000 rows are not in (0, 1]" in str(found["checks"])


@pytest.mark.parametrize("wanted", [{"kind": "wrong"}, {"kind": "switch"}, {"switch_above": 2}])
def test_a_wrong_estimator_is_told(judge, wanted):
    found = judge(table(), wanted={**OBJECTIVE, "estimator": wanted}).exception
    assert isinstance(found, ConfigurationError)
    assert "estimator" in str(found)


def test_corners_of_the_table_are_judged(judge):
    rows = table()
    difference = rows["value_candidate"] - rows["value_champion"]
    ends = {"difference:rate:low": difference - 0.9, "difference:rate:high": difference + 0.1}
    found = answer(judge(rows.assign(**ends)))
    assert (found["verdict"], failing(found)) == ("HOLD", {"sensitivity rate"})
    half = answer(judge(rows.assign(**{"difference:rate:low": difference})))
    assert (half["verdict"], failing(half)) == ("INVALID", {"sensitivity"})


def test_days_before_the_table_tell_of_storms(tmp_path):
    def days(count, first, gain):
        rows = np.arange(count * 60)
        day = pd.Timestamp(first, tz="UTC") + pd.to_timedelta(rows // 60, unit="D")
        noise = np.random.default_rng(7).normal(0, 1, rows.size)
        values = {"value_champion": 0.0, "value_candidate": noise + gain}
        return pd.DataFrame({"unit": rows, "event_time": day, **values})

    objective = {"unit": "EUR", "horizon_decisions": 10_000, "min_effect": 0.1, "resamples": 1_000}
    window, before = days(14, "2024-06-01", 0.4), days(120, "2024-01-01", 0.3)
    calm = judge_rows(window, objective, history=before)
    assert calm.verdict == judge_rows(window, objective).verdict == "PROMOTE"
    stormy = before.assign(
        value_candidate=before["value_candidate"] - 6.0 * (before.index // 60 % 20 == 0)
    )
    path = tmp_path / "before.parquet"
    stormy.to_parquet(path)
    for given in (stormy, path):
        decision = judge_rows(window, objective, history=given)
        assert decision.verdict == "HOLD"
        assert "120 days before the window" in decision.to_text()
    for wrong, words in (
        (window, "reach into it"),
        (before.drop(columns="unit"), "history: no column unit"),
    ):
        with pytest.raises(ConfigurationError, match=words):
            judge_rows(window, objective, history=wrong)


def test_exposure_and_uncapped_values_are_read(judge):
    rows = table(sd=0.05).assign(exposure=900.0, uncapped_champion=0.0, uncapped_candidate=7.0)
    rows["value_candidate"] = rows["value_champion"] + 0.5
    found = answer(judge(rows))
    assert "unseen_losses" in failing(found)
    assert found["gain"]["uncapped"] == pytest.approx(7.0)


FRESH = {
    "as-of": "2024-06-20",
    "trained-until": "2024-05-01",
    "champion-trained-until": "2024-03-01",
    "label-delay-days": "25",
}


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ({}, None),
        ({"trained-until": "2024-05-02"}, "window_fresh"),
        ({"champion-trained-until": "2024-05-10"}, "window_fresh"),
        ({"champion-trained-until": None}, "window_fresh"),
        ({"trained-until": None}, "window_fresh"),
        ({"as-of": "2024-05-10", "label-delay-days": None}, "window_in_the_past"),
        ({"label-delay-days": "10"}, "window_recent"),
        ({"label-delay-days": "27"}, "window_recent"),
        ({"label-delay-days": "21"}, None),  # a few quiet days
    ],
)
def test_dates_prove_that_the_rows_are_fresh(judge, said, fault):
    options = [
        word
        for name, value in {**FRESH, **said}.items()
        if value is not None
        for word in (f"--{name}", value)
    ]
    found = answer(judge(table(), options=options))
    assert failing(found) == ({fault} if fault else set())
    assert found["verdict"] == ("INVALID" if fault else "PROMOTE")


def test_earlier_candidates_shrink_the_gain(judge, tmp_path):
    path = tmp_path / "past.json"
    quiet = np.random.default_rng(7).normal(0, 0.08, 30)
    path.write_text(json.dumps([{"gain": g, "standard_error": 0.08} for g in quiet]))
    shrunk = [
        answer(judge(table(0.25), options=options))["gain"]["shrunk"]
        for options in ([], ["--past", str(path)])
    ]
    assert shrunk[1] < shrunk[0]
    path.write_text("[{}]")
    assert isinstance(judge(table(), options=["--past", str(path)]).exception, ConfigurationError)


def test_waiting_has_a_price(judge):
    held = answer(judge(table(0.15)))
    assert held["verdict"] == "HOLD"
    assert held["cost_of_waiting"] == pytest.approx(max(held["gain"]["shrunk"], 0) * 600)
    assert answer(judge(table()))["cost_of_waiting"] is None
