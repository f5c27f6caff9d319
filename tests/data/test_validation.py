"""Every fault in the data is caught, named, and its rows are held back; good data passes."""

import json
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from kpi_gate.data.validation.engine import PreviousSnapshot, ValidationReport, validate_rows
from kpi_gate.data.validation.expectations import run_rules
from kpi_gate.data.validation.rules import NOT_NULL, rules_for
from kpi_gate.decision.objective import Guardrail
from kpi_gate.decision.value.model import ValueModel
from kpi_gate.render import render
from kpi_gate.usecase.contract import Feature, UseCase
from kpi_gate.usecase.settings import Settings

pytestmark = pytest.mark.slow

AS_OF = datetime(2024, 7, 1, tzinfo=UTC)
PREVIOUS = PreviousSnapshot(as_of=datetime(2024, 6, 1, tzinfo=UTC), rows=152)
SPEND = {"min_value": -100, "max_value": 20_000}
EXPECTATIONS = (
    {"type": "expect_column_values_to_be_between", "column": "spend_eur", "kwargs": SPEND},
    {
        "type": "expect_column_median_to_be_between",
        "column": "spend_eur",
        "rows": "recent",
        "kwargs": {"min_value": 5, "max_value": 500},
    },
    {
        "type": "expect_column_values_to_be_in_set",
        "column": "colour",
        "kwargs": {"value_set": ["red", "blue"]},
    },
)


def toy(*more: dict[str, Any]) -> UseCase:
    settings = Settings.model_validate(
        {
            "objective": {
                "kpi": "profit",
                "unit": "EUR",
                "horizon_decisions": 1000,
                "min_effect": 0.1,
                "switch_cost": 0,
            },
            "guardrails": [{"measure": "latency_ratio", "at_most": 2}],
            "value": {"cost_eur": 1.0},
            "window": {
                "label_delay_days": 10,
                "tune_days": 14,
                "gate_min_days": 14,
                "gate_max_days": 60,
                "gate_min_rows": 50,
                "train_last_rows": [None],
            },
            "model": {"seed": 1, "threads": 1},
            "validation": {
                "freshness_days": 5,
                "row_count": {"may_shrink_by": 0.1, "may_grow_by": 0.5},
                "expectations": [*EXPECTATIONS, *more],
            },
            "schedule": {"retrain": "0 3 1 * *"},
        }
    )
    return UseCase(
        name="toy",
        title="Toy",
        settings=settings,
        load=lambda folder, as_of: good_rows(),
        features=(Feature("spend_eur", "number"), Feature("colour", "category")),
        estimator=lambda model: None,
        value=ValueModel("profit", lambda *given: {}),
        baseline=lambda rows: np.ones(len(rows)),
        baseline_name="everyone",
    )


