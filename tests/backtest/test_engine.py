"""Policies played on the toy's history, whose taste turns at the end of April."""

import json
import pickle
import shutil
from datetime import timedelta

import pandas as pd
import pytest
from histories import END, START, TURN, edit_visits, scenario_of, toy_found
from starts import play as retrain_by_steps

from kpi_gate.backtest import accounting, engine, outcomes, policies, snapshots
from kpi_gate.backtest.engine import play
from kpi_gate.decision.verdict import Verdict
from kpi_gate.pipeline import loading
from kpi_gate.record.model_files import ModelCard
from kpi_gate.release import quarantine
from kpi_gate.run.context import Run
from kpi_gate.usecase import discovery
from kpi_gate.workspace import Workspace

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _toy():
    with toy_found():
        yield


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """Ten weeks around the turn, played once in this process."""
    with toy_found():
        scenario = scenario_of(tmp_path_factory.mktemp("played"))
        return scenario, play(scenario, 1)


def test_the_gate_promotes_once_after_the_turn_and_beats_its_rivals(played):
    scenario, found = played
    assert len(found.ticks) == len(scenario.ticks) == 10
    gate = found.policies["gate"]
    first, made = gate.history
    assert first.replaced == "baseline"
    assert made.as_of > TURN
    assert made.false is False
    assert made.gained.lower > 0
    # the first stayed until the taste had turned, and lost more than it had earned
    assert first.until > TURN
    assert (gate.promotions, first.false, gate.false_promotions) == (2, True, 1)
    assert found.policies["never"].promotions == 1, "the first model"
    assert found.policies["baseline"].promotions == 0
    always = found.policies["always"]
    assert always.promotions == 10
    assert always.false_promotions == sum(one.gained.estimate <= 0 for one in always.history) > 0
    assert gate.over_never.lower > 0
    assert gate.net.estimate > always.net.estimate
    assert found.share_of_best == pytest.approx(
        gate.over_never.estimate
        / max(found.policies[name].over_never.estimate for name in ("always", "metric"))
    )


def test_the_sums_of_the_ticks_are_the_policies_kpi_and_the_oracle_is_never_behind(played):
    scenario, found = played
    best, never = found.policies["oracle"].net.estimate, found.policies["never"].net.estimate
    for name, policy in found.policies.items():
        net = policy.net
        assert sum(tick.kpi[name] for tick in found.ticks) == pytest.approx(policy.gross)
        assert policy.switching == policy.promotions * found.switch_cost
        assert net.estimate == pytest.approx(policy.gross - policy.switching)
        assert policy.regret == pytest.approx(best - net.estimate)
        assert policy.regret >= -1e-6
        assert policy.over_never.estimate == pytest.approx(net.estimate - never)
        assert net.lower < net.estimate < net.upper
    assert found.switch_cost == scenario.use_case.settings.objective.switch_cost > 0
    zero = found.policies["never"].over_never
    assert (zero.lower, zero.estimate, zero.upper) == (0.0, 0.0, 0.0)
    assert [tick.decisions for tick in found.ticks] == [210] * 9 + [180]  # the last: six days
    assert all(tick.settled == tick.decisions for tick in found.ticks)
    assert found.policies["oracle"].false_promotions == 0


def test_models_trained_on_everything_have_seen_the_newest_mature_rows(played):
    scenario, found = played
    seen = [ModelCard.read(scenario.model(tick.models["everything"])) for tick in found.ticks]
    twins = [tick.models["always"].removesuffix(policies.AGAIN) for tick in found.ticks]
    held = [ModelCard.read(scenario.model(name)) for name in twins]
    for tick, ours, theirs in zip(found.ticks, seen, held, strict=True):
        assert ours.contender.trained_until > theirs.contender.trained_until
        assert ours.contender.seen_until() <= tick.as_of


def test_the_gate_measures_against_the_champion_in_use_and_the_first_as_anchor(played):
    scenario, found = played
    champion = scenario.run(len(scenario.ticks) - 1, policies.GATE).work / "champion"
    _, made = found.policies["gate"].history
    assert ModelCard.read(champion).contender.name == made.promoted
    assert ModelCard.read(champion / "anchor").contender.name == made.replaced == "gate-0000-refit"


