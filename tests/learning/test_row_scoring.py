import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpi_gate.learning import row_scoring
from kpi_gate.learning.row_scoring import require_scores, score_partly
from kpi_gate.learning.scoring import ScoringError


def table(regions, visits=None):
    count = len(regions)
    return pd.DataFrame(
        {
            "unit": [f"u{place}" for place in range(count)],
            "event_time": pd.date_range("2024-01-01", periods=count, tz="UTC"),
            "region": regions,
            "visits": np.arange(count, dtype=float) if visits is None else visits,
        }
    )


class Picky:
    """Knows north and south alone, as an encoder that was fitted on them."""

    calls = 0

    def score(self, rows):
        self.calls += 1
        if not rows["region"].isin(["north", "south"]).all():
            raise ScoringError("ValueError: Found unknown categories ['west'] in column 0")
        return rows["visits"].to_numpy() / 1000

    def predict_proba(self, rows):
        chance = self.score(rows)
        return np.column_stack([1 - chance, chance])


def partly(rows, score, instead=0.5):
    return score_partly(score, rows, ["region", "visits"], np.full(len(rows), instead))


def test_rows_that_cannot_be_scored_keep_what_is_given_instead():
    rows = table(["north", "west", "south", "north", "west"])
    found = partly(rows, Picky().score)
    assert found.scores.tolist() == [0.0, 0.5, 0.002, 0.003, 0.5]
    assert found.failed.tolist() == [False, True, False, False, True]
    assert found.words == (
        "2 of 5 rows, the first of them row 1 (unit u1, event_time 2024-01-02 00:00:00+00:00): "
        "ValueError: Found unknown categories ['west'] in column 0; region is 'west' in all of "
        "them and in no other"
    )


def test_a_table_that_can_be_scored_is_scored_at_once():
    picky = Picky()
    found = partly(table(["north", "south"]), picky.score)
    assert (found.words, found.failed.any(), picky.calls) == ("", False, 1)
    assert partly(table([]), picky.score).scores.shape == (0,)


def test_what_is_not_finite_is_no_score():
    found = partly(table(["north"] * 3), lambda rows: np.where(rows["visits"] == 1, np.nan, 0.2))
    assert found.scores.tolist() == [0.2, 0.5, 0.2]
    assert "predict_proba gave no finite number" in found.words


def test_a_missing_input_is_named():
    def score(rows):
        if rows["visits"].isna().any():
            raise ScoringError("ValueError: Input X contains NaN")
        return np.zeros(len(rows))

    found = partly(table(["north"] * 4, [1.0, np.nan, 2.0, np.nan]), score)
    assert "2 of 4 rows" in found.words
    assert "; visits is missing in all of them and in no other" in found.words


@given(st.lists(st.sampled_from(["north", "south", "west"]), max_size=60))
def test_every_row_is_told_apart(regions):
    found = partly(table(regions), Picky().score)
    assert found.failed.tolist() == [region == "west" for region in regions]


def test_many_rows_cost_a_bounded_number_of_calls():
    generator = np.random.default_rng(1)
    regions = generator.choice(["north", "south", "west"], 20_000, p=[0.5, 0.3, 0.2])
    picky, rows = Picky(), table(regions)
    found = partly(rows, picky.score)
    assert picky.calls <= row_scoring.MOST_CALLS + 1  # once more for the words
    bad = regions == "west"
    assert found.failed[bad].all()
    assert found.failed[~bad].mean() < 0.01  # in doubt at the edges of what failed


def test_of_several_choices_each_must_have_a_score():
    def score(rows):
        both = np.full((len(rows), 2), 0.1)
        both[rows["visits"].to_numpy() == 0, 1] = np.nan
        return both

    found = score_partly(score, table(["north"] * 3), ["visits"], np.full((3, 2), 0.7))
    assert found.scores.tolist() == [[0.7, 0.7], [0.1, 0.1], [0.1, 0.1]]


def test_a_model_that_must_score_all_says_which_it_cannot():
    rows = table(["north", "west"])
    require_scores(Picky(), rows.head(1), ["region", "visits"], "it")
    with pytest.raises(ScoringError, match=r"^it cannot score 1 of 2 rows, .*region is 'west'"):
        require_scores(Picky(), rows, ["region", "visits"], "it")
