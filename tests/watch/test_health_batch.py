from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from health_shop import PAST, ROWS, day, past, told, use_case, window
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from kpi_gate.errors import ConfigurationError
from kpi_gate.watch.health.batch import UNDETECTABLE, check_batch

pytestmark = pytest.mark.slow

TODAY = day(PAST)


def only(batch, check, column="", severity="severe", **asked):
    """Return the one thing that is found, and see that there is no other."""
    found = told(batch, **asked)
    assert list(found) == [(check, column)]
    assert found[check, column].severity == severity
    return found[check, column]


def shares(share, seed=3):
    return np.random.default_rng(seed).random(ROWS) < share


@given(st.integers(0, 1_000), st.sampled_from([40, 300]))
@examples(max_examples=12)
def test_clean_days_pass(seed, rows):
    assert told(day(PAST, rows, seed), past(rows, seed)) == {}


@pytest.mark.parametrize("factor", [100, 0.01, 1000, 1 / 30, 60])
def test_other_units_are_named(factor):
    found = only(TODAY.assign(amount_eur=TODAY["amount_eur"] * factor), "units", "amount_eur")
    named = f"x{factor:g}" if factor > 1 else f"/{1 / factor:g}"
    assert f"looks {named} in 100%" in found.sentence


@pytest.mark.parametrize("factor", [100, 0.01])
def test_other_units_in_a_tenth_of_the_rows(factor):
    mixed = TODAY["amount_eur"].mask(shares(0.1), TODAY["amount_eur"] * factor)
    found = only(TODAY.assign(amount_eur=mixed), "units", "amount_eur")
    assert found.value == pytest.approx(0.1, abs=0.04)


def test_degrees_are_told_from_a_scale():
    def heat(rows, change=lambda c: c):
        return rows.assign(balance_eur=change(15 + (rows["balance_eur"] - 100) / 10))

    broken = heat(TODAY, lambda degrees: degrees * 1.8 + 32)
    found = only(broken, "units", "balance_eur", reference=heat(past()))
    assert "Celsius to Fahrenheit" in found.sentence


def test_a_constant_column():
    found = only(TODAY.assign(balance_eur=100.0), "constant", "balance_eur")
    assert "is 100 in all 300 rows" in found.sentence


def test_a_flag_of_the_day_is_no_constant():
    rows = pd.concat([past(), TODAY]).reset_index(drop=True)
    weekend = (rows["event_time"].dt.dayofweek >= 5).astype(float)
    rows = rows.assign(age_days=weekend)
    before = rows["event_time"] < window().start
    assert told(rows[~before], rows[before]) == {}


def test_a_default_in_a_third_of_the_rows():
    defaulted = TODAY["balance_eur"].mask(shares(0.3), 0.0)
    found = only(TODAY.assign(balance_eur=defaulted), "mode_share", "balance_eur")
    assert found.value == pytest.approx(0.3, abs=0.06)


@pytest.mark.parametrize(("share", "severity"), [(0.08, "warning"), (0.4, "severe")])
def test_a_null_spike(share, severity):
    holed = TODAY.assign(balance_eur=TODAY["balance_eur"].mask(shares(share)))
    found = only(holed, "nulls", "balance_eur", severity)
    assert found.value > found.bound


def test_nulls_that_are_usual_on_the_weekday_are_no_spike():
    def holed(rows):
        monday = (rows["event_time"].dt.dayofweek == 0).to_numpy()
        some = np.random.default_rng(5).random(len(rows)) < 0.3
        return rows.assign(balance_eur=rows["balance_eur"].mask(monday & some))

    assert told(holed(TODAY), holed(past())) == {}
    other = day(PAST + 1)
    broken = other.assign(balance_eur=other["balance_eur"].mask(shares(0.3)))
    reference = holed(pd.concat([past(), TODAY]))
    assert ("nulls", "balance_eur") in told(broken, reference, PAST + 1)