def test_the_metric_promotes_where_it_is_higher_and_only_there(played):
    scenario, found = played
    moves = policies.moves(scenario, policies.METRIC, len(scenario.ticks))
    assert moves[0].sentence == "the first model"
    for move in moves[1:]:
        _, ours, _, theirs = move.sentence.split()
        assert move.moved == (float(ours) > float(theirs))
        assert move.verdict == ("higher" if move.moved else "not higher")
    promotions = found.policies["metric"].promotions
    assert promotions == sum(move.moved for move in moves)
    assert 1 < promotions < len(moves)


def test_forgone_is_what_the_waiting_candidate_earned_more(played):
    scenario, found = played
    tally = accounting.Reckoning(scenario)
    moves = policies.moves(scenario, policies.GATE, len(scenario.ticks))
    waited = [k for k, move in enumerate(moves) if move.candidate and not move.moved]
    assert waited
    for number, tick in enumerate(found.ticks):
        more = tally.total(number, moves[number].candidate) - tally.total(
            number, moves[number].model
        )
        assert tick.forgone == pytest.approx(more if number in waited else 0.0)
    lost = [tick.forgone for tick in found.ticks if tick.forgone < 0]
    assert lost
    assert found.waiting_saved == pytest.approx(-sum(lost))
    assert found.waiting_cost - found.waiting_saved == pytest.approx(
        sum(tick.forgone for tick in found.ticks)
    )


def decided(scenario, number):
    """Return the gate's numbers at a tick of the play, from the play's own ledger."""
    run = scenario.run(number, policies.GATE)
    (body,) = (
        entry.body
        for entry in run.ledger.entries("toy", "decision")
        if entry.body["as_of"] == run.as_of.isoformat()
    )
    return body


def test_its_decisions_are_those_of_real_retrainings(played, project):
    scenario, _ = played
    found = []
    for as_of in scenario.ticks[:3]:
        run = Run(scenario.use_case, as_of, Workspace(root=project))
        entry, _, _ = retrain_by_steps(run)
        found.append(entry.body)
    assert found[0]["verdict"] == "PROMOTE", "else the two have no common start"
    for number, real in enumerate(found):
        ours = decided(scenario, number)
        assert ours["verdict"] == real["verdict"]
        assert ours["snapshot_rows"] == real["snapshot_rows"]
        assert snapshots.read_json(scenario.facts(number))["fingerprint"] == real["snapshot"]
        for part in ("gain", "corners"):
            assert ours["decision"].get(part) == real["decision"].get(part)
        assert ours["decision"]["lineage"]["window"] == real["decision"]["lineage"]["window"]
        assert looked_at(ours) == looked_at(real)
    assert ours["decision"]["gain"]["estimate"] != 0


def looked_at(body):
    """Return what the gate looked at; how long scoring takes is another matter every time."""
    return [
        (check["name"], check["passed"], check["value"], check["bound"])
        for check in body["decision"]["checks"]
        if "latency" not in check["name"]
    ]


def test_nothing_later_than_a_tick_is_known_at_it(played, tmp_path):
    scenario, _ = played
    last = 5
    moment = scenario.ticks[last]

    def poison(visits, at):
        later = at + timedelta(days=2) >= moment  # not known at the tick: outcome, or all of it
        visits.loc[later, "bought"] = 1.0 - visits.loc[later, "bought"]
        visits.loc[at >= moment, "taste"] = 99.0

    edit_visits(Workspace(root=tmp_path), poison)
    other = scenario_of(tmp_path)
    assert other.folder.name != scenario.folder.name, "other rows are another play"
    for number in range(last + 1):
        snapshots.freeze(other, number)
        policies.step(other, policies.GATE, number)
    assert policies.moves(other, policies.GATE, last + 1) == policies.moves(
        scenario, policies.GATE, last + 1
    )
    for number in range(last + 1):
        assert decided(other, number) == decided(scenario, number)
    frozen = snapshots.read_json(scenario.facts(last))["fingerprint"]
    assert snapshots.read_json(other.facts(last))["fingerprint"] == frozen
    snapshots.freeze(other, last + 1)
    after = snapshots.read_json(other.facts(last + 1))["fingerprint"]
    assert after != snapshots.read_json(scenario.facts(last + 1))["fingerprint"], "poison was there"


