"""Tables for `judge` whose decisions are recorded: every verdict, estimator and kind of check."""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import yaml
from typer.testing import CliRunner

from kpi_gate.cli.app import app

ROWS = Path(__file__).parent / "rows"
OBJECTIVE = {
    "kpi": "profit",
    "unit": "EUR",
    "horizon_decisions": 10_000,
    "min_effect": 0.02,
    "switch_cost": 150,
    "resamples": 1_000,
}
REGION = {"slice": "region", "may_lose": 0.5, "min_events": 20}
SEGMENT = {"slice": "segment", "may_lose": 0.5, "min_events": 5}
CALIBRATION = {"measure": "calibration_error", "at_most": 0.2}
DATED = {
    "as-of": "2024-06-20",
    "trained-until": "2024-05-01",
    "champion-trained-until": "2024-03-01",
    "label-delay-days": "25",
}


class Case(NamedTuple):
    """One call of `judge`.

    Attributes:
        rows: The table, or a file of one.
        objective: What differs from `OBJECTIVE`.
        guardrails: As the YAML has them.
        estimator: As the YAML has it.
        measures: Content of `--measures`.
        past: Content of `--past`.
        options: Further options of the call.
    """

    rows: pd.DataFrame | Path
    objective: Mapping[str, Any] = MappingProxyType({})
    guardrails: tuple[dict[str, Any], ...] = (REGION,)
    estimator: dict[str, Any] | None = None
    measures: dict[str, dict[str, float]] | None = None
    past: list[dict[str, float]] | None = None
    options: Mapping[str, str] = MappingProxyType({})


def table(gain: float = 0.5, rows: int = 600, sd: float = 2.0, **columns: Any) -> pd.DataFrame:
    """Return decisions of as many units, an hour apart, with exactly this mean difference."""
    number = np.arange(rows)
    difference = np.random.default_rng(1).normal(0, sd, rows)
    difference -= difference.mean() if rows else 0.0
    champion = np.where(number % 3, 0.0, 1.0)
    return pd.DataFrame(
        {
            "unit": [f"c{i:04d}" for i in number],
            "event_time": pd.Timestamp("2024-05-01", tz="UTC") + pd.to_timedelta(number, unit="h"),
            "value_champion": champion,
            "value_candidate": champion + difference + gain,
            "region": np.where(number % 2, "north", "south").astype(object),
        }
    ).assign(**columns)


def logged(rows: int = 3_000, lift: float = 0.5) -> pd.DataFrame:
    """Return logged choices with propensities, and the columns of every estimator."""
    generator = np.random.default_rng(3)
    often, best = generator.choice([0.2, 0.5, 0.8], rows), generator.random(rows) < 0.5
    action = generator.random(rows) < often
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
    )


def visits() -> pd.DataFrame:
    """Return many decisions of few units, with few values."""
    generator = np.random.default_rng(5)
    day = pd.to_timedelta(generator.integers(0, 28, 3_000), unit="D")
    return table(rows=3_000).assign(
        unit=generator.integers(0, 300, 3_000),
        event_time=pd.Timestamp("2024-05-01", tz="UTC") + day,
        value_champion=0.0,
        value_candidate=generator.choice([0.0, 0.0, 2.0, -1.0], 3_000),
    )


def losing_slice() -> pd.DataFrame:
    """Return a gain in total that one level in ten pays for."""
    rows = table(1.0, region=["mainland" if i % 10 else "islands" for i in range(600)])
    rows.loc[::10, "value_candidate"] -= 4.0
    return rows


def rare_losses() -> pd.DataFrame:
    """Return frequent savings and a single big loss."""
    rows = table(rows=5_000)
    rows["value_candidate"] = rows["value_champion"] + 0.1
    rows.loc[0, "value_candidate"] -= 40.0
    return rows


def one_hole() -> pd.DataFrame:
    """Return a table in which one value is missing."""
    rows = table()
    rows.loc[7, "value_candidate"] = np.nan
    return rows


def dominated() -> pd.DataFrame:
    """Return a gain that one unit makes alone."""
    rows = table(0.1, sd=0.1)
    rows.loc[5, "value_candidate"] += 5_000
    return rows


def scored(sign: float) -> pd.DataFrame:
    """Return outcomes with scores that are nearly right, or nearly wrong."""
    outcome = np.arange(600) % 2
    good = 0.5 + sign * (outcome - 0.5) * 0.9
    return table(outcome=outcome, score_candidate=good, score_champion=0.4 + outcome / 10)


def cornered(low: float) -> pd.DataFrame:
    """Return a table with the differences at both ends of a value parameter."""
    rows = table()
    difference = rows["value_candidate"] - rows["value_champion"]
    ends = {"difference:rate:low": difference - low, "difference:rate:high": difference + 0.1}
    return rows.assign(**ends)


def exposed() -> pd.DataFrame:
    """Return a gain that rests on losses that were not seen."""
    rows = table(sd=0.05).assign(exposure=900.0, uncapped_champion=0.0, uncapped_candidate=7.0)
    return rows.assign(value_candidate=rows["value_champion"] + 0.5)