def test_what_is_not_finite_is_a_null():
    broken = TODAY.assign(amount_eur=TODAY["amount_eur"].mask(shares(0.2), np.inf))
    assert "null or not finite" in only(broken, "nulls", "amount_eur", "warning").sentence


@pytest.mark.parametrize(("level", "severity"), [("basic", "severe"), ("pro", "warning")])
def test_a_renamed_category(level, severity):
    renamed = TODAY.assign(plan=TODAY["plan"].replace(level, "new name"))
    assert "'new name'" in only(renamed, "unseen", "plan", severity).sentence


def test_four_rows_of_a_new_level_are_seen():
    plans = TODAY["plan"].mask(TODAY.index < 4, "typo")
    assert only(TODAY.assign(plan=plans), "unseen", "plan", "warning").value == pytest.approx(
        4 / 300
    )


def test_new_levels_on_every_day_are_usual():
    def fresh(rows):
        return rows.assign(
            plan=rows["plan"].mask(rows["unit"] % 10 == 0, rows["event_time"].astype(str))
        )

    assert told(fresh(TODAY), fresh(past())) == {}


def test_codes_that_changed_places():
    ring = {"basic": "plus", "plus": "pro", "pro": "basic"}
    found = told(TODAY.assign(plan=TODAY["plan"].map(ring)))
    assert {check for check, column in found if column == "plan"} & {"shift", "mode_share"}


def test_rows_joined_by_a_wrong_key_jump_where_a_unit_stays():
    other = TODAY.iloc[np.random.default_rng(1).permutation(ROWS)].reset_index(drop=True)
    found = told(other.assign(unit=TODAY["unit"], event_time=TODAY["event_time"]))
    assert ("changed_column", "plan") in found


def test_columns_that_changed_places():
    swapped = TODAY.assign(amount_eur=TODAY["age_days"], age_days=TODAY["amount_eur"])
    found = told(swapped)
    assert set(found) == {("swapped", "amount_eur"), ("swapped", "age_days")}
    assert "usually in age_days" in found["swapped", "amount_eur"].sentence


def test_no_swap_without_its_other_half():
    cents = TODAY.assign(amount_eur=TODAY["age_days"], age_days=TODAY["age_days"] * 100)
    assert "swapped" not in {check for check, _ in told(cents)}


def test_a_gross_shift():
    assert told(TODAY.assign(balance_eur=TODAY["balance_eur"] + 40))[
        "shift", "balance_eur"
    ].sentence.startswith("balance_eur moved")


def test_a_small_shift_is_for_the_drift_layer():
    assert told(TODAY.assign(balance_eur=TODAY["balance_eur"] + 2)) == {}


@pytest.mark.parametrize("broken", [TODAY.drop(columns="age_days"), TODAY.assign(age_days=np.nan)])
def test_a_missing_column(broken):
    only(broken, "missing", "age_days")


def test_one_column_more():
    assert "such as 7" in only(TODAY.assign(other=7), "extra", "other", "warning").sentence


def test_text_for_numbers_and_numbers_for_text():
    text = TODAY["amount_eur"].map("{:.2f} EUR".format)
    assert "must be a number" in only(TODAY.assign(amount_eur=text), "type", "amount_eur").sentence
    codes = pd.factorize(TODAY["plan"])[0]
    assert "must be text" in only(TODAY.assign(plan=codes), "type", "plan").sentence


@pytest.mark.parametrize("back", [1, 9])
def test_a_batch_that_was_there_before(back):
    old = day(PAST - back)
    found = only(old.assign(event_time=old["event_time"] + pd.Timedelta(days=back)), "repeated")
    assert f"those of {back} days before" in found.sentence


