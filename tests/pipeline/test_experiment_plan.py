"""The size of an experiment follows from the decisions on which the two policies differ."""

import numpy as np
import pytest

from kpi_gate.evaluation.scored_model import make_side
from kpi_gate.experiment.plan import Metric
from kpi_gate.pipeline.experiment_plan import _apart, _mature, _side

pytestmark = pytest.mark.slow


def test_money_varies_as_it_does_where_the_policies_differ(second_decision, run_at):
    from starts import AFTER_DRIFT

    run = run_at(AFTER_DRIFT)
    rows, models = _mature(run), (run.champion, run.candidate)
    share, apart = _apart(run, rows, _side(run, rows, models[0]), models[1], Metric())
    sides = [make_side("champion", model, run.use_case, rows, 0.5) for model in models]
    differs = sides[0].action != sides[1].action
    assert share == pytest.approx(differs.mean())
    assert 0 < share < 1
    assert (apart[~differs] == 0).all()
    assert apart.mean() == pytest.approx(0, abs=1e-9)
    there = [side.value[differs].var() for side in sides]
    assert np.square(apart).mean() * share == pytest.approx(np.mean(there) * share)


def test_where_nobody_knows_where_they_differ_all_decisions_count(second_decision, run_at):
    from starts import AFTER_DRIFT

    run = run_at(AFTER_DRIFT)
    rows = _mature(run)
    control = _side(run, rows, run.champion)
    assert _apart(run, rows, control, None, Metric()) is None
    assert _apart(run, rows, control, run.champion, Metric()) is None
    rate = Metric(numerator="outcome", denominator="action")
    assert _apart(run, rows, control, run.candidate, rate) is None
