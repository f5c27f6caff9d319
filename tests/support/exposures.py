"""Logs of the toy's experiments, as whoever serves would write them."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from kpi_gate.experiment.assignment import arms

START = datetime(2024, 3, 4, tzinfo=UTC)
PER_DAY = 40


def exposures(plan, *, days=None, effect=1.0, started=START, seed=1):
    """Return what a service logs in so many days: each unit once, outcomes known a day later."""
    generator, days = np.random.default_rng(seed), days or 7 * plan.weeks
    day = np.repeat(np.arange(days), PER_DAY)
    units = [f"u{number}" for number in range(day.size)]
    arm = arms(units, plan)
    treated = arm == "treatment"
    time = pd.Timestamp(started) + pd.to_timedelta(day * 86_400 + 3_600, unit="s")
    log = pd.DataFrame(
        {
            "time": time,
            "unit": units,
            "arm": arm,
            "policy_version": np.where(treated, plan.treatment, plan.control),
            "action": np.ones(day.size),
            "amount": generator.normal(1.0 + effect * treated, 1.5),
        }
    )
    log["outcome_time"] = log["time"] + timedelta(days=1)
    return log


def write_log(project, log):
    """Write a log where the toy's is by default."""
    path = project / "data/exposures/toy/log.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    log.to_parquet(path, index=False)
    return path