def test_a_column_that_is_a_day_late():
    old = day(PAST - 1).set_index("unit")["balance_eur"]
    known = TODAY["unit"].isin(old.index)
    late = TODAY["balance_eur"].mask(known, TODAY["unit"].map(old))
    only(TODAY.assign(balance_eur=late), "late_column", "balance_eur")
    some = TODAY["balance_eur"].mask(known & shares(0.2), TODAY["unit"].map(old))
    only(TODAY.assign(balance_eur=some), "late_column", "balance_eur", "warning")


def test_a_late_column_is_judged_by_the_values_that_are_known():
    def holed(rows):
        holes = (rows["unit"] + rows["event_time"].dt.day) % 5 > 3
        return rows.assign(balance_eur=rows["balance_eur"].mask(holes))

    old = day(PAST - 1).set_index("unit")["balance_eur"]
    known = TODAY["unit"].isin(old.index)
    late = TODAY.assign(balance_eur=TODAY["balance_eur"].mask(known, TODAY["unit"].map(old)))
    assert only(holed(late), "late_column", "balance_eur", reference=holed(past())).value == 1.0


def test_where_no_unit_returns_a_late_column_is_said_to_be_invisible():
    def anew(rows):
        return rows.assign(
            unit=[f"u{n}-{t}" for n, t in zip(rows["unit"], rows["event_time"], strict=True)]
        )

    found = told(anew(TODAY), anew(past()), severities=("note",))
    assert "cannot be seen here" in found["late_column", ""].sentence


def test_decisions_that_are_there_twice():
    double = pd.concat([TODAY, TODAY[:15]])
    found = only(double, "twice", severity="warning")
    assert found.value == pytest.approx(15 / 315)


def test_times_out_of_their_day():
    time = TODAY["event_time"]
    ahead = TODAY.assign(event_time=time.mask(TODAY.index < 5, time + pd.Timedelta(days=1)))
    only(ahead, "clock_skew", "event_time", "warning")
    late = TODAY.assign(event_time=time.mask(TODAY.index < 60, time - pd.Timedelta(days=9)))
    only(late, "late_rows", "event_time")
    none = TODAY.assign(event_time=time.mask(TODAY.index < 60))
    only(none, "no_time", "event_time")


def test_a_clock_that_is_off_moves_the_hours():
    def at_noon(rows, off=0):
        second = 43_200 + np.random.default_rng(2).normal(0, 7_200, len(rows)) + off * 3_600
        return rows.assign(
            event_time=rows["event_time"].dt.floor("D") + pd.to_timedelta(second, "s")
        )

    assert told(at_noon(TODAY), at_noon(past())) == {}
    assert {column for _, column in told(at_noon(TODAY, off=4), at_noon(past()))} == {"event_time"}


def test_decisions_at_one_hour_are_at_no_other():
    def daily(rows, hour):
        return rows.assign(event_time=rows["event_time"].dt.floor("D") + pd.Timedelta(hours=hour))

    assert told(daily(TODAY, 5), daily(past(), 5)) == {}
    only(daily(TODAY, 8), "constant", "event_time", "warning", reference=daily(past(), 5))


@pytest.mark.parametrize("zone", ["UTC", "Europe/Lisbon"])
def test_summer_time_is_no_wrong_clock(zone):
    # the first noon after Lisbon turned its clocks, of decisions that are dated at one zone's noon
    def at_noon(rows, hour=12):
        local = rows["event_time"].dt.tz_localize(None).dt.floor("D") + pd.Timedelta(hours=hour)
        return rows.assign(event_time=local.dt.tz_localize(zone).dt.tz_convert("UTC"))

    case, summer = use_case(timezone="Europe/Lisbon"), day(PAST - 1)
    reference = at_noon(past(days=PAST - 1))
    assert check_batch(at_noon(summer), reference, case, window(PAST - 1)) == []
    found = check_batch(at_noon(summer, 15), reference, case, window(PAST - 1))
    assert [(finding.check, finding.column) for finding in found] == [("constant", "event_time")]
    # a day later the change lies among the good days, and one zone has two hours
    reference = at_noon(past())
    assert check_batch(at_noon(TODAY), reference, case, window()) == []
    found = check_batch(at_noon(TODAY, 15), reference, case, window())
    assert [(finding.check, finding.column) for finding in found] == [("constant", "event_time")]