def test_an_interrupted_play_goes_on_where_it_was(played, tmp_path, monkeypatch):
    scenario, found = played
    shutil.copytree(scenario.source.root, tmp_path, symlinks=True, dirs_exist_ok=True)
    again = scenario_of(tmp_path)
    assert again.folder.name == scenario.folder.name
    for number in range(6, 10):  # as if it had been cut off
        for policy in policies.ACTING:
            (again.folder / policy / "moves" / f"{number:04d}.json").unlink()
        (again.folder / "periods" / f"{number:04d}.parquet").unlink()
    shutil.rmtree(again.model("gate-0008"))
    kept = {path: path.stat().st_mtime_ns for path in again.folder.glob("*/moves/*.json")}
    kept |= {path: path.stat().st_mtime_ns for path in again.folder.glob("earned/000[0-5]-*")}
    step, asked = policies.step, []

    def cut_off(scenario, policy, number):
        asked.append(number)
        if number == 8:
            raise KeyboardInterrupt
        step(scenario, policy, number)

    monkeypatch.setattr(policies, "step", cut_off)
    with pytest.raises(KeyboardInterrupt):
        play(again, 1)
    assert asked.count(8) == 1, "it stops at once"
    monkeypatch.setattr(policies, "step", step)
    assert play(again, 1).as_json() == found.as_json()
    assert kept == {path: path.stat().st_mtime_ns for path in kept}
    assert play(scenario, 1).as_json() == found.as_json(), "played again, the same"
    assert json.loads(json.dumps(found.as_json(), allow_nan=False)) == found.as_json()


def test_weeks_in_which_the_newest_model_does_harm(tmp_path):
    """Two weeks of wrong labels: who learned from them loses when they are over."""
    start, end = START - timedelta(days=42), START + timedelta(days=14)
    wrong = start + timedelta(days=7), start + timedelta(days=21)

    def flip(visits, at):
        during = (at >= wrong[0]) & (at < wrong[1])
        visits.loc[during, "bought"] = 1.0 - visits.loc[during, "bought"]

    edit_visits(Workspace(root=tmp_path), flip)
    found = play(scenario_of(tmp_path, start, end), 1)
    gate, always = found.policies["gate"], found.policies["always"]
    after = [tick for tick in found.ticks if tick.as_of >= wrong[1]]
    harmed = [tick for tick in after if tick.kpi["always"] < tick.kpi["never"] - 100]
    assert len(harmed) >= 3
    assert all(tick.verdict != Verdict.PROMOTE.value for tick in harmed)
    assert all(tick.kpi["gate"] == tick.kpi["never"] for tick in harmed)
    assert always.over_never.upper < 0
    assert gate.net.estimate > always.net.estimate
    assert gate.false_promotions == 0 < always.false_promotions


def test_processes_play_the_same(tmp_path):
    end = START + timedelta(days=8)
    told = []
    two = scenario_of(tmp_path / "together", end=end)
    many = play(two, 2, lambda done, of: told.append((done, of)))
    assert many.as_json() == play(scenario_of(tmp_path / "alone", end=end), 1).as_json()
    assert told == [(done, 13) for done in range(1, 14)]
    sent = pickle.loads(pickle.dumps(two))  # noqa: S301  (used already, and can be sent again)
    assert sent == two
    assert sent.use_case.name == "toy"


