"""The Open Bandit sample is refused for too little evidence, and for nothing else."""

import importlib.util

import pytest

from kpi_gate.decision.verdict import Verdict
from kpi_gate.evaluation.judge import judge
from kpi_gate.examples.sources import open_bandit

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec(open_bandit.CARRIER) is None,
        reason=f"the data carrier {open_bandit.CARRIER} is not installed; `make install` does it",
    ),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bandit")
    open_bandit.write(folder)
    return folder


def judged(folder, name):
    return judge(folder / f"{name}.parquet", folder / "objective.yaml")


def failed(decision):
    return {check.name: check for check in decision.checks if check.failed}


def test_the_sample_is_what_its_authors_say():
    log = open_bandit.read_log("random", "all")
    assert len(log) == 10_000
    assert log["item_id"].nunique() == 80
    assert log["click"].sum() == 38
    assert set(log["position"]) == {1, 2, 3}
    assert (log["propensity_score"] == 1 / 80).all()


@pytest.mark.parametrize("campaign", open_bandit.CAMPAIGNS)
def test_chances_of_the_candidate_are_those_of_a_policy(folder, campaign):
    # what a policy does has weights of mean 1 on any log that can show all of it
    rows = open_bandit.question(campaign)
    weight = rows["probability_candidate"] / rows["propensity"]
    assert weight.mean() == pytest.approx(1, abs=4 * weight.std() / len(rows) ** 0.5)


@pytest.mark.parametrize("campaign", open_bandit.CAMPAIGNS)
def test_it_is_refused_for_too_little_evidence_and_told_how_much_is_needed(folder, campaign):
    decision = judged(folder, campaign)
    assert decision.verdict == Verdict.INSUFFICIENT_EVIDENCE
    assert {"effective_units", "effective_winners"} <= set(failed(decision))
    assert not any(check.failing == Verdict.INVALID for check in failed(decision).values())
    assert decision.gain.estimate > 0  # as its authors found on the whole data
    assert decision.rows_needed > 20_000


def test_a_log_that_hardly_shows_what_is_asked_is_refused_for_its_weights(folder):
    decision = judged(folder, "women_reversed")
    assert decision.verdict == Verdict.INSUFFICIENT_EVIDENCE
    share, largest = (failed(decision)[name] for name in ("effective_share", "largest_weight"))
    assert share.value * 10_000 == pytest.approx(2.1, abs=0.05)  # effective rows
    assert largest.value > 0.6


def test_another_file_is_refused(monkeypatch):
    monkeypatch.setitem(open_bandit.SHA256, "random/men", "0" * 16)
    with pytest.raises(ValueError, match=r"random/men/men.csv: sha256 begins ede6d08c6877f99c"):
        open_bandit.question("men")


def test_without_the_carrier_it_says_what_to_do(monkeypatch):
    monkeypatch.setattr(open_bandit, "CARRIER", "no_such_carrier")
    with pytest.raises(FileNotFoundError, match="no_such_carrier is not installed; run `make"):
        open_bandit.read_log("random", "all")
