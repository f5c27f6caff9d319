"""Look at a champion in use: is it healthy, what does it earn, is it stale, what has moved?"""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pandas as pd
from threadpoolctl import threadpool_limits

from kpi_gate.data.quarantine import outside
from kpi_gate.data.snapshot import write_rows
from kpi_gate.decision.evidence import Window
from kpi_gate.learning.label_maturity import Maturity, measure_maturity
from kpi_gate.learning.leakage import Auc, column_aucs
from kpi_gate.learning.scoring import ScoringError
from kpi_gate.record.registered import ModelError
from kpi_gate.run.context import Run
from kpi_gate.usecase.refusal import Refusal
from kpi_gate.watch.context import UNKNOWN, Watch, days_of_window
from kpi_gate.watch.drift.explain import explain
from kpi_gate.watch.drift.result import DriftReport
from kpi_gate.watch.finding import Finding, data_finding, label_finding, model_finding
from kpi_gate.watch.health.batch import check_batch
from kpi_gate.watch.health.behaviour import check_behaviour, check_golden
from kpi_gate.watch.health.leakage import check_leakage
from kpi_gate.watch.health.outputs import check_outputs
from kpi_gate.watch.health.skew import check_skew
from kpi_gate.watch.result import Watched
from kpi_gate.watch.value.challenger import measured_staleness
from kpi_gate.watch.value.findings import value_findings
from kpi_gate.watch.value.realised import realised_value

SERVED, AUCS = "served.parquet", "aucs.json"
DRIFT_DAYS = 7
SEVERITIES = ("severe", "warning", "note")


def look(watch: Watch) -> Watched:
    """Look at all three layers; what cannot be looked at is a finding, never a silence."""
    run, batches = watch.run, watch.batches
    labels = measure_maturity(watch.rows, run.as_of, run.use_case.settings.window.label_delay_days)
    findings = check_batch(batches.batch, batches.reference, run.use_case, batches.window)
    findings += [*_absent(watch, findings), *_labels(watch.rows, labels)]
    champion, readable = UNKNOWN, False
    try:
        champion = watch.champion.name
        readable = watch.champion.estimator is not None or watch.champion.card.contender.is_baseline
        findings += _model(watch) if watch.champion.estimator is not None else ()
    except Refusal as refusal:  # lost aliases and strange anchors are told under their own names
        findings.append(model_finding(refusal.check, "severe", str(refusal)))
    except ModelError as error:
        findings.append(model_finding("champion_readable", "severe", str(error)))
    except ScoringError as error:
        findings.append(model_finding("champion_scores", "severe", str(error)))
    seen = Watched(
        use_case=run.name,
        title=run.use_case.title,
        as_of=run.as_of,
        champion=champion,
        window=batches.window,
        rows=len(batches.batch),
        findings=_sorted(findings),
        labels=labels,
    )
    if not (readable and set(_read(run)) <= set(watch.rows)):
        return seen
    try:
        return _value_and_drift(watch, seen)
    except Refusal as refusal:  # the owner's value, rule of thumb or estimator fails on these rows
        failed = model_finding(refusal.check, "severe", str(refusal))
        return seen.model_copy(update={"findings": _sorted([*seen.findings, failed])})


def unloadable(run: Run, reason: str) -> Watched:
    """Return the look at rows that cannot be loaded: severe, and nothing else is known."""
    end = run.as_of.replace(hour=0, minute=0, second=0, microsecond=0)
    return Watched(
        use_case=run.name,
        title=run.use_case.title,
        as_of=run.as_of,
        champion=UNKNOWN,
        window=Window(start=end - timedelta(days=1), end=end),
        rows=0,
        findings=(data_finding("rows_loadable", "severe", reason),),
    )


def _value_and_drift(watch: Watch, seen: Watched) -> Watched:
    """Add what the champion earns, what staleness costs, and what moved.

    A day that is unusable now is left out of the money now, not only once it is in quarantine.
    """
    bad = watch.quarantined
    if any(finding.about == "data" for finding in seen.those("severe")):
        bad = bad | days_of_window(seen.window.start, seen.window.end)
    worth, found = realised_value(watch, bad)
    found += value_findings(worth) if worth is not None else ()
    drift, (cost, measured) = _drift(watch), measured_staleness(watch, bad)
    found += drift.as_findings() if drift is not None else ()
    more = {
        "findings": _sorted([*seen.findings, *found]),
        "realised": worth,
        "drift": drift,
        "staleness": cost,
        "staleness_as_of": measured,
    }
    return seen.model_copy(update=more)


