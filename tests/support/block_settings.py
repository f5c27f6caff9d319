"""What a code block of the documentation is run in, and what must have come of it."""

import sqlite3
from datetime import UTC, datetime

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

ROWS = 4_000


def two_models(folder, monkeypatch):
    """Return two fitted models, and rows that neither has seen."""
    del folder, monkeypatch
    random = np.random.default_rng(7)
    inputs = ["age", "balance", "calls"]
    rows = pd.DataFrame(random.normal(size=(ROWS, 3)), columns=inputs)
    y = (rows @ [2.0, 1.0, 0.0] + random.normal(size=ROWS) > 1).astype(int).to_numpy()
    days = pd.to_timedelta(np.arange(ROWS) // 40, unit="D")
    rows["client"] = np.arange(ROWS)
    rows["call_date"] = pd.Timestamp("2024-03-01", tz="UTC") + days
    seen = (rows["call_date"] < "2024-05-01").to_numpy()
    old, new = _Model(inputs[2:]), _Model(inputs)
    for model in (old, new):
        model.fit(rows[seen], y[seen])
    return {"old": old, "new": new, "X": rows[~seen], "y": y[~seen]}


class _Model:
    """A classifier that takes its own columns of a frame."""

    classes_ = np.array([0, 1])

    def __init__(self, columns):
        self._columns, self._model = columns, LogisticRegression()

    def fit(self, rows, outcome):
        self._model.fit(rows[self._columns], outcome)

    def predict_proba(self, rows):
        return self._model.predict_proba(rows[self._columns])


def table():
    """Return a table of decisions that a gate may open for."""
    number = np.arange(900)
    champion = (number % 3 == 0) * 1.0
    return pd.DataFrame(
        {
            "unit": number,
            "event_time": pd.Timestamp("2024-05-01", tz="UTC") + pd.to_timedelta(number, unit="h"),
            "value_champion": champion,
            "value_candidate": champion + 0.3 + np.sin(number),
            "region": np.where(number % 2, "north", "south"),
        }
    )


def experiment(folder, monkeypatch):
    """Return four weeks of decisions before an experiment, and what returns a log of it."""
    del folder, monkeypatch
    random, started = np.random.default_rng(7), datetime(2026, 5, 4, tzinfo=UTC)
    unit = np.char.add("u", random.integers(0, 4_000, 12_000).astype(str))
    days = random.uniform(0, 28, unit.size)
    treated = np.random.default_rng(0).random(4_000)[[int(u[1:]) for u in unit]] < 0.5
    past = pd.DataFrame(
        {
            "unit": unit,
            "time": pd.Timestamp(started) - pd.to_timedelta(28 - days, unit="D"),
            "amount": random.normal(5, 2, unit.size),
        }
    )
    log = pd.DataFrame(
        {
            "time": pd.Timestamp(started) + pd.to_timedelta(days, unit="D"),
            "unit": unit,
            "arm": np.where(treated, "treatment", "control"),
            "policy_version": np.where(treated, "v2", "v1"),
            "action": 1.0,
            "amount": random.normal(5, 2, unit.size) + 0.4 * treated,
        }
    )
    return {"past": past, "log": log, "started": started}


def after_experiment(names, last):
    """The treatment earns 0.4 EUR more, and that is seen."""
    verdict, effect, money = last
    assert verdict == "ship", names["found"]
    assert effect.lower < 0.4 < effect.upper
    assert money[0] == effect.estimate * 1_000_000


def after_two_models(names, last):
    decision = names.get("decision", last)
    assert decision.verdict == "PROMOTE", decision
    assert "<svg" in decision._repr_html_()


def database(folder, monkeypatch):
    """Fill a database with calls."""
    path = folder / "calls.db"
    with sqlite3.connect(path) as connection:
        connection.execute(
            "CREATE TABLE calls (client, called_at, answered_at, sold, age, balance_eur)"
        )
        days = [("a", "2024-01-02 09:00:00"), ("b", "2024-02-02 09:00:00")]
        rows = [(client, day, day, 1, 40, 100.0) for client, day in days]
        connection.executemany("INSERT INTO calls VALUES (?, ?, ?, ?, ?, ?)", rows)
    monkeypatch.setenv("CALLS_DATABASE_URL", f"sqlite:///{path}")
    return {}


def after_database(names, last):
    del last
    rows = names["load"](None, datetime(2024, 2, 1, tzinfo=UTC))
    assert list(rows["unit"]) == ["a"]
    assert str(rows["event_time"].dt.tz) == "UTC"


def after_estimator(names, last):
    del last
    rows = pd.DataFrame({"age": np.arange(60.0), "department": ["eyes", "skin", None] * 20})
    model = names["estimator"]({"trees": 5, "seed": 7, "threads": 1})
    assert model.fit(rows, np.arange(60) % 2).predict_proba(rows).shape == (60, 2)


def after_value(names, last):
    del last
    one = np.ones(2)
    rows = {"balance_eur": np.array([100.0, 200.0])}
    numbers = {"deposited_share": 0.5, "interest_rate": 0.1, "contact_cost": 1.0}
    assert list(names["worth"](one, one, rows, numbers)["margin"]) == [5.0, 10.0]
    assert not any(part.any() for part in names["worth"](0 * one, one, rows, numbers).values())


def after_choices(names, last):
    del last
    rows = pd.DataFrame({"ad": ["spring", "winter"]})
    assert list(names["ADS"].as_if(rows, "summer")["ad"]) == ["summer", "summer"]
