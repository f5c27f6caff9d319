"""What a look at the champion leads to: quarantine, a way back, a choice to retrain; its record."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

from kpi_gate.decision.evidence import BASELINE, Window
from kpi_gate.decision.fingerprint import digest
from kpi_gate.decision.retrain_rule import Choice, Proposal
from kpi_gate.pipeline.retrain_choice import choose_now, record_choice
from kpi_gate.record.agreement import CHECKS
from kpi_gate.record.ledger import Entry
from kpi_gate.record.lock import BusyError, one_at_a_time
from kpi_gate.record.report_run import Report, log_report
from kpi_gate.release import promotion, quarantine
from kpi_gate.render import render
from kpi_gate.run.context import Run
from kpi_gate.usecase.cron import next_firing
from kpi_gate.watch.context import UNKNOWN, Watch, days_of_window
from kpi_gate.watch.finding import Finding
from kpi_gate.watch.history.result import Measured
from kpi_gate.watch.history.track_record import gains
from kpi_gate.watch.result import Watched

KIND = "monitor"
WAIT_SECONDS = 900.0
FOUND = {"findings", "realised", "staleness", "staleness_as_of"}
RECORDED = {"champion", "window", "rows", *FOUND, "action"}
STALENESS = ("per_day", "lower", "upper", "shrunk")  # what MLflow is told of it
# what is the model's own fault, whatever rows it is given
OF_THE_MODEL = frozenset({"champion_readable", "golden"})
# a way back heals none of these: an alias is lost or was moved by hand, or the anchor is strange
OF_THE_REGISTRY = CHECKS | {"anchor_readable"}


def act(watch: Watch, seen: Watched) -> Watched:
    """Do what the YAML says where something is severe, and decide on proposals to retrain.

    Raises:
        LedgerError: If the ledger is broken or cannot be written.
    """
    done = [*_quarantine(watch, seen), *_go_back(watch, seen)]
    choice = _choose(watch, seen)
    if choice is not None:
        record_choice(watch.run, choice)
    return seen.model_copy(update={"action": "; ".join(done), "choice": choice})


def _quarantine(watch: Watch, seen: Watched) -> Iterator[str]:
    """Put the days that were looked at into quarantine, where their rows are unusable."""
    severe = [finding for finding in seen.those("severe") if finding.about == "data"]
    # a person's word stands: a day that was let out stays out
    new = sorted(_suspects(watch, seen) - watch.quarantined - watch.run.history.released)
    if severe and new and seen.rows:  # of no rows there is nothing to leave out
        quarantine.put(watch.run, new, quarantine.ADD, severe[0].sentence)
        yield f"quarantined {', '.join(day.isoformat() for day in new)}"


def _suspects(watch: Watch, seen: Watched) -> frozenset[date]:
    """Return the days that may be at fault: of a week, those that no look has found well yet."""
    days = days_of_window(seen.window.start, seen.window.end)
    well: frozenset[date] = frozenset()
    for entry in watch.run.history.of_kind(KIND) if len(days) > 1 else ():
        window = Window.model_validate(entry.body["window"])
        if not entry.body["severe"] and window.end < seen.window.end:
            well |= days_of_window(window.start, window.end)
    return days - well or days


def _go_back(watch: Watch, seen: Watched) -> Iterator[str]:
    """Return to the champion before, or to no model at all, where the model itself is at fault."""
    run, wanted = watch.run, watch.run.use_case.settings.monitor.on_severe
    fault = next(_own_faults(seen), None)
    if fault is None or wanted == "hold" or seen.champion == BASELINE:
        return
    reason = f"monitor: {fault.sentence}"
    try:
        with one_at_a_time(run.workspace, run.name, WAIT_SECONDS):  # a retrain may be at work
            if run.history.champion != watch.version:
                yield f"no way back from {watch.version}: it is not the champion any more"
                return
            version = promotion.rollback(run, reason)
            while version and wanted == "baseline":
                version = promotion.rollback(run, reason)
    except (promotion.PromotionError, BusyError) as error:  # the look is recorded all the same
        yield f"could not roll back: {error}"
    else:
        yield f"rolled back to {version or BASELINE}"


def _own_faults(seen: Watched) -> Iterator[Finding]:
    """Yield what a way back would heal: rows that are unusable look like a model that is."""
    bad_rows = any(finding.about == "data" for finding in seen.those("severe"))
    for finding in seen.those("severe"):
        of_rows = bad_rows and finding.check not in OF_THE_MODEL
        if finding.about == "model" and not of_rows and finding.check not in OF_THE_REGISTRY:
            yield finding


def _choose(watch: Watch, seen: Watched) -> Choice | None:
    """Decide on what was found; None where nobody proposes and nothing is too old."""
    proposals = list(_proposals(seen))
    champion = None if seen.champion == UNKNOWN else watch.champion.card.contender
    choice = choose_now(watch.run, proposals, seen.staleness, champion)
    return choice if proposals or choice.rule == "max_age" else None


def _proposals(seen: Watched) -> Iterator[Proposal]:
    for finding in seen.those("severe")[:1]:
        yield Proposal(by="health", reason=finding.sentence)
    loss = [finding.sentence for finding in seen.findings if finding.check == "sudden_loss"]
    if seen.staleness is not None and (seen.staleness.lower or 0.0) > 0:
        yield Proposal(by="value", reason=seen.staleness.sentence)
    elif loss:
        yield Proposal(by="value", reason=loss[0])
    if seen.drift is not None and (seen.drift.drifted or seen.drift.joint_drifted):
        yield Proposal(by="drift", reason=seen.drift.sentence)


def page_of(run: Run) -> Path:
    """Return where the page of the last look lies."""
    return run.workspace.home / KIND / f"{run.name}.html"


def keep(run: Run, seen: Watched) -> Entry:
    """Write the page, log it to MLflow, and add a row to the ledger.

    Raises:
        TrackingError: If MLflow cannot be reached; the page is written, the ledger is not.
        LedgerError: If the ledger cannot be written.
    """
    seen = seen.model_copy(update={"track": _track(run, seen)})
    html, path = render(seen, "html", _places(run)), page_of(run)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(html, encoding="utf-8")
    moment = run.as_of.isoformat()
    subject = digest([run.name, KIND, moment])
    report = Report(
        kind=KIND,
        subject=subject,
        name=f"monitor {run.as_of:%Y-%m-%d}{' SEVERE' if seen.severe else ''}",
        words=seen.markdown(),
        metrics=_metrics(seen),
        tags={"use_case": run.name, "as_of": moment, "champion": seen.champion},
        files={"monitor/monitor.html": html, "monitor/monitor.json": seen.model_dump_json()},
    )
    body = {
        **seen.model_dump(mode="json", include=RECORDED),
        "as_of": moment,
        "severe": seen.severe,
        "drifted": [column.name for column in seen.drift.drifted] if seen.drift else [],
        "sentence": f"monitor: {seen.sentence}",
        "run_id": log_report(run.workspace, run.name, report),
    }
    return run.append(KIND, subject, body)


def _places(run: Run) -> dict[str, str]:
    """Return where the page of a look says that one can look further."""
    schedule = run.use_case.settings.schedule
    cron = schedule.monitor
    look = next_firing(cron, schedule.timezone, run.as_of) if cron else None
    return {
        "row in the ledger": f"kpi-gate ledger show {run.name}",
        "all looks, and what came of them": "kpi-gate report",
        "next look": f"{look:%Y-%m-%d %H:%M} UTC by the schedule" if look else "",
    }


def _track(run: Run, seen: Watched) -> tuple[Measured, ...]:
    """Return what earlier looks and this one measured since the promotions."""
    earlier = [one for one in gains(run.history.of_kind(KIND)) if one.as_of < seen.as_of]
    told = seen.realised
    if told is None or told.gain is None:
        return tuple(earlier)
    now = Measured(
        as_of=seen.as_of,
        champion=seen.champion,
        promised=told.promised,
        realised=told.gain.per_decision,
        lower=told.gain.lower,
        upper=told.gain.upper,
        since=told.since,
        decisions=told.gain.decisions,
    )
    return (*earlier, now)


def _metrics(seen: Watched) -> dict[str, float]:
    realised, cost = seen.realised, seen.staleness
    worth, gain = (realised.worth, realised.gain) if realised else (None, None)
    numbers = {
        "monitor.severe": len(seen.those("severe")),
        "monitor.warnings": len(seen.those("warning")),
        "monitor.rows": seen.rows,
        **{f"staleness.{name}": getattr(cost, name, None) for name in STALENESS},
        "realised.per_decision": worth.per_decision if worth else None,
        "realised.gain_per_decision": gain.per_decision if gain else None,
        "drift.joint_auc": seen.drift.joint_auc if seen.drift else None,
    }
    return {name: float(value) for name, value in numbers.items() if value is not None}
