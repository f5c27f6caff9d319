"""The monitor on a real Prefect server and at the door, and the retraining that it asks for."""

import json

import pandas as pd
import pytest
from door import call, run
from starts import AFTER_DRIFT, LATER, champion
from typer.testing import CliRunner

from kpi_gate.cli.app import app
from kpi_gate.run.opening import now

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("prefect"), pytest.mark.timeout(400)]
RUNNER = CliRunner()


@pytest.fixture
def emitted(monkeypatch):
    """Return the events that the flow emits, as they were given."""
    from kpi_gate.orchestration import artifacts

    events = []
    monkeypatch.setattr(
        artifacts,
        "emit_event",
        lambda name, resource, payload: events.append((name, resource, payload)),
    )
    return events


def spoil(project, day):
    """Let the taste of a day be a hundred times what it was."""
    path = project / "data/raw/toy/visits.csv"
    visits = pd.read_csv(path)
    bad = visits["at"].str.startswith(day)
    visits.assign(taste=visits["taste"].mask(bad, 100 * visits["taste"])).to_csv(path, index=False)


def test_looks_with_their_artifacts_and_the_event_that_starts_a_retraining(
    prefect_server, run_at, first_champion, emitted, monkeypatch
):
    from prefect.client.orchestration import get_client

    import flows.monitor as module

    silences = []
    monkeypatch.setattr(module, "tell_silence", lambda run: silences.append(run.as_of))
    seen = module.monitor("toy", LATER)
    assert not seen.severe
    assert (emitted, silences) == ([], [])
    with get_client(sync_client=True) as client:
        shown = {artifact.key: artifact for artifact in client.read_artifacts()}
        named = {
            (made.name, made.state.name, made.state.message) for made in client.read_flow_runs()
        }
    assert ("toy as of 2024-04-01", "WELL", seen.sentence) in named
    assert shown["toy-monitor"].description == seen.sentence
    checks = [found["check"] for found in json.loads(shown["toy-findings"].data)]
    assert checks == [found.check for found in seen.findings]

    stale = module.monitor("toy", AFTER_DRIFT, scheduled=True)
    assert stale.choice.action == "retrain"
    ((name, resource, payload),) = emitted
    assert name == "kpi-gate.retrain.proposed"
    assert resource == {"prefect.resource.id": "kpi-gate.use-case.toy"}
    assert payload == {"rule": "money", "reason": stale.choice.reason}
    assert silences == [AFTER_DRIFT]
    kinds = [entry.kind for entry in run_at().ledger.entries()]
    assert kinds[3:] == ["monitor", "choice", "monitor"]


def test_a_scheduled_tick_that_does_not_pay_is_completed_by_its_choice(
    prefect_server, project, run_at, first_champion
):
    from flows.retrain import retrain

    with (project / "src/toys/usecases/toy.yaml").open("a", encoding="utf-8") as settings:
        settings.write("trigger: {when: money}\n")
    state = retrain("toy", LATER, scheduled=True, return_state=True)
    assert state.is_completed()
    choice = state.result().choice
    assert (choice.action, choice.rule) == ("skip", "not_worth_it")
    kinds = [entry.kind for entry in run_at().ledger.entries()]
    assert kinds == ["decision", "intent", "done", "choice"]
    assert champion(run_at()) == "v1"
    result = retrain("toy", AFTER_DRIFT, scheduled=True)
    assert "is champion now" in result.outcome
    assert run_at().ledger.entries("toy", "choice")[-1].body["rule"] == "money"


def test_the_monitor_at_the_door(prefect_server, project, run_at, first_champion):
    spoil(project, "2024-03-20")
    asked = ("monitor", "toy", "--as-of", "2024-03-21", "--json")
    code, out, err = run(project, *asked, PREFECT_API_URL=prefect_server)
    answer = json.loads(out)
    assert code == 20, err
    assert (answer["severe"], answer["action"]) == (True, "quarantined 2024-03-20")
    well = RUNNER.invoke(app, ["monitor", "toy", "--as-of", "2024-03-22"])
    assert well.exit_code == 0, well.output
    assert "toy, champion v1, [2024-03-21, 2024-03-22)" in well.output
    assert "Page: .kpi-gate/monitor/toy.html" in well.output

    def release(*words):
        return call("monitor", "toy", "--release", *words)

    assert release("2024-03-19", "--reason", "why not") == (
        2,
        "",
        "kpi-gate: toy: 2024-03-19 is not in quarantine\n",
    )
    told = "a release from quarantine needs a reason, which is recorded: --reason '...'"
    assert release("2024-03-20")[2] == f"kpi-gate: {told}\n"
    code, _, err = release("someday", "--reason", "x")
    assert code == 2
    assert "'someday' is no day" in err
    code, out, _ = release("2024-03-20", "--reason", "it was right")
    assert code == 0
    assert "2024-03-20 is out of quarantine" in out
    assert run_at(now()).history.quarantined == frozenset()
