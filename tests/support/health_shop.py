"""A small shop for the tests of the health layer: 28 good days and the day after them."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from benchmarks.silent_world import SETTINGS
from kpi_gate.decision.evidence import Window
from kpi_gate.decision.value.model import ValueModel
from kpi_gate.usecase.contract import Feature, UseCase
from kpi_gate.usecase.settings import Settings
from kpi_gate.watch.health.batch import check_batch

FIRST = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday
PAST, ROWS = 28, 300
PLANS = np.array(["basic", "plus", "pro"], dtype=object)


def use_case(timezone="UTC", **monitor):
    schedule = {**SETTINGS["schedule"], "timezone": timezone}
    given = {**SETTINGS, "monitor": monitor, "schedule": schedule}
    numbers = (Feature(name, "number") for name in ("amount_eur", "balance_eur", "age_days"))
    return UseCase(
        name="shop",
        title="A shop",
        settings=Settings.model_validate(given),
        load=lambda folder, as_of: pd.DataFrame(),
        features=(*numbers, Feature("plan", "category")),
        estimator=lambda model: None,
        value=ValueModel("margin", lambda a, y, c, p: {"margin": a * y}),
        baseline=lambda rows: np.ones(len(rows)),
        baseline_name="act on everyone",
    )


def day(number, rows=ROWS, seed=1):
    """Return the rows of a day; three in four units were there the day before."""
    generator = np.random.default_rng([seed, number])
    unit = np.arange(rows) + number * rows // 4
    plans = np.random.default_rng(seed).choice(PLANS, unit.max() + 1, p=[0.6, 0.3, 0.1])
    start = pd.Timestamp(FIRST) + pd.Timedelta(days=number)
    return pd.DataFrame(
        {
            "unit": unit,
            "event_time": start + pd.to_timedelta(generator.integers(0, 86_400, rows), unit="s"),
            "amount_eur": np.exp(generator.normal(3, 0.5, rows)),
            "balance_eur": generator.normal(100 + 10 * (number % 7 >= 5), 20, rows),
            "age_days": 200.0 + unit % 97 * 10 + number,
            "plan": plans[unit],
        }
    )


def past(rows=ROWS, seed=1, days=PAST):
    return pd.concat([day(number, rows, seed) for number in range(days)], ignore_index=True)


def window(number=PAST, days=1):
    start = FIRST + timedelta(days=number)
    return Window(start=start, end=start + timedelta(days=days))


def told(batch, reference=None, number=PAST, severities=("severe", "warning")):
    """Check a batch; return what a person sees: {(check, column): finding}."""
    reference = past() if reference is None else reference
    findings = check_batch(batch, reference, use_case(), window(number))
    return {(f.check, f.column): f for f in findings if f.severity in severities}
