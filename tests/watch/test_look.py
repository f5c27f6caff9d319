"""Looks at a champion of the toy by plain steps: what they find, do, and leave in the record."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pandas as pd
import pytest
from starts import AFTER_DRIFT, LATER, champion, play, promoted

from kpi_gate import pipeline
from kpi_gate.decision.watch_settings import TriggerSettings
from kpi_gate.pipeline import respond
from kpi_gate.pipeline.loading import load_rows
from kpi_gate.record.model_files import GOLDEN_FILE, MODEL_FILE
from kpi_gate.record.registered import ANCHOR, CHAMPION
from kpi_gate.record.registry import Registry
from kpi_gate.release import promotion, quarantine
from kpi_gate.run.context import Run
from kpi_gate.usecase import discovery
from kpi_gate.usecase.refusal import Refusal
from kpi_gate.watch.context import Watch
from kpi_gate.watch.look import look
from kpi_gate.watch.value import challenger
from kpi_gate.workspace import Workspace

pytestmark = pytest.mark.slow
FIRST = datetime(2024, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def champions(request, begin):
    """Begin with one champion, or with two where a test asks for the second."""
    begin("second_champion" if "second" in request.fixturenames else "first_champion")


@pytest.fixture
def second(champions, project):
    """Return the version of the second champion."""
    return Registry(Workspace(root=project), "toy").version_of(CHAMPION)


def edit(project, change):
    """Change the raw rows as an upstream fault does."""
    path = project / "data/raw/toy/visits.csv"
    change(pd.read_csv(path)).to_csv(path, index=False)


def on(visits, day):
    return visits["at"].str.startswith(f"{day:%Y-%m-%d}")


def spoil(project, day):
    """Let the taste of a day be a hundred times what it was."""
    edit(
        project,
        lambda rows: rows.assign(taste=rows["taste"].mask(on(rows, day), 100 * rows["taste"])),
    )


def morning(day):
    """Return the moment of the look at a day: the next morning."""
    return day + DAY + timedelta(hours=6)


def checks(seen, severity="severe"):
    return [finding.check for finding in seen.those(severity)]


def looks(run_at):
    return run_at().ledger.entries("toy", "monitor")


def loading(made, load):
    """Return the run with other rows."""
    use_case = replace(made.use_case, load=load)
    return Run(use_case, made.as_of, made.workspace)


def going_back(run_at, way):
    return {"monitor": run_at().use_case.settings.monitor.model_copy(update={"on_severe": way})}


def kinds(run_at):
    return Counter(entry.kind for entry in run_at().ledger.entries("toy"))


def stored_files(run_at, name):
    """Return where the artifact store keeps a file of each version, oldest first."""
    found = (run_at().workspace.home / "artifacts").rglob(name)
    return sorted(found, key=lambda path: path.stat().st_mtime_ns)


def falsify(path):
    golden = pd.read_parquet(path)
    golden.assign(golden_probability=golden["golden_probability"] / 2).to_parquet(path)


def test_clean_days_are_quiet_and_staleness_is_measured_once_a_week(project, run_at, monkeypatch):
    from kpi_gate.record.mlflow_client import client

    trained, challenge = [], challenger.challenge

    def counted(run, *rest):
        found = challenge(run, *rest)
        trained.extend([run.as_of] if found.days is not None else [])
        return found

    monkeypatch.setattr(challenger, "challenge", counted)
    seen = [pipeline.monitor(run_at(FIRST + timedelta(days=14 + k, hours=6))) for k in range(15)]
    assert [found.sentence for look in seen for found in look.those("severe")] == []
    assert sum(len(look.those("warning")) for look in seen) <= 1
    assert all(look.action == "" and look.champion == "v1" for look in seen)
    assert not run_at(LATER).history.quarantined

    assert len(trained) >= 2
    assert all(later - earlier == timedelta(days=7) for earlier, later in pairwise(trained))
    told = {look.staleness_as_of for look in seen if look.staleness.is_known}
    assert told == set(trained)
    assert seen[-1].realised.worth.per_decision > 0
    assert seen[-1].drift is not None

    last = looks(run_at)[-1]
    assert len(looks(run_at)) == 15
    assert not last.body["severe"]
    page = (project / ".kpi-gate/monitor/toy.html").read_text()
    assert "WELL" in page
    assert "Money over time against the promise" in page
    assert f"v1 from {FIRST:%Y-%m-%d}" in page, "where the lines begin"
    assert page.count('class="of-realised"') == 2, "the line, and its name"
    assert "kpi-gate report" in page
    assert "next look" not in page, "the toy is never looked at by itself"
    assert seen[-1].realised.worth.words in page
    with client(run_at().workspace) as mlflow_client:
        run = mlflow_client.get_run(last.body["run_id"])
        files = {file.path for file in mlflow_client.list_artifacts(run.info.run_id, "monitor")}
    assert run.data.metrics["monitor.severe"] == 0
    assert run.data.metrics["staleness.per_day"] == seen[-1].staleness.per_day
    assert files == {"monitor/monitor.html", "monitor/monitor.json"}
    assert run_at().ledger.verify() == []


def test_a_day_in_wrong_units_is_left_out_until_it_is_released(project, run_at):
    bad = datetime(2024, 3, 20, tzinfo=UTC)
    spoil(project, bad)
    seen = pipeline.monitor(run_at(morning(bad), **going_back(run_at, "rollback")))
    assert "units" in checks(seen) or "range" in checks(seen), seen.markdown()
    assert seen.those("severe")[0].column == "taste"
    assert seen.action == "quarantined 2024-03-20", "the rows are at fault, not the model"
    assert champion(run_at()) == "v1"
    assert run_at(LATER).history.quarantined == {bad.date()}
    assert run_at(bad).history.quarantined == frozenset(), "not known yet"

    again = pipeline.monitor(run_at(morning(bad)))
    assert (again.severe, again.action) == (True, ""), "it is in already"
    assert not pipeline.monitor(run_at(morning(bad + DAY))).severe

    entry, _, trained = play(run_at(LATER))
    assert trained, entry.body["sentence"]
    assert entry.body["verdict"] != "INVALID", "its rows are no reason to refuse the others"
    learnable = run_at(LATER).snapshot.learnable
    assert count(learnable["unit"], bad) == 0
    compared = pd.read_parquet(project / "data/toy/evidence/comparison.parquet")["unit"]
    assert [count(compared, bad + k * DAY) for k in (-1, 0, 1)] == [30, 0, 30]

    quarantine.put(run_at(LATER), [bad.date()], quarantine.RELEASE, "it was right")
    assert run_at(LATER).history.quarantined == frozenset()
    after = pipeline.monitor(run_at(LATER.replace(hour=6)))
    assert not after.severe
    entry, _, _ = play(run_at(LATER))
    assert entry.body["verdict"] == "INVALID", "its rows count again, and are refused"
    assert "taste" in entry.body["sentence"]


def count(units, day):
    """Count the units of a day, 30 of which come each day."""
    first = 30 * (day - datetime(2024, 1, 1, tzinfo=UTC)).days
    return int(units.isin([f"v{first + k}" for k in range(30)]).sum())


def test_a_released_day_is_not_put_back_by_the_next_look(project, run_at):
    bad = datetime(2024, 3, 20, tzinfo=UTC)
    spoil(project, bad)
    pipeline.monitor(run_at(morning(bad)))
    with pytest.raises(quarantine.QuarantineError, match="2024-03-21 is not in quarantine"):
        quarantine.put(run_at(LATER), [(bad + DAY).date()], quarantine.RELEASE, "why not")
    with pytest.raises(quarantine.QuarantineError, match="needs a reason"):
        quarantine.put(run_at(LATER), [bad.date()], quarantine.RELEASE, "  ")
    with pytest.raises(quarantine.QuarantineError, match="must be one at least"):
        quarantine.put(run_at(LATER), [], quarantine.ADD, "nothing")
    quarantine.put(run_at(morning(bad)), [bad.date()], quarantine.RELEASE, "a new shop")
    again = pipeline.monitor(run_at(morning(bad)))
    assert again.severe
    assert again.action == ""
    assert run_at(LATER).history.quarantined == frozenset()


def test_a_promotion_waits_for_a_look_that_finds_nothing_severe(project, run_at):
    bad = AFTER_DRIFT - DAY
    clean = (project / "data/raw/toy/visits.csv").read_bytes()
    spoil(project, bad)
    assert pipeline.monitor(run_at(morning(bad))).severe
    (project / "data/raw/toy/visits.csv").write_bytes(clean)
    entry, outcome, _ = play(run_at(AFTER_DRIFT))
    assert entry.body["verdict"] == "PROMOTE"
    assert not outcome.moved
    assert "waits until a look finds nothing severe: monitor as of 2024-07-01" in outcome.words
    pipeline.monitor(run_at(morning(LATER)))
    assert run_at().history.standing_alarm, "a look back at a good day lifts no alarm"
    assert not promoted(run_at(AFTER_DRIFT), entry).moved
    pipeline.monitor(run_at(morning(bad + DAY)))
    assert promoted(run_at(AFTER_DRIFT), entry).moved
    assert champion(run_at()) == entry.body["version"]


@pytest.mark.parametrize("way", ["hold", "rollback", "baseline"])
def test_a_champion_that_answers_otherwise_than_at_its_promotion(second, run_at, way):
    falsify(stored_files(run_at, GOLDEN_FILE)[-1])
    seen = pipeline.monitor(run_at(morning(AFTER_DRIFT), **going_back(run_at, way)))
    assert checks(seen)[0] == "champion_readable"
    assert seen.those("severe")[0].about == "model"
    went = {
        "hold": (second, ""),
        "rollback": ("v1", "rolled back to v1"),
        "baseline": ("", "rolled back to baseline"),
    }
    assert (champion(run_at()), seen.action) == went[way]
    if way != "hold":
        gone = run_at().ledger.entries("toy", "rollback")
        assert "golden.parquet is not the file" in gone[0].body["reason"]
        assert gone[0].body["reason"].startswith("monitor: ")
    assert looks(run_at)[-1].body["severe"]
    assert looks(run_at)[-1].body["action"] == seen.action


def test_a_way_back_passes_over_what_is_broken_too(second, run_at):
    for path in stored_files(run_at, GOLDEN_FILE):
        falsify(path)
    seen = pipeline.monitor(run_at(morning(AFTER_DRIFT), **going_back(run_at, "rollback")))
    assert seen.action == "rolled back to baseline"
    assert looks(run_at)[-1].body["severe"]
    assert run_at().history.standing_alarm


def test_a_champion_that_was_replaced_meanwhile_is_left_alone(second, run_at):
    falsify(stored_files(run_at, GOLDEN_FILE)[-1])
    made = run_at(morning(AFTER_DRIFT), **going_back(run_at, "rollback"))
    workspace = made.workspace.model_copy(update={"root": made.workspace.home / "monitor"})
    watch = Watch(made.at(workspace=workspace), load_rows(made))
    seen = look(watch)
    promotion.rollback(made, "a person was faster")
    done = respond.act(watch, seen)
    assert done.action == f"no way back from {second}: it is not the champion any more"
    assert champion(run_at()) == "v1"


@pytest.mark.parametrize(
    ("file", "content", "check"),
    [
        (MODEL_FILE, b"PK half a model", "champion_readable"),
        (GOLDEN_FILE, b"PAR1 half", "champion_readable"),
    ],
)
def test_a_champion_whose_files_are_broken(project, run_at, file, content, check):
    (stored,) = stored_files(run_at, file)
    stored.write_bytes(content)
    seen = pipeline.monitor(run_at(morning(LATER), **going_back(run_at, "rollback")))
    assert checks(seen) == [check]
    assert seen.action == "rolled back to baseline"
    assert champion(run_at()) == ""
    after = pipeline.monitor(run_at(morning(LATER + DAY)))
    assert after.champion == "baseline"
    assert not after.severe
    assert after.staleness.is_known, after.staleness.unknown


def test_a_lost_alias_is_severe_and_no_reason_to_go_back(project, run_at):
    run_at().registry.point(ANCHOR, "")
    seen = pipeline.monitor(run_at(morning(LATER), **going_back(run_at, "baseline")))
    assert checks(seen) == ["anchor_present"]
    assert seen.action == ""
    assert champion(run_at()) == "v1"
    assert seen.choice.rule == "health"


def test_rows_that_cannot_be_loaded_and_a_day_without_rows(project, run_at):
    day = datetime(2024, 3, 20, tzinfo=UTC)
    edit(project, lambda rows: rows[~on(rows, day)])
    seen = pipeline.monitor(run_at(morning(day), **going_back(run_at, "rollback")))
    assert checks(seen) == ["volume"]
    assert (seen.rows, seen.action) == (0, ""), "of no rows there is nothing to leave out"
    (project / "data/raw/toy/visits.csv").write_text("no,columns\n1,2\n")
    seen = pipeline.monitor(run_at(morning(day + DAY), **going_back(run_at, "rollback")))
    assert checks(seen) == ["rows_loadable"]
    assert "cannot be loaded" in seen.sentence
    assert seen.champion == "unknown"
    assert champion(run_at()) == "v1"
    assert [look.body["severe"] for look in looks(run_at)] == [True, True]


def test_a_column_that_is_gone_is_the_fault_of_the_rows(project, run_at):
    edit(project, lambda rows: rows.rename(columns={"taste": "flavour"}))
    seen = pipeline.monitor(run_at(morning(LATER), **going_back(run_at, "baseline")))
    assert "missing" in checks(seen)
    assert champion(run_at()) == "v1"
    assert seen.champion == "v1"
    assert looks(run_at)[-1].body["severe"]


def test_no_labels_for_weeks_is_unknown_and_never_nothing(project, run_at, monkeypatch):
    stuck = datetime(2024, 3, 3, tzinfo=UTC)
    load = discovery.load("toy").load

    def late(folder, as_of):
        rows = load(folder, as_of)
        return rows.assign(label_time=rows["label_time"].mask(rows["label_time"] >= stuck))

    seen = pipeline.monitor(loading(run_at(morning(LATER)), late))
    assert "labels_stuck" in checks(seen, "warning")
    assert not seen.severe
    assert seen.realised.worth is None or seen.realised.worth.last_day < stuck
    assert seen.realised.lately is None or seen.realised.lately.last_day < stuck
    assert not seen.staleness.is_known
    assert seen.staleness.unknown
    assert seen.staleness.per_day is None
    page = (project / ".kpi-gate/monitor/toy.html").read_text()
    assert "What staleness costs is not known" in page


def test_outcomes_before_their_events_are_a_wrong_clock(project, run_at):
    day = datetime(2024, 3, 20, tzinfo=UTC)
    load = discovery.load("toy").load

    def skewed(folder, as_of):
        rows = load(folder, as_of)
        wrong = rows["event_time"].between(day, day + DAY, inclusive="left")
        early = rows["event_time"] - timedelta(hours=3)
        return rows.assign(label_time=rows["label_time"].mask(wrong, early))

    seen = pipeline.monitor(loading(run_at(morning(day)), skewed))
    found = next(one for one in seen.those("warning") if one.check == "labels_early")
    assert found.sentence.startswith("30 of ")
    assert found.about == "labels"


def test_events_of_the_future_are_not_looked_at(project, run_at):
    day = datetime(2024, 3, 20, tzinfo=UTC)

    def hurry(rows):
        later = f"{day + 40 * DAY:%Y-%m-%d} 00:00:00+00:00"
        return rows.assign(at=rows["at"].mask(on(rows, day) & (rows.index % 2 == 0), later))

    edit(project, hurry)
    seen = pipeline.monitor(run_at(morning(day)))
    assert seen.rows == 15
    assert [look.body["rows"] for look in looks(run_at)] == [15]


def test_a_champion_that_is_newer_than_the_rows(project, run_at):
    seen = pipeline.monitor(run_at(FIRST - timedelta(days=10, hours=-6)))
    assert seen.realised.worth is None
    assert "before its promotion" in seen.realised.unknown
    assert not seen.staleness.is_known
    assert not seen.severe


def test_a_batch_that_was_there_before_is_quarantined(project, run_at):
    day = datetime(2024, 3, 20, tzinfo=UTC)

    def repeat(rows):
        today, before = on(rows, day), on(rows, day - DAY)
        rows.loc[today, "taste"] = rows.loc[before, "taste"].to_numpy()
        return rows

    edit(project, repeat)
    seen = pipeline.monitor(run_at(morning(day)))
    assert "repeated" in checks(seen)
    assert seen.action == "quarantined 2024-03-20"


def test_rows_that_changed_after_they_were_served(project, run_at):
    day = datetime(2024, 3, 20, tzinfo=UTC)
    pipeline.monitor(run_at(morning(day)))

    def lag(rows):
        today, before = on(rows, day), on(rows, day - DAY)
        rows.loc[today, "taste"] = rows.loc[before, "taste"].to_numpy()
        return rows

    edit(project, lag)
    back = pipeline.monitor(run_at(morning(day - 9 * DAY)))
    assert "vanished" not in checks(back, "warning"), "a look at an earlier day"
    pipeline.monitor(run_at(morning(day)))
    edit(project, lambda rows: rows.assign(taste=rows["taste"].where(~on(rows, day), 0.5)))
    seen = pipeline.monitor(run_at(morning(day + DAY)))
    found = next(one for one in seen.those("warning") if one.check == "skew")
    assert found.column == "taste"
    assert found.value == 1.0


def test_a_predecessor_that_cannot_be_read_hides_nothing_else(second, run_at):
    promotion.reanchor(run_at(), "so that v1 is only a predecessor")
    stored_files(run_at, MODEL_FILE)[0].write_bytes(b"")
    seen = pipeline.monitor(run_at(morning(AFTER_DRIFT + 10 * DAY)))
    assert "replaced_readable" in checks(seen, "warning")
    assert not seen.severe
    assert seen.realised.worth is not None
    assert seen.realised.gain is None


def chosen(run):
    """Let a schedule choose whether to retrain; None where the calendar rules."""
    run.scheduled = True
    assert pipeline.should_retrain(run) == (run.choice is None or run.choice.action == "retrain")
    return run.choice


def money(**more):
    return {"trigger": TriggerSettings(when="money", **more)}


def test_the_calendar_asks_nobody(project, run_at):
    assert chosen(run_at(LATER)) is None
    assert kinds(run_at)["choice"] == 0


def test_money_skips_before_the_taste_turns_and_retrains_after_it(project, run_at):
    early = chosen(run_at(FIRST + 3 * DAY, **money()))
    assert (early.action, early.rule) == ("skip", "cooldown")
    before = chosen(run_at(LATER, **money()))
    assert (before.action, before.rule) == ("skip", "not_worth_it"), before.reason
    assert before.staleness.is_known
    after = chosen(run_at(AFTER_DRIFT, **money()))
    assert (after.action, after.rule) == ("retrain", "money"), after.reason
    assert after.waiting_cost > after.switch_cost
    rows = run_at().ledger.entries("toy", "choice")
    assert [row.body["rule"] for row in rows] == ["cooldown", "not_worth_it", "money"]
    assert rows[-1].body["sentence"] == f"retrain: {after.reason}"
    assert run_at().history.accepted_choice == rows[-1]
    assert chosen(run_at(AFTER_DRIFT, **money())) is None, "chosen, and to be done"
    _, outcome, _ = play(run_at(AFTER_DRIFT, **money()))
    assert outcome.moved
    assert run_at().history.accepted_choice is None, "a decision followed it"
    again = chosen(run_at(AFTER_DRIFT + 3 * DAY, **money()))
    assert (again.action, again.rule) == ("skip", "cooldown")


def test_the_monitor_proposes_what_pays_and_never_while_ill(project, run_at):
    seen = pipeline.monitor(run_at(morning(AFTER_DRIFT)))
    assert {proposal.by for proposal in seen.choice.proposals} >= {"value"}
    assert (seen.choice.action, seen.choice.rule) == ("retrain", "money"), seen.choice.reason
    assert run_at().history.accepted_choice.body["rule"] == "money"
    spoil(project, AFTER_DRIFT + DAY)
    ill = pipeline.monitor(run_at(morning(AFTER_DRIFT + DAY)))
    assert (ill.choice.action, ill.choice.rule) == ("skip", "health")
    assert run_at().history.accepted_choice is None
    asked = chosen(run_at(morning(AFTER_DRIFT + DAY), **money()))
    assert (asked.action, asked.rule) == ("skip", "health")
    assert "monitor as of 2024-07-03: taste" in asked.reason


def test_no_choice_is_made_on_a_champion_that_cannot_be_read(project, run_at):
    stored_files(run_at, MODEL_FILE)[0].write_bytes(b"")
    with pytest.raises(Refusal, match="toy version 1"):
        chosen(run_at(LATER, **money()))
    assert kinds(run_at)["choice"] == 0


def test_a_fault_of_the_rows_is_no_loss_of_the_champion(project, run_at):
    bad = AFTER_DRIFT - DAY
    at_once = {
        "window": run_at().use_case.settings.window.model_copy(update={"label_delay_days": 0.0})
    }
    load = discovery.load("toy").load

    def immediate(folder, as_of):
        rows = load(folder, as_of)
        return rows.assign(label_time=rows["event_time"] + timedelta(minutes=1))

    spoil(project, bad)
    seen = pipeline.monitor(loading(run_at(morning(bad), **at_once), immediate))
    assert seen.severe
    assert seen.staleness.days == run_at().use_case.settings.trigger.judged_days
    assert seen.realised.worth.last_day < bad, "the day does not count from the first look on"


def test_where_a_week_is_looked_at_only_its_new_day_is_suspected(project, run_at):
    bad = datetime(2024, 3, 20, tzinfo=UTC)
    edit(project, lambda rows: rows[rows.index % 2 == 0])
    well = pipeline.monitor(run_at(morning(bad - DAY)))
    assert (well.severe, well.rows) == (False, 105), well.markdown()
    spoil(project, bad)
    seen = pipeline.monitor(run_at(morning(bad)))
    assert seen.window.days == 7
    assert seen.severe, seen.markdown()
    assert seen.action == "quarantined 2024-03-20"
    after = pipeline.monitor(run_at(morning(bad + DAY)))
    assert (after.severe, after.rows, after.action) == (False, 90, ""), after.markdown()
