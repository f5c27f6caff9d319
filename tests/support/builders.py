"""Evidence and settings for the tests of the gate, one argument away from a clear PROMOTE."""

from datetime import UTC, datetime, timedelta

import numpy as np

from kpi_gate.decision.evidence import Contender, Evidence, Lineage, Window
from kpi_gate.decision.objective import GateSettings
from kpi_gate.decision.paired_rows import PairedRows

START = datetime(2024, 6, 1, tzinfo=UTC)
RAILS = ({"measure": "contact_rate", "at_most": 0.9},)
SLICE = {"slice": "region", "may_lose": 0.5, "min_events": 20}


def settings(*rails, **objective):
    money = {"kpi": "profit", "unit": "EUR", "horizon_decisions": 10_000, "min_effect": 0.02}
    return GateSettings.model_validate(
        {
            "objective": {**money, "switch_cost": 150, "resamples": 1_000, **objective},
            "guardrails": list(rails or RAILS),
        }
    )


def noise(rows=600, gain=0.5, sd=2.0, seed=1):
    """Return differences whose mean is exactly `gain`."""
    difference = np.random.default_rng(seed).normal(0, sd, rows)
    return difference - difference.mean() + gain


ARRAYS = ("bases", "key", "time", "actions", "exposure", "at_best")


def paired(difference, unit=None, day=None, champion=0.0, **slices):
    difference = np.asarray(difference)
    more = {name: slices.pop(name) for name in ARRAYS if name in slices}
    rows = np.arange(difference.size)
    return PairedRows(
        unit=rows if unit is None else np.asarray(unit),
        day=rows % 40 if day is None else np.asarray(day),
        champion=np.zeros(difference.size) + champion,
        candidate=difference + champion,
        slices={name: np.asarray(levels, dtype=object) for name, levels in slices.items()},
        **more,
    )


EVIDENCE = ("ranges", "diagnostics", "faults", "uncapped_gain", "foreknowledge")


def evidence(difference=None, *, measures=None, lineage=None, corners=None, **rows):
    difference = noise() if difference is None else difference
    more = {name: rows.pop(name) for name in EVIDENCE if name in rows}
    found = difference if isinstance(difference, PairedRows) else paired(difference, **rows)
    return Evidence(
        rows=found,
        measures={"candidate": {"contact_rate": 0.4}} if measures is None else measures,
        lineage=lineage,
        corners={
            name: tuple(found.difference + shift for shift in ends)
            for name, ends in (corners or {}).items()
        },
        **more,
    )


def lineage(**changes):
    champion = Contender(name="v3", digest="c", trained_until=START, promoted_on=START)
    whole = Lineage(
        use_case="toy",
        as_of=START + timedelta(days=60),
        snapshot="f" * 32,
        snapshot_rows=9_000,
        scored_snapshot="f" * 32,
        window=Window(start=START, end=START + timedelta(days=40)),
        shortest_window_days=28,
        row_fingerprint="rows",
        shared_rows=0,
        matured=1.0,
        champion=champion,
        candidate=Contender(name="candidate", digest="d", trained_until=START, tuned_until=START),
    )
    return whole.model_copy(update=changes)


def failed(decision):
    return {check.name for check in decision.failed}