def good_rows() -> pd.DataFrame:
    """One row a day and the outcomes that are known at `AS_OF`, under an index of no meaning."""
    event_time = pd.Series(pd.date_range("2024-01-01", "2024-06-30", tz="UTC", unit="us"))
    label_time = event_time + timedelta(days=10)
    days = np.arange(len(event_time))
    rows = pd.DataFrame(
        {
            "event_time": event_time,
            "label_time": label_time.where(label_time < AS_OF),
            "unit": [f"u{day}" for day in days],
            "outcome": pd.Series(days % 3 == 0, dtype=float).where(label_time < AS_OF),
            "spend_eur": 20.0 + days % 60,
            "colour": np.where(days % 2 == 0, "red", "blue"),
        }
    )
    return rows.set_index(pd.Index(days // 2))


def validate(rows: pd.DataFrame, *more: dict[str, Any], **given: Any) -> ValidationReport:
    return validate_rows(rows, toy(*more), **{"as_of": AS_OF, "previous": PREVIOUS, **given})


def put(column: str, value: object, *positions: int) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def spoil(rows: pd.DataFrame) -> pd.DataFrame:
        values = rows[column].astype(object) if isinstance(value, str) else rows[column].copy()
        values.iloc[list(positions)] = value
        return rows.assign(**{column: values})

    return spoil


def move(column: str, days: int, position: int) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def spoil(rows: pd.DataFrame) -> pd.DataFrame:
        times = rows[column].copy()
        times.iloc[position] += timedelta(days=days)
        return rows.assign(**{column: times})

    return spoil


def in_cents(rows: pd.DataFrame) -> pd.DataFrame:
    recent = rows["event_time"] >= PREVIOUS.as_of
    return rows.assign(spend_eur=rows["spend_eur"].where(~recent, rows["spend_eur"] * 100))


def immature(rows: pd.DataFrame) -> pd.DataFrame:
    return put("outcome", np.nan, *range(100, 120))(
        put("label_time", pd.NaT, *range(100, 120))(rows)
    )


ROW_FAULTS = {
    "null unit": (put("unit", None, 7), [7], "unit: expected no nulls; 1 of 182 rows"),
    "null event_time": (put("event_time", pd.NaT, 7), [7], "event_time: expected no nulls"),
    "duplicate": (
        lambda rows: pd.concat([rows, rows.iloc[[3]]]),
        [3, 182],
        "event_time, or a column decision_id; 2 of 183 rows",
    ),
    "text among numbers": (
        put("spend_eur", "n/a", 9),
        [9],
        "spend_eur: expected finite numbers; 1 of 182 rows are not so, such as 'n/a'",
    ),
    "infinite": (put("spend_eur", np.inf, 9), [9], "spend_eur: expected finite numbers; 1 of 182"),
    "out of range": (
        put("spend_eur", 20_001.0, 9, 11),
        [9, 11],
        "max_value 20000); 2 of 182 rows are not so, such as 20001.0",
    ),
    "unknown category": (
        put("colour", "mauve", 4),
        [4],
        "colour: expected values to be in set (value_set ['red', 'blue']); 1 of 182 rows are not "
        "so, such as 'mauve'",
    ),
    "number as category": (
        lambda rows: put("colour", 1.5, 4)(rows.astype({"colour": object})),
        [4],
        "colour: expected text, whole numbers or booleans; 1 of 182 rows are not so, such as 1.5",
    ),
    "third outcome": (put("outcome", 2.0, 5), [5], "outcome: expected 0 or 1; 1 of 172"),
    "outcome lost": (
        put("outcome", np.nan, 5),
        [5],
        "outcome: expected known exactly where label_time is; 1 of 182",
    ),
    "outcome without its time": (
        put("outcome", 1.0, 181),
        [181],
        "outcome: expected known exactly where label_time is; 1 of 182",
    ),
    "labels immature": (
        immature,
        list(range(100, 120)),
        "outcome: expected a known outcome 10 days after the event, in 95% of rows; 20 of 172",
    ),
    "outcome before its event": (
        move("label_time", -11, 20),
        [20],
        "label_time: expected a moment not before event_time; 1 of 172 rows are not so, such as "
        "'2024-01-20",
    ),
    "label from the future": (
        move("label_time", 300, 20),
        [20],
        "label_time: expected a moment before as_of, 2024-07-01 00:00; 1 of 172",
    ),
    "event from the future": (
        move("event_time", 1, 181),
        [181],
        "event_time: expected a moment before as_of, 2024-07-01 00:00; 1 of 182",
    ),
    "no time zone": (
        lambda rows: rows.assign(event_time=rows["event_time"].dt.tz_localize(None)),
        list(range(182)),
        "event_time: expected times with a time zone, not datetime64[us]; 182 of 182",
    ),
    "numbers as text": (
        lambda rows: rows.assign(spend_eur=rows["spend_eur"].astype(str)),
        list(range(182)),
        "spend_eur: expected finite numbers; 182 of 182 rows are not so, such as '20.0'",
    ),
    "cents for euros": (
        in_cents,
        list(range(152, 182)),
        "spend_eur: expected median to be between (min_value 5, max_value 500) (recent rows only); "
        "it is 6450",
    ),
}


@pytest.mark.parametrize(("spoil", "bad", "reason"), ROW_FAULTS.values(), ids=ROW_FAULTS.keys())
def test_a_faulty_row_fails_and_is_held_back(
    spoil: Callable[[pd.DataFrame], pd.DataFrame], bad: list[int], reason: str
) -> None:
    rows = spoil(good_rows())

    report = validate(rows)

    assert report.passed is False
    assert any(reason in failure.reason for failure in report.failures), report.failures
    assert not any(failure.broken for failure in report.failures)
    expected = rows.reset_index(drop=True).iloc[bad]
    pd.testing.assert_frame_equal(report.bad_rows.drop(columns="reason"), expected)
    assert report.bad_rows["reason"].str.contains(report.failures[0].column).all()


@pytest.mark.parametrize("factor", [100, 0.01, 1_000])
def test_another_unit_of_money_is_told_where_nobody_declared_anything(factor: float) -> None:
    rows = good_rows()
    recent = rows["event_time"] >= PREVIOUS.as_of
    rows["spend_eur"] = rows["spend_eur"].where(~recent, rows["spend_eur"] * factor)
    undeclared = priced()
    (failure,) = validate_rows(rows, undeclared, AS_OF, PREVIOUS).failures
    assert failure.reason.startswith("spend_eur: expected a median of 2.25 to 900, as it was 45")
    assert failure.probably.startswith(f"Probably {max(factor, 1 / factor):,.0f} times too ")


@pytest.mark.parametrize("factor", [1, 5, 0.2])
def test_a_price_that_moved_is_no_other_unit(factor: float) -> None:
    rows = good_rows()
    recent = rows["event_time"] >= PREVIOUS.as_of
    rows["spend_eur"] = rows["spend_eur"].where(~recent, rows["spend_eur"] * factor)
    assert validate_rows(rows, priced(), AS_OF, PREVIOUS).passed


def priced() -> UseCase:
    """Return the toy without an expectation, whose value reads what was spent."""
    plain = toy()
    validation = plain.settings.validation.model_copy(update={"expectations": ()})
    settings = plain.settings.model_copy(update={"validation": validation})
    value = ValueModel("profit", lambda *given: {}, columns=("spend_eur",))
    return replace(plain, settings=settings, value=value)


def test_good_data_passes_and_is_not_changed_and_nothing_is_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    rows = good_rows()

    report = validate(rows)

    assert report.passed is True
    assert report.failures == ()
    assert report.bad_rows.empty
    assert (
        report.summary["passed"] == report.summary["expectations"] == len(report.summary["checks"])
    )
    pd.testing.assert_frame_equal(rows, good_rows())
    assert list(tmp_path.iterdir()) == []


def test_nulls_in_features_and_late_outcomes_of_a_few_are_allowed() -> None:
    rows = put("colour", None, 4)(put("spend_eur", np.nan, 3)(good_rows()))
    rows = put("outcome", np.nan, 9)(put("label_time", pd.NaT, 9)(rows))

    assert validate(rows).failures == ()


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (
            "colour",
            'colour is a slice that a guardrail names: fill it, such as with "unknown", or ',
        ),
        ("spend_eur", "the value model reads spend_eur at the decision: fill it, or leave such "),
    ],
)
def test_a_null_that_is_not_allowed_says_why_and_the_way_out(column: str, words: str) -> None:
    case = toy()
    rails = (Guardrail(slice="colour", may_lose=1.0),)
    case = replace(
        case,
        settings=case.settings.model_copy(update={"guardrails": rails}),
        value=ValueModel("profit", lambda *given: {}, columns=("spend_eur",)),
    )
    rules = rules_for(good_rows(), case, AS_OF, None)
    rows = put(column, None, 4)(good_rows()).reset_index(drop=True)
    asked = [rule for rule in rules if (rule.type, rule.about) == (NOT_NULL, column)]

    (found,) = run_rules(rows, rows, asked)

    assert found.reason.startswith(f"{column}: expected no nulls; 1 of 182 rows are not so")
    assert words in found.reason