QUIET_PAST = [
    {"gain": float(gain), "standard_error": 0.08}
    for gain in np.random.default_rng(7).normal(0, 0.08, 30)
]
CASES = {
    "promote": Case(table()),
    "hold": Case(table(0.1)),
    "hold and wait": Case(table(0.15)),
    "reject": Case(table(-0.5)),
    "twenty rows": Case(table(rows=20)),
    "no rows": Case(table(rows=0)),
    "one day": Case(table(event_time=pd.Timestamp("2024-05-01T10:00Z"))),
    "one unit": Case(table(unit="c1")),
    "experiment": Case(table(), {"kpi_link": "required"}),
    "approval": Case(table(), {"approval": "required"}),
    "other confidence": Case(table(0.2), {"confidence": 0.9, "kpi_confidence": 0.8}),
    "noise": Case(table(0.0)),
    "twin": Case(table(value_candidate=table()["value_champion"])),
    "no threshold": Case(table(), {"min_effect": 0, "switch_cost": 0}),
    "no guardrails": Case(table(), guardrails=()),
    "one hole": Case(one_hole()),
    "one unit dominates": Case(dominated()),
    "rare losses": Case(rare_losses()),
    "slice loses": Case(losing_slice()),
    "slice missing": Case(table().drop(columns="region")),
    "level gone": Case(
        table(), guardrails=({**REGION, "levels": {"north": 0.6, "west": 0.02, "isle": 0.005}},)
    ),
    "rows repeated": Case(pd.concat([table(), table().head(40)])),
    "visits": Case(visits()),
    "visits repeated": Case(pd.concat([visits().assign(unit=range(3_000))] * 2)),
    "calibrated": Case(scored(1), guardrails=(CALIBRATION,)),
    "miscalibrated": Case(scored(-1), guardrails=(CALIBRATION,)),
    "measure given": Case(
        table(), guardrails=(CALIBRATION,), measures={"candidate": {"calibration_error": 0.3}}
    ),
    "measure not given": Case(table(), guardrails=(CALIBRATION,)),
    "corners": Case(cornered(0.05)),
    "corner turns": Case(cornered(0.4)),
    "unseen losses": Case(exposed()),
    "past": Case(table(0.25), past=QUIET_PAST),
    "dated": Case(table(), options=DATED),
    "dated too early": Case(table(), options={**DATED, "trained-until": "2024-05-02"}),
    "dated too late": Case(table(), options={**DATED, "label-delay-days": "10"}),
    **{
        f"estimator {kind}": Case(logged(), estimator={"kind": kind, **more})
        for kind, more in {
            "ratio": {},
            "ips": {},
            "snips": {},
            "dr": {},
            "switch": {"switch_above": 3.0},
            "selective": {},
            "bounded": {},
        }.items()
    },
    "snips refuses": Case(logged().assign(propensity=1e-4), estimator={"kind": "snips"}),
    "snips holds": Case(logged(rows=900, lift=0.1), estimator={"kind": "snips"}),
    "ratio holds": Case(
        table(0.15, base_champion=10.0, base_candidate=9.0), estimator={"kind": "ratio"}
    ),
    "constant gain": Case(ROWS / "constant_gain.csv", guardrails=(SEGMENT,)),
    "two offsets": Case(ROWS / "two_offsets.csv", guardrails=(SEGMENT,)),
    "day first": Case(ROWS / "day_first.csv", guardrails=(SEGMENT,)),
}


def judged(case: Case) -> dict[str, Any]:
    """Return what `kpi-gate judge` answers, or the words with which it refuses the call."""
    with tempfile.TemporaryDirectory() as folder:
        call = _call(case, Path(folder))
        answer = CliRunner().invoke(app, [*call, "--json"])
        if not answer.stdout:
            return {"refused": str(answer.exception).rpartition("rows/")[2]}
        said = CliRunner().invoke(app, call).stdout.split("\n\n")[0]
        return {**json.loads(answer.stdout), "sentence": " ".join(said.split())}


def _call(case: Case, folder: Path) -> list[str]:
    """Write what a case gives into a folder, and return the words of the call."""
    given: dict[str, Any] = {"objective": {**OBJECTIVE, **case.objective}}
    given["guardrails"] = list(case.guardrails)
    if case.estimator is not None:
        given["estimator"] = case.estimator
    (folder / "objective.yaml").write_text(yaml.safe_dump(given), encoding="utf-8")
    rows = case.rows
    if isinstance(rows, pd.DataFrame):
        rows.to_parquet(folder / "rows.parquet", index=False)
        rows = folder / "rows.parquet"
    call = ["judge", "--objective", str(folder / "objective.yaml"), "--rows", str(rows)]
    for option in ("measures", "past"):
        content = getattr(case, option)
        if content is not None:
            (folder / f"{option}.json").write_text(json.dumps(content), encoding="utf-8")
            call += [f"--{option}", str(folder / f"{option}.json")]
    for option, word in case.options.items():
        call += [f"--{option}", word]
    return call