def test_an_empty_day_is_severe_however_much_the_others_differ():
    rows = past()
    wild = rows[np.random.default_rng(1).random(len(rows)) < (rows["unit"] // 75 % 9 / 9) ** 4]
    assert ("volume", "") in told(TODAY[:0], pd.concat([wild, rows.iloc[::100]]))


def test_the_number_of_rows():
    assert only(TODAY[:0], "volume").sentence.startswith("0 rows; 300 are usual")
    assert only(TODAY[:90], "volume", severity="warning").value == 90


def test_a_weekday_without_rows_may_be_empty():
    rows = past()
    reference = rows[rows["event_time"].dt.dayofweek != 0]
    assert told(TODAY[:0], reference) == {}


def test_few_good_days_leave_bounds_out_and_say_so():
    broken = TODAY.assign(amount_eur=TODAY["amount_eur"] * 100)
    found = told(broken, past(days=3)[-900:], severities=("severe", "warning", "note"))
    assert list(found) == [("blind", "")]
    assert told(broken.drop(columns="plan"), past(days=3))["missing", "plan"].severity == "severe"


def test_several_small_days_are_one_batch():
    rows = pd.concat([day(number, 12) for number in range(70)], ignore_index=True)
    week, before = window(63, days=7), rows["event_time"] < window(63).start
    assert not [
        f
        for f in check_batch(rows[~before], rows[before], use_case(), week)
        if f.severity != "note"
    ]
    cents = rows[~before].assign(amount_eur=rows["amount_eur"] * 100)
    found = check_batch(cents, rows[before], use_case(), week)
    assert [f.check for f in found if f.severity == "severe"] == ["units"]


def test_what_the_model_does_not_read_makes_no_day_unusable():
    unread = {"extra_usd": lambda rows: rows["amount_eur"] * 3}
    wide = use_case().settings.validation.model_copy(
        update={"expectations": (_expects("extra_usd"),)}
    )
    case = use_case()
    settings = case.settings.model_copy(update={"validation": wide})
    case = replace(case, settings=settings)
    broken = TODAY.assign(extra_usd=TODAY["amount_eur"] * 300)
    found = check_batch(broken, past().assign(**unread), case, window())
    assert [(f.check, f.column, f.severity) for f in found] == [("units", "extra_usd", "warning")]


def _expects(column):
    from kpi_gate.usecase.settings import Expectation

    return Expectation(type="expect_column_values_to_not_be_null", column=column)


def test_rows_without_their_roles_are_refused():
    with pytest.raises(ConfigurationError, match="batch: no column 'unit'"):
        check_batch(TODAY.drop(columns="unit"), past(), use_case())
    naive = TODAY.assign(event_time=TODAY["event_time"].dt.tz_localize(None))
    with pytest.raises(ConfigurationError, match="must be a time in UTC"):
        check_batch(naive, past(), use_case())


def test_units_that_are_missing():
    only(TODAY.assign(unit=np.nan), "missing", "unit")
    some = TODAY.assign(unit=TODAY["unit"].astype(float).mask(shares(0.1)))
    assert ("nulls", "unit") in told(some, past().astype({"unit": float}))


def test_an_empty_batch_needs_its_window():
    with pytest.raises(ConfigurationError, match="its window must be given"):
        check_batch(TODAY[:0], past(), use_case())


def test_the_day_of_most_rows_is_meant_by_default():
    assert check_batch(TODAY, past(), use_case()) == []


def test_a_sentence_says_each_blind_spot():
    assert len(UNDETECTABLE) > 5
    assert all(sentence.endswith(".") for sentence in UNDETECTABLE)