@pytest.mark.parametrize(
    ("rows", "previous", "reason"),
    [
        (
            good_rows().iloc[:160],
            None,
            "expected the newest row to be at most 5 days old on 2024-07-01; it is 23",
        ),
        (
            good_rows().iloc[50:],
            PREVIOUS,
            "table: expected 137 to 228 rows, after 152 on 2024-06-01; it is 132",
        ),
        (
            good_rows(),
            PreviousSnapshot(PREVIOUS.as_of, 100),
            "table: expected 90 to 150 rows, after 100 on 2024-06-01; it is 182",
        ),
        (good_rows().iloc[:0], None, "table: expected at least 1 row; it is 0"),
        (good_rows().drop(columns="colour"), None, "colour: expected the column to exist"),
        (good_rows().drop(columns="event_time"), None, "event_time: expected the column to exist"),
    ],
    ids=["stale", "shrunk", "grown", "empty", "no feature", "no role"],
)
def test_a_fault_of_the_whole_table_fails_without_blaming_rows(
    rows: pd.DataFrame, previous: PreviousSnapshot | None, reason: str
) -> None:
    report = validate(rows, previous=previous)

    assert report.passed is False
    assert reason in report.failures[0].reason
    assert report.failures[0].count == 0
    assert report.bad_rows.empty


