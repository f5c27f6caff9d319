"""Releases that a notebook gives to the gate: the link learns from them."""

import json
import math

import numpy as np
import pandas as pd
import polars as pl
import pytest

from kpi_gate import judge
from kpi_gate.errors import ConfigurationError

NAMES = ("offline", "offline_error", "online", "online_error")
GAINS = np.linspace(0.1, 0.9, 8)
PAST = [(float(gain), 0.08) for gain in np.random.default_rng(7).normal(0, 0.3, 40)]
OBJECTIVE = {"unit": "EUR", "horizon_decisions": 10_000, "min_effect": 0.02, "resamples": 1_000}


def table():
    number = np.arange(600)
    difference = np.random.default_rng(1).normal(0, 2, 600)
    return pd.DataFrame(
        {
            "unit": number,
            "event_time": pd.Timestamp("2024-05-01", tz="UTC") + pd.to_timedelta(number, unit="h"),
            "value_champion": 0.0,
            "value_candidate": difference - difference.mean() + 0.5,
        }
    )


def rows(slope):
    return [(float(x), 0.08, float(slope * x), 0.05) for x in GAINS]


def judged(releases, kpi_link="required", **more):
    objective = {**OBJECTIVE, "kpi_link": kpi_link}
    return judge(table(), objective, past=PAST, releases=releases, **more)


FORMS = {
    "tuples": list,
    "mappings": lambda given: [dict(zip(NAMES, row, strict=True)) for row in given],
    "pandas": lambda given: pd.DataFrame(given, columns=NAMES),
    "polars": lambda given: pl.DataFrame(given, schema=NAMES, orient="row"),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_releases_decide_alike_in_every_form(form):
    assert judged(form(rows(0.8))) == judged(rows(0.8))


def test_what_they_brought_decides(tmp_path):
    assert judged(rows(0.8)).verdict == "PROMOTE"
    assert judged(rows(0.0)).verdict == "AB_REQUIRED"
    assert judged([]).verdict == "AB_REQUIRED"
    path = tmp_path / "releases.json"
    path.write_text(json.dumps(FORMS["mappings"](rows(0.8))))
    assert judged(path).verdict == "PROMOTE"


@pytest.mark.parametrize(
    "given",
    [7, {"offline": 1}, [(0.1, 0.1, 0.1)], [(0.1, 0.1, 0.1, "much")], [{"offline": 0.1}]],
)
def test_what_is_no_list_of_releases_is_refused(given):
    with pytest.raises(ConfigurationError, match=r"releases: must be \[\(offline, offline_error"):
        judged(given)
    with pytest.raises(ConfigurationError, match="has no column online_error"):
        judged(pd.DataFrame(columns=NAMES[:-1]))


@pytest.mark.parametrize("kpi_link", ["required", "advisory"])
@pytest.mark.parametrize("wrong", [math.nan, math.inf, -0.1, 0.0])
def test_a_number_that_cannot_be_makes_it_invalid(wrong, kpi_link):
    decision = judged([*rows(0.8), (0.5, 0.08, 0.4, wrong)], kpi_link)
    assert decision.verdict == "INVALID"
    assert f"release 9: online_error == {wrong:g}, must be > 0" in decision.sentence