def test_before_the_first_model_the_rule_of_thumb_decides(tmp_path):
    """The first ticks have too little to learn from; the gate waits for its first PROMOTE."""
    start = END.replace(month=1, day=14)
    found = play(scenario_of(tmp_path, start, start + timedelta(days=29)), 1)
    models = [tick.models["never"] for tick in found.ticks]
    assert models[0] == "baseline" != models[-1]
    assert set(models[1:]) <= {"baseline", models[-1]}, "the first, and none after it"
    begun = [tick.models["gate"] for tick in found.ticks]
    said = [tick.verdict for tick in found.ticks]
    first = said.index("PROMOTE") if "PROMOTE" in said else len(said)
    assert begun[:first] == ["baseline"] * first
    never = found.policies["never"]
    assert [made.replaced for made in never.history] == ["baseline"]


def test_days_in_quarantine_and_tolerated_rows_are_not_learned_from(tmp_path):
    """A quarantine holds for every policy from the first tick after it was recorded on."""
    workspace = Workspace(root=tmp_path)
    workspace.home.mkdir(parents=True)
    days = frozenset((START - timedelta(days=back)).date() for back in range(10, 13))
    put = Run(discovery.load("toy"), START + timedelta(days=3), workspace)
    quarantine.put(put, days, quarantine.ADD, "the counter was broken")

    def spoil(visits, at):
        visits.loc[visits.index[at >= START - timedelta(days=20)][0], "taste"] = 1e6

    edit_visits(workspace, spoil)
    end = START + timedelta(days=13)
    scenario = scenario_of(tmp_path, end=end, validation__tolerated_share=0.01)
    assert scenario_of(tmp_path / "elsewhere", end=end).quarantines == ()
    for number in range(2):
        snapshots.freeze(scenario, number)
        for policy in policies.ACTING:
            policies.step(scenario, policy, number)
            snapshot = scenario.run(number, policy).frozen_as("")
            learned = set(snapshot.learnable["event_time"].dt.date)
            assert snapshot.days("quarantined") == (days if number else frozenset())
            assert learned.isdisjoint(days) if number else learned > days
            assert snapshot.frozen["taste"].max() == 1e6 > snapshot.learnable["taste"].max()
    assert decided(scenario, 1)["decision"]["lineage"]["set_aside"] > 0


def test_rows_that_cannot_be_kept_are_refused_as_in_a_retraining(tmp_path, monkeypatch):
    load = loading.load_rows

    def spoiled(run):
        rows = load(run).astype({"taste": object})
        rows.loc[5, "taste"] = "sweet"
        return rows

    monkeypatch.setattr(loading, "load_rows", spoiled)
    scenario = scenario_of(tmp_path)
    snapshots.freeze(scenario, 0)
    for policy in policies.ACTING:
        policies.step(scenario, policy, 0)
    check, reason = snapshots.read_json(scenario.facts(0))["refused"]
    assert check == "rows_writable"
    assert "taste" in reason
    assert decided(scenario, 0)["verdict"] == "INVALID"
    used = {policies.moves(scenario, policy, 1)[0].model for policy in policies.ACTING}
    assert used == {""}


def test_a_day_that_a_model_cannot_score_goes_on_without_a_model(tmp_path):
    """The logistic regression takes no nulls; all are offered something on that day."""
    bad = START + timedelta(days=10)

    def drop(visits, at):
        visits.loc[at == bad, "taste"] = None

    edit_visits(Workspace(root=tmp_path), drop)
    scenario = scenario_of(tmp_path, end=START + timedelta(days=13))
    found = play(scenario, 1)
    rows = pd.read_parquet(outcomes.period_path(scenario, 1))
    on_it = (rows["event_time"] == bad).to_numpy()
    ours, baseline = (outcomes.earned(scenario, 1, name) for name in ("gate-0000-refit", ""))
    assert on_it.sum() == 30
    assert (ours[on_it] == baseline[on_it]).all()
    assert (ours[~on_it] != baseline[~on_it]).any()
    assert found.ticks[1].kpi["gate"] == pytest.approx(ours.sum())


def test_ctrl_c_in_this_process_stops_at_once():
    def cut_off():
        raise KeyboardInterrupt

    with engine.open_pool(1) as pool, pytest.raises(KeyboardInterrupt):
        pool.submit(cut_off)
    with engine.open_pool(1) as pool, pytest.raises(ZeroDivisionError):
        pool.submit(lambda: 1 / 0).result()