@pytest.mark.parametrize(
    ("previous", "passed"),
    [
        (PreviousSnapshot(AS_OF - timedelta(days=62), 91), True),  # twice the month's 50 %
        (PreviousSnapshot(AS_OF - timedelta(days=60), 90), False),
        (PreviousSnapshot(AS_OF, 182), True),
        (PreviousSnapshot(AS_OF + timedelta(days=1), 5000), True),  # a replay compares nothing
    ],
)
def test_growth_is_allowed_by_the_month(previous: PreviousSnapshot, passed: bool) -> None:
    assert validate(good_rows(), previous=previous).passed is passed


@pytest.mark.parametrize(
    ("expectation", "reason"),
    [
        (
            {"type": "expect_column_values_to_be_unique", "column": "hue"},
            "hue: expected values to be unique; the check itself is broken: Error: The column "
            '"hue" in BatchData does not exist.',
        ),
        (
            {"type": "expect_column_values_to_be_betwixt", "column": "colour", "rows": "recent"},
            "expect_column_values_to_be_betwixt not found",
        ),
        (
            {"type": "expect_column_max_to_be_between", "column": "spend_eur", "kwargs": {"mx": 1}},
            "mx extra fields not permitted",
        ),
        (
            {"type": "expect_column_max_to_be_between", "column": "spend_eur"},
            "min_value and max_value are both missing: it would pass on any data",
        ),
        (
            {
                "type": "expect_column_values_to_be_between",
                "column": "spend_eur",
                "kwargs": {"max_value": 1, "mostly": 0},
            },
            "mostly == 0: it would pass on any data",
        ),
        (
            {
                "type": "expect_column_max_to_be_between",
                "column": "spend_eur",
                "kwargs": {"max_value": {"$PARAMETER": "bound"}},
            },
            "No value found for $PARAMETER bound",
        ),
    ],
    ids=["column", "type", "argument", "no bound", "no row", "parameter"],
)
def test_a_broken_check_fails_and_is_told_apart(expectation: dict[str, Any], reason: str) -> None:
    report = validate(good_rows(), expectation)

    assert report.passed is False
    assert all(failure.broken for failure in report.failures)
    assert any(reason in failure.reason for failure in report.failures), report.failures
    assert report.bad_rows.empty


def test_without_recent_rows_their_checks_are_skipped_and_said_so() -> None:
    rows = good_rows().iloc[:152]

    report = validate(rows, previous=PreviousSnapshot(datetime(2024, 6, 30, tzinfo=UTC), 152))

    skipped = [check for check in report.summary["checks"] if check["success"] is None]
    assert [check["observed"] for check in skipped] == ["skipped: there are no recent rows"]
    assert report.summary["skipped"] == 1
    assert [failure.column for failure in report.failures] == ["event_time"]  # it is stale


def test_the_first_snapshot_looks_at_the_last_recent_days() -> None:
    report = validate(in_cents(good_rows()), previous=None)

    assert not report.passed
    assert report.summary["recent_from"] == "2024-05-31T00:00:00+00:00"
    assert len(report.bad_rows) == 31


def test_a_moment_without_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="must have a time zone"):
        validate(good_rows(), as_of=datetime(2024, 7, 1))  # noqa: DTZ001


def test_the_page_needs_nothing_else_and_runs_nothing() -> None:
    hostile = "<script>alert('http://x.test')</script>"

    report = validate(put("colour", hostile, 4)(good_rows()))

    page = render(report, "html")
    assert "<h1" in page
    assert "1 of 182 rows are not so" in page
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    for link in ("src=", "href=", "url(", "@import", "<link"):
        assert link not in page
    well = validate(good_rows())
    assert "http" not in render(well, "html")


def test_the_summary_is_small_strict_json() -> None:
    rows = put("spend_eur", np.inf, *range(160))(good_rows())

    text = json.dumps(validate(rows).summary, allow_nan=False)

    assert len(text) < 12_000