def _drift(watch: Watch) -> DriftReport | None:
    """Explain what moved in the last days; None where there is no model to ask, or no rows."""
    start = watch.batches.window.end - timedelta(days=DRIFT_DAYS)
    recent, older = watch.rows, watch.batches.reference
    recent = outside(recent[recent["event_time"] >= start], watch.quarantined)
    older = older[older["event_time"] < start]
    if watch.champion.estimator is None or recent.empty or older.empty:
        return None
    use_case = watch.run.use_case
    try:
        with threadpool_limits(int(use_case.settings.model["threads"])):
            return explain(older, recent, use_case, watch.probability)
    except ScoringError:  # the health layer says so
        return None


def _sorted(findings: list[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity)))


def _read(run: Run) -> tuple[str, ...]:
    """Return the columns without which neither model nor money can be looked at."""
    return (*run.use_case.feature_names, *run.use_case.value.columns)


def _absent(watch: Watch, told: list[Finding]) -> list[Finding]:
    """Return the columns that no row has, which no comparison with good days can miss."""
    known = {finding.column for finding in told}
    return [
        data_finding("missing", "severe", f"{name} is in no row at all", column=name)
        for name in dict.fromkeys(_read(watch.run))
        if name not in watch.rows and name not in known
    ]


def _labels(rows: pd.DataFrame, found: Maturity) -> Iterator[Finding]:
    """Yield a warning where outcomes that are due do not come, or come before their event."""
    if found.stuck_since is not None:
        words = (
            f"no outcome has come since {found.stuck_since:%Y-%m-%d} although "
            f"{found.overdue:,} are due: value and staleness are not known for these days"
        )
        yield label_finding("labels_stuck", "warning", words, float(found.overdue), 0.0)
    early = rows["label_time"] < rows["event_time"]
    if early.any():
        words = (
            f"{early.sum():,} of {len(rows):,} outcomes came before their event, such as "
            f"{rows['label_time'][early].iloc[-1]} for {rows['event_time'][early].iloc[-1]}: "
            "a clock is wrong"
        )
        yield label_finding("labels_early", "warning", words, float(early.mean()), 0.0)


def _model(watch: Watch) -> Iterator[Finding]:
    """Yield what is wrong with the champion's scores, its behaviour and its inputs."""
    use_case, batches = watch.run.use_case, watch.batches
    yield from _golden(watch)
    periods = batches.periods()
    if len(batches.batch):
        probability, action = watch.act(batches.batch)
        usual = [(scores, float(acts.mean())) for scores, acts in map(watch.act, periods)]
        looked = [*periods, batches.batch] if batches.length == 1 else []
        days = [int(part["event_time"].iloc[0].weekday()) for part in looked]
        band = use_case.settings.monitor.decision_rate
        yield from check_outputs(probability, action, usual, band, days)
        yield from check_behaviour(watch.probability, batches.batch, use_case)
    yield from _skew(watch)
    yield from _leaks(watch)


def _golden(watch: Watch) -> Iterator[Finding]:
    """Yield a finding where the champion answers otherwise than at its promotion."""
    try:
        golden = watch.champion.golden
    except (OSError, ValueError) as error:  # half a parquet: ValueError
        yield model_finding("golden", "severe", f"the golden rows cannot be read: {error}")
        return
    # golden rows of an older champion hold its features alone, and a policy may read more
    acts = (lambda scores, rows: watch.act(rows)[1]) if "event_time" in golden else None
    yield from check_golden(watch.probability, golden, acts)


def _skew(watch: Watch) -> Iterator[Finding]:
    """Compare the rows of the last look as they were then with what they are now; keep today's."""
    path = watch.run.work / SERVED
    names = list(watch.champion.card.features)
    if path.exists():
        served = pd.read_parquet(path)
        served = served[served["event_time"] < watch.run.as_of]  # a look at an earlier day
        if set(names) <= set(served) and set(names) <= set(watch.rows):
            yield from check_skew(served, watch.rows, names)
    write_rows(watch.batches.batch, path)


def _leaks(watch: Watch) -> Iterator[Finding]:
    """Compare how each feature alone ranks the outcomes with how it did at the last look."""
    path, use_case = watch.run.work / AUCS, watch.run.use_case
    kinds = {feature.name: feature.kind for feature in use_case.features}
    read = {name: kinds.get(name, "number") for name in watch.champion.card.features}
    found = column_aucs(watch.batches.reference, read)
    accepted = use_case.settings.validation.leak_exceptions
    yield from check_leakage(found, _read_aucs(path), accepted)
    if found is not None:
        kept = {name: [float(number) for number in auc] for name, auc in found.items()}
        path.write_text(json.dumps(kept), encoding="utf-8")


def _read_aucs(path: Path) -> dict[str, Auc] | None:
    if not path.exists():
        return None
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): Auc(*map(float, pair)) for name, pair in kept.items()}
    except (ValueError, TypeError):  # half-written by a look that was killed: begin anew
        return None
