"""What is played: wrong stretches and settings are refused; other data lie elsewhere."""

from datetime import UTC, datetime, timedelta

import pytest
from histories import END, START, raw_of, scenario_of, toy_found

from kpi_gate.backtest.scenario import _all_over, lay_out
from kpi_gate.backtest.snapshots import keep
from kpi_gate.errors import ConfigurationError
from kpi_gate.usecase import discovery
from kpi_gate.workspace import Workspace


@pytest.fixture(autouse=True)
def _toy():
    with toy_found():
        yield


NEVER_AGAIN = datetime(2931, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "end", "changes", "words"),
    [
        (END, START, {}, r"--to == 2024-04-15, must be after --from 2024-06-24"),
        (START, START, {}, "must be after --from"),
        (START, NEVER_AGAIN, {}, r"--to == 2931-01-01, must not be in the future"),
        (START, START + timedelta(days=7), {}, r"'0 3 \* \* 1' \(UTC\) has 1 ticks in .*least 2"),
        (START, END, {"schedule.retrain": "0 3 1 1 *"}, "has 0 ticks"),
        (START, END, {"schedule.retrain": "0 3 * *"}, "must have 5 fields"),
        (START, END, {"window.tune_dayz": 3}, "window.tune_dayz: there is no such key"),
        (START, END, {"objective.confidence": 2}, r"objective.confidence: .*\(given: 2\)"),
        (START, END, {"objective.unit.of": 2}, "objective.unit is 'USD'"),
    ],
)
def test_a_wrong_stretch_or_setting_is_named_and_nothing_is_fetched(
    tmp_path, start, end, changes, words
):
    with pytest.raises(ConfigurationError, match=words):
        lay_out("toy", start, end, changes, Workspace(root=tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_use_case_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match="no use case 'nope'; there are: toy"):
        lay_out("nope", START, END, {}, Workspace(root=tmp_path))


def test_ticks_are_those_of_the_schedule_and_periods_leave_no_gap(tmp_path):
    scenario = scenario_of(tmp_path)
    assert scenario.ticks[0] == START + timedelta(hours=3)
    assert {b - a for a, b in zip(scenario.ticks, scenario.ticks[1:], strict=False)} == {
        timedelta(days=7)
    }
    ends = [scenario.until(number) for number in range(len(scenario.ticks))]
    assert ends == [*scenario.ticks[1:], END]
    assert scenario.known == END + timedelta(days=7)


def test_a_first_play_that_fetched_the_rows_is_found_again(tmp_path):
    first = scenario_of(tmp_path)
    assert raw_of(first.source).exists(), "fetched once, before several processes want to"
    assert scenario_of(tmp_path).folder == first.folder


def test_what_changes_the_play_changes_its_folder_and_shares_rows_where_it_can(tmp_path):
    plain = scenario_of(tmp_path)
    stricter = scenario_of(tmp_path, objective__confidence=0.9)
    later = scenario_of(tmp_path, window__label_delay_days=3)
    longer = scenario_of(tmp_path, end=END + timedelta(days=7))
    folders = {scenario.folder for scenario in (plain, stricter, later, longer)}
    assert len(folders) == 4
    assert stricter.shared == longer.shared == plain.shared != later.shared
    raw = raw_of(plain.source)
    raw.write_text(raw.read_text() + "v,2024-08-29 00:00:00+00:00,1.0,north,1.0\n")
    assert scenario_of(tmp_path).folder not in folders


def test_other_data_are_fetched_to_a_folder_of_their_own(tmp_path):
    plain, other = scenario_of(tmp_path), scenario_of(tmp_path, data__drift=True)
    assert other.source.root != plain.source.root == Workspace(root=tmp_path).root
    assert other.source.root.is_relative_to(plain.folder.parent)
    assert raw_of(other.source).exists()
    assert other.use_case.settings.data == {"drift": True}
    assert plain.use_case.settings.data == {}
    assert scenario_of(tmp_path, data__drift=False).source.root != other.source.root


def test_young_outcomes_are_looked_up_anew_on_another_day_only():
    now = datetime(2024, 6, 24, 15, 30, tzinfo=UTC)
    long_ago = now - timedelta(days=90)
    assert _all_over(now, long_ago, 2) == long_ago + timedelta(days=7)
    yesterday = now - timedelta(days=1)
    midnight = now.replace(hour=0, minute=0)
    assert _all_over(now, yesterday, 2) == midnight
    assert _all_over(now + timedelta(hours=2), yesterday, 2) == midnight
    assert _all_over(now + timedelta(days=1), yesterday, 2) == midnight + timedelta(days=1)
    assert _all_over(now, now, 2) == now


def test_the_real_settings_stay():
    other = discovery.load_as_if("toy", {"window.tune_days": 14, "trigger.when": "calendar"})
    assert other.settings.window.tune_days == 14
    assert discovery.load("toy").settings.window.tune_days == 10
    assert discovery.load_as_if("toy", {}) is discovery.load("toy")
    assert discovery.load_as_if("toy", {"window.tune_days": 14}) is not other


def test_a_section_that_the_file_leaves_out_can_be_set():
    toy = discovery.load_as_if("toy", {"schedule.monitor": "0 6 * * *", "data.deep.er": [1, 2]})
    assert toy.settings.schedule.monitor == "0 6 * * *"
    assert toy.settings.data == {"deep": {"er": [1, 2]}}


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("objective.unit.of", "objective.unit.of: there is no such key: objective.unit is 'USD'"),
        ("guardrails.measure", "guardrails is"),
        ("nothing.at.all", "nothing: there is no such key"),
    ],
)
def test_a_key_under_a_scalar_or_of_nobody_is_refused(key, words):
    with pytest.raises(ConfigurationError, match=words):
        discovery.load_as_if("toy", {key: 1})
    assert discovery.load("toy").settings.objective.unit == "USD"


@pytest.mark.parametrize("fault", [OSError("disk full"), ValueError("no"), KeyboardInterrupt()])
def test_half_a_folder_never_has_its_name(tmp_path, fault):
    target = tmp_path / "models" / "one"

    def half(folder):
        (folder / "model.skops").write_text("half")
        raise fault

    with pytest.raises(type(fault)):
        keep(target, half)
    assert list(target.parent.iterdir()) == []
    keep(target, lambda folder: (folder / "model.skops").write_text("whole"))
    keep(target, half)  # it is there: nothing is done
    assert (target / "model.skops").read_text() == "whole"


def test_of_two_that_fill_a_folder_the_first_wins(tmp_path):
    target = tmp_path / "one"

    def slower(folder):
        keep(target, lambda other: (other / "a").write_text("first"))
        (folder / "a").write_text("second")

    keep(target, slower)
    assert [path.name for path in tmp_path.iterdir()] == ["one"]
    assert (target / "a").read_text() == "first"
